"""Tasks of passing points on."""

from backend.accounts.models import User
from points.passing import services


def sweep_merged() -> dict[str, int]:
    """Pass on what reached wallets of merged records since, or is owed there.

    Idempotent. There are few such records, and most of them have nothing.
    """
    merged = User.objects.filter(merged_into__isnull=False, erased_at__isnull=True)
    passed = [services.pass_on_late(one) for one in merged.select_related("merged_into")]
    return {"points": sum(passed)}
