"""Reasons to look closer at hours before verifying them: signals, not verdicts."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from backend.communities.models import Community, Membership
from volunteers.activities.models import Shift
from volunteers.attendance.models.attendances import Attendance, PositionMark, Signal
from volunteers.attendance.positions import Position, distance_metres

Status = Attendance.Status
LOOKED_AT_ONCE = 500  # records
FASTEST_METRES_PER_SECOND = 33  # 120 km/h
NEAR_METRES = 1_000  # between venues that no speed is reckoned for
NEXT_TO = timedelta(hours=12)  # an attendance so long before or after is compared
LATEST_SHIFTS, FEWEST_SHIFTS = 10, 5  # of a team, that a leader's marks are looked at over


@dataclass(frozen=True, slots=True)
class Stay:
    """When and where somebody was, in whatever community."""

    attendance_id: UUID
    community_id: UUID
    since: datetime
    until: datetime | None
    venue: Position | None


@transaction.atomic
def look(*, community: Community) -> int:
    """Look for signals in attendances that await verification. Returns how many were looked at.

    Those that nobody has looked at since their times were last set, 500 at once, and those beside
    them that one device checked in as well. Takes a constant number of statements. Idempotent.
    """
    waiting = Attendance.objects.filter(community=community, status=Status.CHECKED_OUT)
    new = list(
        waiting.filter(signals__isnull=True)
        .order_by("id")
        .values_list("pk", flat=True)[:LOOKED_AT_ONCE]
    )
    shared = _shared_devices(community, new)
    rows = list(
        waiting.filter(pk__in={*new, *shared})
        .select_for_update(no_key=True, of=("self",))
        .select_related("shift__activity__venue")
        .order_by("pk")
    )
    stays = _stays(rows)
    always = _teams_always_there(community, rows)
    for row in rows:
        found = {
            Signal.SHARED_DEVICE: row.pk in shared,
            Signal.IMPOSSIBLE_SPEED: _is_too_fast(row, stays[row.volunteer_id]),
            Signal.FAR_FROM_VENUE: row.position_mark == PositionMark.OUTSIDE,
            Signal.TOLD_LATE: row.was_offline,
            Signal.ELSEWHERE_TOO: _is_elsewhere(row, stays[row.volunteer_id]),
            Signal.ALWAYS_THERE: row.proof == Attendance.Proof.LEADER
            and row.shift.activity.team_id in always,
            Signal.FORGOTTEN_CHECK_OUT: row.check_out_was_forgotten,
        }
        row.signals = [signal.value for signal, is_there in found.items() if is_there]
    Attendance.objects.filter(community=community).bulk_update(rows, ["signals"])
    return len(rows)


def _shared_devices(community: Community, ids: Iterable[UUID]) -> set[UUID]:
    """Return the attendances, these and others, at whose shift another person had their device."""
    devices = set(
        Attendance.objects.filter(community=community, pk__in=ids)
        .exclude(device_digest="")
        .values_list("shift_id", "device_digest")
    )
    beside = Attendance.objects.filter(
        community=community,
        shift__in={shift for shift, _ in devices},
        device_digest__in={device for _, device in devices},
    ).values_list("shift_id", "device_digest", "pk")
    used: dict[tuple[UUID, str], set[UUID]] = defaultdict(set)
    for shift, device, pk in beside:
        used[shift, device].add(pk)
    return {pk for key in devices if len(used[key]) > 1 for pk in used[key]}


def _stays(rows: list[Attendance]) -> dict[UUID, list[Stay]]:
    """Return where these volunteers were around these times, in all of their communities."""
    stays: dict[UUID, list[Stay]] = defaultdict(list)
    if not rows:
        return stays
    people = {row.volunteer_id for row in rows}
    known_to = Membership.objects.filter(user__in=people).values_list("community_id", flat=True)
    begun = [row.checked_in_at for row in rows if row.checked_in_at]
    ended = [row.checked_out_at for row in rows if row.checked_out_at]
    theirs = (
        Attendance.objects.filter(
            Q(checked_out_at__isnull=True) | Q(checked_out_at__gt=min(begun) - NEXT_TO),
            community__in=set(known_to),
            volunteer__in=people,
            checked_in_at__lt=max(ended) + NEXT_TO,
        )
        .exclude(status__in=Attendance.DOES_NOT_COUNT)
        .values_list(
            *("pk", "community_id", "volunteer_id", "checked_in_at", "checked_out_at"),
            *(
                f"shift__activity__venue__{name}"
                for name in ("latitude", "longitude", "coord_type")
            ),
        )
    )
    for pk, community_id, volunteer_id, since, until, *point in theirs:
        assert since is not None
        venue = None if None in point else Position(*point)
        stays[volunteer_id].append(Stay(pk, community_id, since, until, venue))
    return stays


def _is_elsewhere(row: Attendance, stays: list[Stay]) -> bool:
    assert row.checked_in_at is not None
    assert row.checked_out_at is not None
    return any(
        stay.community_id != row.community_id
        and stay.since < row.checked_out_at
        and (stay.until is None or stay.until > row.checked_in_at)
        for stay in stays
    )


def _is_too_fast(row: Attendance, stays: list[Stay]) -> bool:
    """Tell whether nobody gets from the venue before to this one, or to the next, in that time."""
    mine = next((stay for stay in stays if stay.attendance_id == row.pk), None)
    if mine is None or mine.venue is None:
        return False
    for other in stays:
        if other.venue is None or other.attendance_id == row.pk:
            continue
        first, second = sorted((mine, other), key=lambda stay: stay.since)
        assert first.venue is not None
        assert second.venue is not None
        metres = distance_metres(first.venue, second.venue)
        if first.until is None or metres <= NEAR_METRES:
            continue
        seconds = max((second.since - first.until).total_seconds(), 0)
        if metres > FASTEST_METRES_PER_SECOND * seconds:
            return True
    return False


def _teams_always_there(community: Community, rows: list[Attendance]) -> set[UUID | None]:
    """Return the teams all of whose last shifts had everybody there, marked by a leader.

    Ten shifts that are over, five at least.
    """
    teams = {row.shift.activity.team_id for row in rows if row.proof == Attendance.Proof.LEADER} - {
        None
    }
    always: set[UUID | None] = set()
    for team in teams:
        latest = Shift.objects.filter(
            community=community,
            activity__community=community,
            activity__team=team,
            ends_at__lte=timezone.now(),
        ).order_by("-ends_at")
        shifts = list(latest.values_list("pk", flat=True)[:LATEST_SHIFTS])
        marked = Q(proof=Attendance.Proof.LEADER) & ~Q(status=Status.NO_SHOW)
        counted = (
            Attendance.objects.filter(community=community, shift__in=shifts)
            .exclude(status=Status.CANCELLED)
            .values("shift")
            .annotate(all=Count("pk"), marked=Count("pk", filter=marked))
            .order_by()
        )
        full = [one for one in counted if one["all"] == one["marked"]]
        if len(full) == len(shifts) >= FEWEST_SHIFTS:
            always.add(team)
    return always
