"""Leaving for good: asked for, taken back, and done once the time to think is over (PIPL 47).

What was done stays, with nobody's name behind it: hours, points, redemptions, the trail. Who
somebody was, how they logged in and what was told in confidence goes.
tests/backend/test_erasure.py walks every column of a person and all that refers to one, and says
what becomes of each.
"""

import secrets
from datetime import datetime
from functools import partial
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from backend import leaving
from backend.accounts.models import Consent, GuardianCode, Guardianship, User
from backend.accounts.services import guardians, sessions
from backend.accounts.services.people import keep_off_lists, locked
from backend.api.models import IdempotencyKey
from backend.audit.services import trail
from backend.communities.models import Membership
from backend.communities.services import roles
from backend.documents import services as documents
from backend.notices.models import Notice
from backend.privacy import selectors
from backend.privacy.errors import StillHoldsARole
from backend.privacy.services import exports
from merchants.giving.services import wishes
from merchants.models import MerchantMember
from volunteers.models import Attendance, JoinRequest, Report, Volunteer
from volunteers.people.services import people
from volunteers.reports.selectors import by_a_child


@transaction.atomic
def ask(*, user: User) -> User:
    """``user`` wants to be forgotten: ``erasure_due_at`` says when; again, as asked first.

    Until then everything works, and ``keep`` takes it back. Raises StillHoldsARole.
    """
    user = locked(user.pk)
    if user.erasure_requested_at is None:
        if selectors.holds_a_role(user):
            raise StillHoldsARole
        user.erasure_requested_at = timezone.now()
        user.save(update_fields=["erasure_requested_at"])
        trail.record("person.ask_erasure", actor=user, target=user)
    return user


@transaction.atomic
def keep(*, user: User) -> None:
    """``user`` stays after all; again, or without having asked, changes nothing."""
    user = locked(user.pk)
    if user.erasure_requested_at is not None:
        user.erasure_requested_at = None
        user.save(update_fields=["erasure_requested_at"])
        trail.record("person.keep", actor=user, target=user)


@transaction.atomic
def erase(*, user_id: UUID, now: datetime | None = None) -> bool:
    """Forget who it is, if that is due; ``False`` if there was nothing to do.

    Somebody who was given a role meanwhile has to hand it over first, and stays due. So does
    whoever is locked by something else.
    """
    due = selectors.people_to_erase(now or timezone.now()).filter(pk=user_id)
    user = due.select_for_update(no_key=True, skip_locked=True).first()
    if user is None or selectors.holds_a_role(user):
        return False
    _end_what_runs(user)
    _empty_reports(user)
    exports.discard(user=user)
    documents.discard(selectors.documents_about(user))
    Notice.objects.filter(recipient=user).delete()
    # Answers to others as well, such as those that tell staff whose hours they verified.
    IdempotencyKey.objects.filter(user=user).delete()
    _end_log_ins(user)
    keep_off_lists(user)
    user.name = user.phone = ""
    user.username = secrets.token_hex(16)
    user.born_on = user.last_login = None
    user.is_active = user.is_staff = user.is_superuser = False
    user.second_factor_required = False
    user.erased_at = user.tokens_valid_from = timezone.now()
    user.set_unusable_password()
    user.save()
    trail.record("person.erase", actor=None, target=user)
    transaction.on_commit(partial(remove_photos, of=user_id))
    return True


def finish() -> None:
    """Erase what a request on its way told after its sender was erased, and what a crash left."""
    late = _told_in_confidence(Report.objects.filter(reporter__erased_at__isnull=False)).exclude(
        text=""
    )
    late.update(text="", place="", latitude=None, longitude=None)
    remove_photos()


def remove_photos(*, of: UUID | None = None) -> None:
    """Remove the photos of what was erased, ``of`` that person or of everybody.

    The row names the file until it is gone, so a second run finds what a first did not get to.
    """
    left = selectors.photos_to_remove()
    for report in left.filter(reporter=of) if of else left:
        report.photo.storage.delete(str(report.photo.name))
        Report.objects.filter(pk=report.pk).update(photo="")


def _end_what_runs(user: User) -> None:
    """What ends stays on record; texts others wrote about the person do not."""
    now = timezone.now()
    for volunteer in Volunteer.objects.filter(user=user, left_at=None).order_by("pk"):
        people.leave(volunteer=volunteer)
    for membership in Membership.objects.filter(user=user, ended_at=None).order_by("pk"):
        roles.end(membership=membership, ended_by=None)
    leaving.tell(leaving.Leaving(user.pk, None, now))  # what no role of theirs was needed for
    wishes.forget(volunteer=user)
    MerchantMember.objects.filter(user=user, ended_at=None).update(ended_at=now)
    JoinRequest.objects.filter(user=user, status=JoinRequest.Status.PENDING).update(
        status=JoinRequest.Status.WITHDRAWN, decided_at=now
    )
    Consent.objects.filter(user=user, withdrawn_at=None).update(withdrawn_at=now)
    agreed = Guardianship.objects.filter(Q(child=user) | Q(guardian=user), withdrawn_at=None)
    children = list(User.objects.filter(pk__in=agreed.values("child")).exclude(pk=user.pk))
    agreed.update(withdrawn_at=now)
    for child in children:
        guardians.end_if_missing(child)
    GuardianCode.objects.filter(child=user).delete()
    Membership.objects.filter(user=user).update(ended_because="")
    JoinRequest.objects.filter(user=user).update(because="")
    Attendance.objects.filter(volunteer=user, status=Attendance.Status.REJECTED).update(
        rejected_because=""
    )


def _empty_reports(user: User) -> None:
    """Where each was; and of what is confidential, or told as a child, the words. Photos follow."""
    theirs = Report.objects.filter(reporter=user)
    _told_in_confidence(theirs).update(text="", place="")
    theirs.exclude(latitude=None, longitude=None).update(latitude=None, longitude=None)


def _told_in_confidence(reports: QuerySet[Report]) -> QuerySet[Report]:
    return reports.filter(Q(category__in=Report.CONFIDENTIAL) | by_a_child())


def _end_log_ins(user: User) -> None:
    """Whoever logs in with the same WeChat account later is somebody new."""
    sessions.forget(user=user)
    for model in (SocialAccount, Authenticator, EmailAddress):
        model.objects.filter(user=user).delete()
    user.groups.clear()
    user.user_permissions.clear()
