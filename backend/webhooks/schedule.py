"""When a delivery that failed is tried again."""

from datetime import timedelta
from uuid import UUID

# Seconds after the first, the second … attempt: 5 s to a day, about 62 hours in all.
WAITS = (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 72_000, 86_400)
ATTEMPTS = len(WAITS) + 1
JITTER = 0.1  # at most a tenth longer


def wait_after(attempts: int, delivery_id: UUID) -> timedelta | None:
    """How long to wait after so many (from 1 on) failed; ``None``: it is given up.

    The id decides how much later, so that what failed together does not come back together, and
    asking again says the same.
    """
    if attempts >= ATTEMPTS:
        return None
    # The last bits of a UUIDv7 are random, the first ones are a clock.
    part = (delivery_id.int & 0xFFFF) / 0xFFFF
    return timedelta(seconds=WAITS[attempts - 1] * (1 + JITTER * part))
