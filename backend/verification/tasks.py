"""Tasks of verifications."""

from backend.verification.services import asking


def sweep_verifications() -> dict[str, int]:
    """Ask for tonight's verification of every community. Idempotent while they wait or run."""
    return {"asked": asking.ask_tonight()}
