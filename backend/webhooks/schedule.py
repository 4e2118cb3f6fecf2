"""When a delivery that failed is tried again, and a receiver that gave no answer asked."""

from datetime import timedelta
from uuid import UUID

# Seconds after the first, the second … attempt: 5 s to a day, about 62 hours in all.
WAITS = (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 72_000, 86_400)
ATTEMPTS = len(WAITS) + 1
SILENCES = 4  # so many of WAITS are for receivers too: each is asked every half hour
JITTER = 0.1  # at most a tenth longer


def wait_after(attempts: int, delivery_id: UUID) -> timedelta | None:
    """How long to wait after so many (from 1 on) failed; ``None``: it is given up.

    The id decides how much later, so that what failed together does not come back together, and
    asking again says the same.
    """
    if attempts >= ATTEMPTS:
        return None
    return _wait(attempts, delivery_id)


def silence_after(silences: int, delivery_id: UUID) -> timedelta:
    """How long a receiver is left alone that gave no answer so many times (from 1 on) in a row."""
    return _wait(min(silences, SILENCES), delivery_id)


def _wait(number: int, delivery_id: UUID) -> timedelta:
    # The last bits of a UUIDv7 are random, the first ones are a clock.
    part = (delivery_id.int & 0xFFFF) / 0xFFFF
    return timedelta(seconds=WAITS[number - 1] * (1 + JITTER * part))
