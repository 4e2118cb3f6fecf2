"""Joining a community: at once with the code on its posters, or by a request to its staff."""

import secrets
from contextlib import nullcontext

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import attempts, guardians
from backend.accounts.services.people import locked
from backend.audit import services as trail
from backend.codes import as_made
from backend.communities.models import Community
from backend.notices import services as notices
from volunteers.people import selectors
from volunteers.people.errors import (
    AlreadyAVolunteer,
    JoinCodeWrong,
    JoinRequestStatusWrong,
    OwnJoinRequest,
)
from volunteers.people.models import JoinRequest, Volunteer
from volunteers.people.services import people

Status = JoinRequest.Status
_ACTIONS = {
    Status.APPROVED: "join_request.approve",
    Status.REJECTED: "join_request.reject",
    Status.WITHDRAWN: "join_request.withdraw",
}


def join(
    *,
    user: User,
    community: Community,
    kind: Volunteer.Kind,
    estate: Community | None = None,
    join_code: str = "",
) -> tuple[JoinRequest, bool]:
    """Request that ``user`` become a volunteer; the right code enrols them at once.

    Without a code the request waits for staff. Idempotent: a second call returns the first request
    and ``False``. Raises TooManyAttempts, GuardianConsentRequired, AlreadyAVolunteer,
    JoinCodeWrong.
    """
    guessing = attempts.guessing(user, JoinCodeWrong) if join_code else nullcontext()
    with guessing, transaction.atomic():
        guardians.require_guardian(user)
        locked(user.pk)
        if selectors.is_volunteer(user, community.pk):
            raise AlreadyAVolunteer
        if join_code and not _is_right(join_code, community):
            raise JoinCodeWrong
        asked, is_new = JoinRequest.objects.get_or_create(
            community=community,
            user=user,
            status=Status.PENDING,
            defaults={"kind": kind, "estate": estate},
        )
        if join_code:
            _enrol(asked, decided_by=None)
    return asked, is_new


@transaction.atomic
def approve(*, join_request: JoinRequest, decided_by: User) -> JoinRequest:
    """Enrol the person who asked. Raises OwnJoinRequest, JoinRequestStatusWrong."""
    asked = _locked(join_request, decided_by=decided_by)
    _enrol(asked, decided_by=decided_by)
    _tell(asked)
    return asked


@transaction.atomic
def reject(*, join_request: JoinRequest, decided_by: User, reason: str) -> JoinRequest:
    """Reject a request, and tell the person why. Raises OwnJoinRequest, JoinRequestStatusWrong."""
    asked = _locked(join_request, decided_by=decided_by)
    _decide(asked, Status.REJECTED, decided_by=decided_by, reason=reason)
    _tell(asked)
    return asked


@transaction.atomic
def withdraw(*, join_request: JoinRequest) -> JoinRequest:
    """Withdraw a request. Idempotent. Raises JoinRequestStatusWrong if it was answered."""
    asked = _locked(join_request, decided_by=None, answered=(Status.WITHDRAWN,))
    if asked.status == Status.PENDING:
        _decide(asked, Status.WITHDRAWN, decided_by=None)
    return asked


def take_all_back(*, user: User) -> None:
    """Withdraw the requests of ``user`` that wait anywhere, because their record ends."""
    pending = JoinRequest.objects.filter(user=user, status=Status.PENDING)
    pending.update(status=Status.WITHDRAWN, decided_at=timezone.now())


def _is_right(join_code: str, community: Community) -> bool:
    return community.join_code is not None and secrets.compare_digest(
        as_made(join_code).encode(), community.join_code.encode()
    )


def _locked(
    join_request: JoinRequest, *, decided_by: User | None, answered: tuple[Status, ...] = ()
) -> JoinRequest:
    """Lock the request for a decision. Raises OwnJoinRequest, JoinRequestStatusWrong."""
    if decided_by is not None and decided_by.pk == join_request.user_id:
        raise OwnJoinRequest
    locked(join_request.user_id)
    asked = join_request.locked("community", "user", "estate", "decided_by")
    if asked.status not in (Status.PENDING, *answered):
        raise JoinRequestStatusWrong(current_status=asked.status)
    return asked


def _enrol(asked: JoinRequest, *, decided_by: User | None) -> None:
    people.enrol(
        user=asked.user,
        community=asked.community,
        kind=Volunteer.Kind(asked.kind),
        estate=asked.estate,
        granted_by=decided_by,
    )
    _decide(asked, Status.APPROVED, decided_by=decided_by)


def _decide(
    asked: JoinRequest, status: Status, *, decided_by: User | None, reason: str = ""
) -> None:
    """Close the request; ``decided_by`` is ``None`` for the code and for a withdrawal."""
    before = {"status": asked.status}
    asked.save_with(status=status, decided_at=timezone.now(), decided_by=decided_by, reason=reason)
    trail.record(
        _ACTIONS[status],
        actor=decided_by or asked.user,
        community=asked.community,
        target=asked,
        before=before,
        after={"status": asked.status},
    )


def _tell(asked: JoinRequest) -> None:
    notices.owe(
        community=asked.community,
        key=f"join-request:{asked.pk}",
        recipient=asked.user,
        kind=f"join_{asked.status}",
        facts={"community": asked.community.name, "reason": asked.reason},
        target_id=asked.pk,
        due_at=timezone.now(),
    )
