"""Check-ins, check-outs and marks made without signal, sent when there is signal again.

Each item is a transaction of its own. What is accepted is on record with its nonce (``nonces`` of
the attendance); what was noted earlier and is refused is kept for a human (RefusedClaim).
docs/offline.md.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.errors import NotAVolunteerHere
from backend.communities.selectors import known_to
from backend.errors import Refusal
from volunteers.activities.models import Shift
from volunteers.attendance import codes, errors
from volunteers.attendance.models.attendances import Attendance, RefusedClaim
from volunteers.attendance.services import gates, presence
from volunteers.attendance.services.presence import Evidence
from volunteers.people.models import Volunteer

ACCEPTED = "accepted"
Act = RefusedClaim.Act


@dataclass(frozen=True)
class Item:
    """One act that a phone noted: the volunteer's own, or ``person_id``'s by who leads a shift."""

    nonce: str
    act: str
    evidence: Evidence
    at: datetime | None = None  # now
    attendance_id: UUID | None = None
    person_id: UUID | None = None
    since: datetime | None = None  # of a mark that is not of the whole shift
    until: datetime | None = None


@dataclass(frozen=True)
class Result:
    """Result of an item: accepted, or the code of its refusal, and what it is about."""

    nonce: str
    outcome: str
    attendance: Attendance | None = None
    refused_claim: RefusedClaim | None = None


def sync_own(*, volunteer: User, items: list[Item], now: datetime | None = None) -> list[Result]:
    """Do what a volunteer's phone noted. Returns a result for each item, in order.

    A nonce is the sender's: told again, it is answered as the first time. A refusal affects no
    other item.
    """
    told_at = now or timezone.now()
    return [_Told(item, volunteer, told_at).result() for item in items]


def sync_shift(
    *, shift: Shift, leader: User, items: list[Item], now: datetime | None = None
) -> list[Result]:
    """Do what the phone of whoever leads ``shift`` noted, as ``sync_own`` does."""
    told_at = now or timezone.now()
    return [_Told(item, leader, told_at, shift).result() for item in items]


@dataclass
class _Told:
    """An item as somebody tells it: of a shift that they lead, else of their own."""

    item: Item
    by: User
    at: datetime
    shift: Shift | None = None
    volunteer: User | None = None
    place: Attendance | None = None

    def result(self) -> Result:
        refusal: Refusal | None = None
        leads = self.shift is not None
        try:
            self._find_led() if leads else self._find_own()
        except Refusal as refused:
            refusal = refused
        communities = self._communities()
        if known := self._known(communities):
            return known
        if refusal is None:
            try:
                return Result(self.item.nonce, ACCEPTED, self._done(is_led=leads))
            except Refusal as refused:
                refusal = refused
        # Who is refused now reads why and can do otherwise; a stranger's claim nobody looks at.
        if self.item.at is None or not communities:
            return Result(self.item.nonce, refusal.code)
        kept = presence.keep(
            refusal,
            about={"shift": self.shift, "volunteer": self.volunteer},
            told_at=self.at,
            community_id=communities[0],
            told_by=self.by,
            act=self.item.act,
            nonce=self.item.nonce,
            claimed_at=self.item.at or self.at,
            attendance=self.place,
        )
        return Result(self.item.nonce, kept.refused_as, self.place, kept)

    def _find_own(self) -> None:
        self.volunteer = self.by
        if self.item.evidence.code:
            code = codes.read(codes.Kind.VENUE, self.item.evidence.code)
            self.shift = gates.shift_of(code)
            self.place = _places(self.shift, self.by).first()
        else:
            mine = Attendance.objects.filter(community__in=known_to(self.by), volunteer=self.by)
            if asked := self.item.attendance_id:
                self.place = (
                    mine.select_related("shift__activity", "community", "volunteer")
                    .filter(pk=asked)
                    .first()
                )
            if self.place is None:
                raise errors.AttendanceUnknown
            self.shift = self.place.shift

    def _find_led(self) -> None:
        assert self.shift is not None
        there = Volunteer.objects.filter(community=self.shift.community_id).select_related("user")
        if self.item.evidence.code:
            code = codes.read(codes.Kind.OWN, self.item.evidence.code)
            found = there.filter(pk=code.about).first()
        else:
            found = there.filter(user=self.item.person_id).first()
        if found is None:
            raise NotAVolunteerHere
        self.volunteer = found.user
        self.place = _places(self.shift, found.user).first()

    def _communities(self) -> list[UUID]:
        """Return where the claim may stand; if it is refused, it stands in the first."""
        if self.shift is not None:
            return [self.shift.community_id]
        return sorted(known_to(self.by))

    def _known(self, communities: list[UUID]) -> Result | None:
        """Return the first answer to the nonce."""
        nonce = self.item.nonce
        of_whom: dict[str, Any] = {"shift": self.shift}
        if self.volunteer == self.by or self.shift is None:
            of_whom = {"volunteer": self.by}
        accepted = Attendance.objects.filter(
            **of_whom, community__in=communities, nonces__contains=[self._mark]
        )
        if attendance := accepted.first():
            return Result(nonce, ACCEPTED, attendance)
        refused = RefusedClaim.objects.filter(
            community__in=communities, told_by=self.by, nonce=nonce
        )
        if claim := refused.select_related("attendance").first():
            return Result(nonce, claim.refused_as, claim.attendance, claim)
        return None

    @property
    def _mark(self) -> str:
        return f"{self.by.pk}:{self.item.nonce}"

    @transaction.atomic
    def _done(self, *, is_led: bool) -> Attendance:
        item, place = self.item, self.place
        when: Any = {"at": item.at, "now": self.at}
        assert self.shift is not None
        assert self.volunteer is not None
        if item.act == Act.MARK and not is_led:
            raise errors.CheckInByLeader
        if place is None or place.status == Attendance.Status.CANCELLED:
            if item.act == Act.CHECK_OUT:
                raise errors.AttendanceUnknown
            place = gates.take_in(shift=self.shift, volunteer=self.volunteer, **when)
        if item.act == Act.MARK:
            place = presence.mark(
                attendance=place, by=self.by, since=item.since, until=item.until, now=self.at
            )
        elif item.act == Act.CHECK_OUT:
            place = presence.check_out(attendance=place, evidence=item.evidence, **when)
        else:
            nonce = None if is_led else item.nonce
            place = presence.check_in(attendance=place, nonce=nonce, evidence=item.evidence, **when)
        if self._mark not in place.nonces:
            place.save_with(nonces=[*place.nonces, self._mark])
        return place


def _places(shift: Shift, volunteer: User) -> QuerySet[Attendance]:
    places = Attendance.objects.select_related("community", "volunteer")
    return places.filter(community=shift.community_id, shift=shift, volunteer=volunteer)
