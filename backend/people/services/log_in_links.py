"""Links that staff hand out, on paper or to be scanned, to people who log in no other way.

Whoever has the link is that person, so it is good once and for some days, the trail has who made
it, and the person is told. Nobody on whom others depend logs in so.
"""

from allauth.mfa.utils import is_mfa_enabled
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.accounts.services.people import locked
from backend.audit import services as trail
from backend.communities.models import Community
from backend.communities.selectors import HANDLES
from backend.invitations import services as by_code
from backend.invitations.errors import InvitationRevoked, InvitationUnknown, InvitationUsed
from backend.notices import personal
from backend.people.errors import BelongsElsewhere, NoLinkForThem, OwnPerson
from backend.people.models import LogInLink
from backend.people.services.standing import require_reach
from backend.privacy import held
from backend.registries import trusted

OPEN = {"accepted_at": None, "revoked_at": None}


@transaction.atomic
def make(*, place: Community, user: User, by: User) -> LogInLink:
    """Make a link by which ``user`` logs in; one that was made before is good no more.

    Raises OwnPerson, BelongsElsewhere, NoLinkForThem.
    """
    if user.pk == by.pk:
        raise OwnPerson
    user = locked(user.pk)
    require_reach(by, user, HANDLES)
    if not _may_have_one(user):
        raise NoLinkForThem
    for earlier in LogInLink.objects.filter(user=user, **OPEN).order_by("pk"):
        by_code.revoke(earlier, by)
    link = by_code.make(LogInLink, invited_by=by, place=place, user=user)
    _record("make", link, by)
    personal.tell(
        "log_in_link_made",
        person=user,
        about=link.pk,
        facts={"place": place.name},
        moments={"at": timezone.now()},
    )
    return link


@transaction.atomic
def revoke(*, link: LogInLink, by: User) -> LogInLink:
    """Make a link good no more. Idempotent: keeps the first ``revoked_at``.

    Raises InvitationUsed.
    """
    link = LogInLink.objects.select_for_update(no_key=True).get(pk=link.pk)
    if link.accepted_at is not None:
        raise InvitationUsed
    if link.revoked_at is None:
        by_code.revoke(link, by)
        _record("revoke", link, by)
    return link


def use(*, code: str, address: str) -> User:
    """Return the person whom the code logs in, once. ``address`` is where it is brought from.

    Raises TooManyAttempts, InvitationUnknown, InvitationUsed, InvitationRevoked, InvitationExpired.
    """
    with attempts.guessing(address, InvitationUnknown), transaction.atomic():
        link = by_code.with_code(LogInLink.objects.select_related("user", "invited_by"), code)
        by_code.require_good(link, user=None)
        user: User = link.user
        if not user.is_active or not _may_have_one(user):
            raise InvitationRevoked
        try:
            require_reach(link.invited_by, user, HANDLES)
        except BelongsElsewhere:
            raise InvitationRevoked from None
        by_code.accept(link, user)
        _record("use", link, user)
    return user


def _may_have_one(user: User) -> bool:
    """Tell whether nobody else depends on ``user``, and they have no second factor."""
    has_duties = user.is_superuser or any(is_due(user) for is_due in held.DUTIES)
    return not has_duties and not trusted.is_trusted(user) and not is_mfa_enabled(user)


def _record(verb: str, link: LogInLink, by: User) -> None:
    trail.record(
        f"log_in_link.{verb}",
        actor=by,
        community=link.place,
        target=link,
        after={"status": link.status, "user": str(link.user_id)},
    )
