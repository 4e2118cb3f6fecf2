"""The data held of requests that were sent."""

from backend.api.models import IdempotencyKey, OwnIdempotencyKey
from backend.privacy import held

# Answers to others as well, such as those that tell staff whose hours they verified.
for model in (IdempotencyKey, OwnIdempotencyKey):
    held.left_out(
        "a hash of what was sent and what came of it, for a week", model, "user", is_deleted=True
    )
