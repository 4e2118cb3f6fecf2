"""Tasks of documents."""

from backend.documents import services


def remove_expired_documents() -> dict[str, int]:
    """Remove the files that were kept long enough. Idempotent: a second run finds none."""
    return {"removed": services.remove_expired()}
