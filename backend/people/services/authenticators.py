"""Resetting the authenticator of somebody who lost it."""

from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import sessions
from backend.accounts.services.people import locked
from backend.audit import services as trail
from backend.communities.models import Community
from backend.communities.selectors import roles_along
from backend.communities.services import roles
from backend.ids import new_id
from backend.notices import personal
from backend.people.errors import NoAuthenticator, OwnPerson, StandsAbove
from backend.people.models import Loss
from backend.people.services.standing import require_no_operator


@transaction.atomic
def reset(*, user: User, place: Community | None, by: User | None, loss: Loss) -> User:
    """Remove the authenticator and recovery codes of ``user``, and end their log-ins.

    At the next log-in they set up another one, or are refused what needs it. Only who manages a
    place above each of theirs may; of a manager's or an auditor's own place that is nobody, and of
    the topmost one, and of an operator, it is whoever runs the installation (``by`` and ``place``
    None). Raises OwnPerson, StandsAbove,
    NoAuthenticator.
    """
    user = locked(user.pk)
    if by is not None:
        _require_above(by, user)
    removed, _ = Authenticator.objects.filter(user=user).delete()
    if not removed:
        raise NoAuthenticator
    sessions.end(user=user)
    trail.record(
        "person.reset_authenticator",
        actor=by,
        community=place,
        target=user,
        after={"loss": loss},
    )
    personal.tell(
        "authenticator_reset",
        person=user,
        about=new_id(),  # each time is told
        facts={},
        moments={"at": timezone.now()},
    )
    return user


def _require_above(by: User, user: User) -> None:
    if by.pk == user.pk:
        raise OwnPerson
    require_no_operator(user)
    held = list(roles_along(user))
    owes = roles.OWES_SECOND_FACTOR
    if not held or not all(
        roles.manages(by, one.community, from_above=one.role in owes) for one in held
    ):
        raise StandsAbove
