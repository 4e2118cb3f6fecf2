"""Refusals of the request itself, at any endpoint."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, Refusal


class SecondFactorRequired(Forbidden):
    code = "second_factor_required"
    title = _("This needs a log-in with a password and a code from your authenticator.")


class Suspended(Forbidden):
    """Refusal of what a suspended person may not do meanwhile.

    ``ends_at`` is when the suspension ends by itself, or null if it is to be lifted.
    """

    code = "suspended"
    title = _("You are suspended here; what you have stays yours.")


class InvalidCursor(Invalid):
    code = "invalid_cursor"
    title = _("This page link is damaged; start again from the first page.")


class IdempotencyKeyMissing(Invalid):
    code = "idempotency_key_missing"
    title = _("This request needs an Idempotency-Key header.")


class IdempotencyKeyInvalid(Invalid):
    code = "idempotency_key_invalid"
    title = _("An Idempotency-Key is 1 to 200 visible ASCII characters.")


class IdempotencyKeyInUse(Conflict):
    code = "idempotency_key_in_use"
    title = _("The first request with this Idempotency-Key is still running; ask again.")


class IdempotencyKeyReused(Refusal):
    """Refusal with a status of its own, 422, as the IETF draft demands."""

    code = "idempotency_key_reused"
    title = _("This Idempotency-Key was used for another request.")


class PreconditionFailed(Refusal):
    """Refusal with a status of its own, 412, as HTTP demands."""

    code = "precondition_failed"
    title = _("It has been changed since you read it; read it again first.")


class CommunityMoved(Conflict):
    """Refusal of every write of a community that has moved away; ``moved_to`` is where it is now.

    The database refuses such a write, wherever it comes from: backend/communities/fence.py.
    """

    code = "community_moved"
    title = _("This community has moved; it goes on elsewhere.")
