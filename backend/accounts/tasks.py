"""Housekeeping of people's tables."""

from backend.accounts.services import attempts


def forget_old_attempts() -> dict[str, int]:
    """Delete attempts that no longer count. Idempotent: a second run finds none."""
    return {"deleted": attempts.forget_old()}
