"""Tasks of imports."""

from backend.imports.services import steps


def remove_old_files() -> dict[str, int]:
    """Remove the files that were kept long enough. Idempotent: a second run finds none."""
    return {"removed": steps.remove_old_files()}
