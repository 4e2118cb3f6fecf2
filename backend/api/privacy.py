"""The data held of requests that were sent."""

from backend.api.models import IdempotencyKey
from backend.privacy import held

# Answers to others as well, such as those that tell staff whose hours they verified.
held.left_out(
    "a hash of what was sent and what came of it, for a week",
    IdempotencyKey,
    "user",
    is_deleted=True,
)
