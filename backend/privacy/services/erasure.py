"""Leaving for good: asked for, taken back, and done after the grace period (PIPL 47).

What people did stays, with nobody's name behind it: hours, points, redemptions, the trail. Who
somebody was, how they logged in and what was told in confidence is erased, as each app declares.
tests/backend/test_erasure.py checks every column of a person and all that refers to one, and says
what becomes of each.
"""

import secrets
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services.people import keep_off_lists, locked
from backend.api.errors import CommunityMoved
from backend.audit import services as trail
from backend.locks import lock_by_id
from backend.privacy import held, selectors
from backend.privacy.errors import StillHoldsARole


@transaction.atomic
def ask(*, user: User) -> User:
    """Ask to erase ``user`` at ``erasure_due_at``. Idempotent: keeps the first request.

    Until then everything works, and ``keep`` takes it back. Raises StillHoldsARole, and
    CommunityMoved for somebody of a community that has moved away: they ask where it is now.
    """
    user = locked(user.pk)
    if user.erasure_requested_at is None:
        if selectors.holds_a_role(user):
            raise StillHoldsARole
        if moved := selectors.moved_of(user).select_related("community").first():
            raise CommunityMoved(moved_to=moved.community.moved_to)
        user.erasure_requested_at = timezone.now()
        user.save(update_fields=["erasure_requested_at"])
        trail.record("person.ask_erasure", actor=user, target=user)
    return user


@transaction.atomic
def keep(*, user: User) -> None:
    """Take the request to be erased back. Idempotent, also without a request."""
    user = locked(user.pk)
    if user.erasure_requested_at is not None:
        user.erasure_requested_at = None
        user.save(update_fields=["erasure_requested_at"])
        trail.record("person.keep", actor=user, target=user)


@transaction.atomic
def erase(*, user_id: UUID, now: datetime | None = None) -> bool:
    """Erase the person if that is due. Returns False if there was nothing to do.

    Somebody who was given a role meanwhile has to hand it over first, and stays due.
    """
    lock_by_id(user_id)
    user = selectors.people_to_erase(now or timezone.now()).filter(pk=user_id).first()
    if user is None or selectors.holds_a_role(user):
        return False
    # Records that were merged into theirs go along: they are theirs as well.
    for record in [*User.objects.filter(pk__in=user.merged_ids).order_by("pk"), user]:
        _erase(record)
    return True


def _erase(user: User) -> None:
    for step in [*reversed(held.ENDS), *held.FORGETS]:
        step(user)
    keep_off_lists(user)
    user.name = user.phone = ""
    user.username = secrets.token_hex(16)
    user.born_on = user.last_login = None
    user.is_active = user.is_superuser = False
    user.second_factor_required = False
    user.erased_at = user.tokens_valid_from = timezone.now()
    user.set_unusable_password()
    user.save()
    trail.record("person.erase", actor=None, target=user)


def finish() -> None:
    """Erase what arrived after its sender was erased, and what a crash left."""
    for step in held.AFTERWARDS:
        step()
