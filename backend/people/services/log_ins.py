"""Changing how somebody logs in who lost their phone number or their WeChat account."""

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from backend.accounts import phones, vault
from backend.accounts.models import User
from backend.accounts.services import sessions
from backend.accounts.services.people import all_locked, keep_off_lists
from backend.audit import services as trail
from backend.communities.errors import PersonUnknown
from backend.communities.models import Community
from backend.notices import personal
from backend.people.errors import NothingToChange, PhoneOfAnotherRecord
from backend.people.models import LogInChange
from backend.people.services.proposals import is_decided_so, require_open
from backend.people.services.standing import require_above, require_belonging

Status = LogInChange.Status


@transaction.atomic
def propose(
    *,
    place: Community,
    user: User,
    by: User,
    seen_by: str,
    reason: str,
    phone: str = "",
    ends_wechat: bool = False,
) -> LogInChange:
    """Propose that ``phone`` (11 digits) be the number of ``user``, and their WeChat be forgotten.

    Nothing changes before somebody else confirms it. The person is told by the ways they have now.
    Raises OwnPerson, StandsAbove, BelongsElsewhere, NothingToChange, PhoneOfAnotherRecord.
    """
    require_above(by, user)
    require_belonging(by, user)
    if not phone and not ends_wechat:
        raise NothingToChange
    if phone:
        _require_free(phone, user)
    change = LogInChange.objects.create(
        community=place,
        user=user,
        phone_encrypted=vault.encrypt(phone) if phone else "",
        has_phone=bool(phone),
        ends_wechat=ends_wechat,
        seen_by=seen_by,
        reason=reason,
        proposed_by=by,
    )
    change.refresh_from_db(fields=["proposed_at"])  # the database's own time
    _record("log_in_change.propose", change, by)
    _tell("log_in_change_proposed", change)
    return change


@transaction.atomic
def confirm(*, change: LogInChange, by: User) -> LogInChange:
    """Make the change: the old number and WeChat accounts, and all log-ins, end.

    Idempotent for the same decider. The person is told by the ways they have from now on. With
    another WeChat account they become this person again by binding the number
    (``accounts.services.phone.bind``). Raises OwnPerson, StandsAbove, BelongsElsewhere,
    ProposalDecided, OwnProposal, ProposalExpired, PersonUnknown, PhoneOfAnotherRecord.
    """
    user, change = _locked(change)
    if is_decided_so(change, Status.CONFIRMED, by):
        return change
    require_above(by, user)
    require_belonging(by, user)
    require_open(change, confirmed_by=by)
    if not user.is_active:  # erased or merged since
        raise PersonUnknown
    number = change.phone
    if number and number != user.phone:
        _require_free(number, user)
        keep_off_lists(user)
        user.phone = number
        try:
            with transaction.atomic():
                user.save(update_fields=["phone_encrypted", "phone_digest"])
        except IntegrityError:  # somebody else bound it since we looked
            raise PhoneOfAnotherRecord from None
    if change.ends_wechat:
        SocialAccount.objects.filter(user=user).delete()
    sessions.end(user=user)
    _decide(change, Status.CONFIRMED, by)
    _tell("log_in_changed", change)
    return change


@transaction.atomic
def reject(*, change: LogInChange, by: User) -> LogInChange:
    """Reject the change, or take it back. Idempotent for the same decider.

    Raises OwnPerson, StandsAbove, ProposalDecided.
    """
    user, change = _locked(change)
    if not is_decided_so(change, Status.REJECTED, by):
        require_above(by, user)
        require_open(change)
        _decide(change, Status.REJECTED, by)
    return change


def _locked(change: LogInChange) -> tuple[User, LogInChange]:
    """Lock the person and whoever has the number, and return the proposal anew."""
    concerned = Q(pk=change.user_id)
    if number := change.phone:
        concerned |= Q(phone_digest=phones.digest(number))
    user = all_locked(concerned)[change.user_id]
    anew = LogInChange.objects.select_related("community", "user", "proposed_by", "decided_by")
    return user, anew.get(pk=change.pk)


def _require_free(phone: str, user: User) -> None:
    if User.objects.filter(phone_digest=phones.digest(phone)).exclude(pk=user.pk).exists():
        raise PhoneOfAnotherRecord


def _decide(change: LogInChange, status: LogInChange.Status, by: User) -> None:
    # The number is the person's now, or was not: it need not be kept twice.
    change.save_with(status=status, decided_by=by, decided_at=timezone.now(), phone_encrypted="")
    _record(f"log_in_change.{'confirm' if status == Status.CONFIRMED else 'reject'}", change, by)


def _record(action: str, change: LogInChange, by: User) -> None:
    facts = trail.facts_of(change, "has_phone", "ends_wechat", "seen_by", "status")
    trail.record(action, actor=by, target=change, after=facts | {"user": str(change.user_id)})


def _tell(kind: str, change: LogInChange) -> None:
    personal.tell(
        kind,
        person=change.user,
        about=change.pk,
        facts={"place": change.community.name},
        moments={"at": timezone.now()},
    )
