"""Hours kept on paper or in a spreadsheet, recorded in bulk; they await verification as usual."""

from bisect import bisect
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.errors import Refusal
from backend.events.models import Status
from backend.ids import new_id
from backend.names import of_thing
from points.rules import selectors as points
from points.rules.services import minutes_between
from volunteers.activities.errors import CategoryUnknown, ShiftCancelled, ShiftTimesInvalid
from volunteers.activities.models import Activity, Shift
from volunteers.activities.services import LONGEST_SHIFT
from volunteers.attendance import errors
from volunteers.attendance.models.attendances import Attendance

What = tuple[str, str, datetime, datetime]  # a shift: its activity, category and times


@dataclass(frozen=True)
class PaperHours:
    """One attended shift: the volunteer, the activity, and the times to the minute."""

    volunteer_id: UUID
    activity: str
    category: str
    checked_in_at: datetime
    checked_out_at: datetime

    @property
    def times(self) -> tuple[datetime, datetime]:
        return self.checked_in_at, self.checked_out_at

    @property
    def shift(self) -> What:
        return self.activity, self.category, *self.times


@dataclass
class Recorded:
    """The outcome of one entry: an attendance, new or known already, or a refusal."""

    attendance_id: UUID | None = None
    is_new: bool = False
    refusal: Refusal | None = None
    status_before: str = ""  # of a place that was taken or cancelled before


@transaction.atomic
def record_many(
    *,
    community: Community,
    entries: list[PaperHours],
    recorded_by: User | None = None,
    planned: list[Activity | Shift] | None = None,
) -> list[Recorded]:
    """Record hours of enrolled volunteers, in a constant number of SQL statements.

    ``recorded_by`` attests them, so somebody else verifies them; None for a command. ``planned``
    gets the activities and shifts that are made for them.

    Returns one Recorded for each entry, in their order; an entry with a refusal writes nothing.
    Idempotent: an entry that is recorded, even as rejected or voided, or stood earlier in the list
    is known already. A place that was signed up for or cancelled is checked out. Refusals:
    ShiftTimesInvalid, TimeInTheFuture, CategoryUnknown, AlreadyElsewhere (also by another entry),
    ShiftCancelled.
    """
    categories = points.categories_with_rule(community, "hours")
    entries = _as_on_record(community, entries, categories)
    answers = [Recorded(refusal=_refusal(entry, categories)) for entry in entries]
    _compare_with_the_record(community, entries, answers)
    _refuse_overlaps_among(entries, answers)
    fresh = [
        (entry, answer)
        for entry, answer in zip(entries, answers, strict=True)
        if not answer.refusal and not answer.attendance_id
    ]
    shifts = _shifts(community, {entry.shift for entry, _ in fresh}, planned)
    places = _places(
        community,
        {(held, entry.volunteer_id) for entry, _ in fresh if (held := shifts[entry.shift])},
    )
    now = timezone.now()
    made: dict[PaperHours, UUID] = {}
    new: list[Attendance] = []
    kept: list[Attendance] = []
    for entry, answer in fresh:
        if entry in made:
            answer.attendance_id = made[entry]
            continue
        shift_id = shifts[entry.shift]
        if shift_id is None:
            answer.refusal = ShiftCancelled()
            continue
        place = places.get((shift_id, entry.volunteer_id))
        if place and place.status in (Attendance.Status.REJECTED, Attendance.Status.VOIDED):
            answer.attendance_id = place.pk
            continue
        if place and place.checked_in_at:
            answer.refusal = errors.AlreadyElsewhere()
            continue
        attendance = place or Attendance(
            id=new_id(),
            community=community,
            shift_id=shift_id,
            volunteer_id=entry.volunteer_id,
            signed_up_at=now,  # were it left to the database, inserting would take twice as long
        )
        answer.status_before = place.status if place else ""
        attendance.status = Attendance.Status.CHECKED_OUT
        attendance.proof = Attendance.Proof.PAPER
        attendance.is_backfilled = True
        attendance.checked_in_by = recorded_by
        attendance.checked_in_at, attendance.checked_out_at = entry.times
        attendance.worked_minutes = minutes_between(*entry.times)
        (kept if place else new).append(attendance)
        answer.attendance_id, answer.is_new = attendance.pk, True
        made[entry] = attendance.pk
    Attendance.objects.bulk_create(new)
    Attendance.objects.filter(community=community).bulk_update(
        kept,
        [
            *("status", "proof", "is_backfilled", "checked_in_by"),
            *("checked_in_at", "checked_out_at", "worked_minutes"),
        ],
    )
    return answers


@transaction.atomic
def take_back(community: Community, recorded: Mapping[UUID, str]) -> None:
    """Undo ``record_many`` before anything else has happened to what it wrote.

    ``recorded`` tells of each attendance the status that it had before: it gets that back. One that
    had none is deleted.
    """
    for status in set(recorded.values()):
        theirs = [pk for pk, before in recorded.items() if before == status]
        rows = Attendance.objects.filter(community=community, pk__in=theirs)
        if status:
            rows.update(
                status=status,
                proof=Attendance.Proof.OWN_WORD,
                is_backfilled=False,
                checked_in_by=None,
                checked_in_at=None,
                checked_out_at=None,
                worked_minutes=None,
            )
        else:
            rows._raw_delete(rows.db)  # nothing refers to it yet; else the database refuses


def _as_on_record(
    community: Community, entries: list[PaperHours], ruled: set[str]
) -> list[PaperHours]:
    """Return the entries with activities and categories spelled as the community does already.

    Names that differ only in width, blanks or brackets are the same; a new name keeps the first
    spelling in the list.
    """
    categories = {of_thing(category): category for category in sorted(ruled)}
    known = Activity.objects.filter(
        community=community, title_compared__in={of_thing(entry.activity) for entry in entries}
    ).order_by("id")
    titles: dict[tuple[str, str], str] = {}
    exact = set()
    for activity in known:
        category = categories.setdefault(of_thing(activity.category), activity.category)
        titles.setdefault((activity.title_compared, category), activity.title)
        exact.add((activity.title, activity.category))
    spelled = []
    for entry in entries:
        category = categories.setdefault(of_thing(entry.category), entry.category)
        title = titles.setdefault((of_thing(entry.activity), category), entry.activity)
        if (entry.activity, category) in exact:  # several such were planned here
            title = entry.activity
        spelled.append(replace(entry, activity=title, category=category))
    return spelled


def _refusal(entry: PaperHours, categories: set[str]) -> Refusal | None:
    worked = entry.checked_out_at - entry.checked_in_at
    if not worked or worked > LONGEST_SHIFT or entry.checked_out_at < entry.checked_in_at:
        return ShiftTimesInvalid()
    if entry.checked_out_at > timezone.now():
        return errors.TimeInTheFuture()
    if categories.isdisjoint({"*", entry.category}):
        return CategoryUnknown(category=entry.category)
    return None


def _compare_with_the_record(
    community: Community, entries: list[PaperHours], answers: list[Recorded]
) -> None:
    """Mark the entries that are recorded already, and refuse those that overlap the record."""
    asked = [number for number, answer in enumerate(answers) if not answer.refusal]
    theirs: dict[UUID, list[Attendance]] = defaultdict(list)
    for known in _known_beside(community, [entries[number] for number in asked]):
        theirs[known.volunteer_id].append(known)
    for number in asked:
        entry, answer = entries[number], answers[number]
        for known in theirs[entry.volunteer_id]:
            if not _overlaps(known, entry):
                continue
            activity = known.shift.activity
            same = of_thing(activity.title) == of_thing(entry.activity)
            same = same and of_thing(activity.category) == of_thing(entry.category)
            if same and entry.times == (known.checked_in_at, known.checked_out_at):
                answer.attendance_id = known.pk
            else:
                answer.refusal = errors.AlreadyElsewhere()


def _overlaps(known: Attendance, entry: PaperHours) -> bool:
    """Tell as ``nobody_in_two_places`` does: who did not check out is there for ever."""
    since, until = known.checked_in_at, known.checked_out_at
    if since is None or since == until:
        return False
    return since < entry.checked_out_at and (until is None or until > entry.checked_in_at)


def _known_beside(community: Community, entries: list[PaperHours]) -> QuerySet[Attendance]:
    """Return what is on record of the same people between the first entry and the last.

    It is read at once: the planner has not heard of the rows that this transaction has added, and
    entry by entry it might read a community that it believes empty from one end to the other.
    """
    if not entries:
        return Attendance.objects.none()
    since = min(entry.checked_in_at for entry in entries)
    return (
        Attendance.objects.filter(
            Q(checked_out_at__isnull=True) | Q(checked_out_at__gt=since),
            community=community,
            volunteer__in={entry.volunteer_id for entry in entries},
            checked_in_at__lt=max(entry.checked_out_at for entry in entries),
        )
        .exclude(status__in=Attendance.DOES_NOT_COUNT)
        .select_related("shift__activity")
    )


def _refuse_overlaps_among(entries: list[PaperHours], answers: list[Recorded]) -> None:
    """Refuse each entry that overlaps an earlier one of the list."""
    stands: set[PaperHours] = set()
    taken: dict[UUID, list[tuple[datetime, datetime]]] = defaultdict(list)  # ordered by time
    for entry, answer in zip(entries, answers, strict=True):
        if answer.refusal or answer.attendance_id or entry in stands:
            continue
        times = taken[entry.volunteer_id]
        place = bisect(times, entry.times)
        # What stands does not overlap, so only the neighbours in time can be in the way.
        if (place and times[place - 1][1] > entry.checked_in_at) or (
            place < len(times) and times[place][0] < entry.checked_out_at
        ):
            answer.refusal = errors.AlreadyElsewhere()
        else:
            times.insert(place, entry.times)
            stands.add(entry)


def _shifts(
    community: Community, wanted: set[What], planned: list[Activity | Shift] | None
) -> dict[What, UUID | None]:
    """Return the id of each wanted shift, ``None`` if it was cancelled; plans missing ones."""
    wanted_of = {(title, category) for title, category, *_ in wanted}
    activities = _activities(community, wanted_of, planned)
    known = Shift.objects.filter(
        community=community,
        activity__in=activities.values(),
        starts_at__in={starts_at for _, _, starts_at, _ in wanted},
    ).values_list("activity__title", "activity__category", "starts_at", "ends_at", "status", "id")
    shifts: dict[What, UUID | None] = {}
    # A planned shift comes after a cancelled one, and replaces it.
    for title, category, starts_at, ends_at, status, shift_id in known.order_by("status", "id"):
        held = shift_id if status == Status.PLANNED else None
        shifts[title, category, starts_at, ends_at] = held
    missing = {what: new_id() for what in sorted(wanted - shifts.keys())}
    made = Shift.objects.bulk_create(
        Shift(
            id=shift_id,
            community=community,
            activity=activities[title, category],
            starts_at=starts_at,
            ends_at=ends_at,
        )
        for (title, category, starts_at, ends_at), shift_id in missing.items()
    )
    if planned is not None:
        planned.extend(made)
    return {**shifts, **missing}


def _activities(
    community: Community,
    wanted: set[tuple[str, str]],
    planned: list[Activity | Shift] | None,
) -> dict[tuple[str, str], Activity]:
    """Return the activity of each title and category; plans missing ones."""
    known = Activity.objects.filter(community=community, title__in={title for title, _ in wanted})
    activities = {(activity.title, activity.category): activity for activity in known}
    missing = [
        Activity(community=community, title=title, category=category)
        for title, category in sorted(wanted - activities.keys())
    ]
    for activity in Activity.objects.bulk_create(missing):
        activities[activity.title, activity.category] = activity
    if planned is not None:
        planned.extend(missing)
    return activities


def _places(
    community: Community, wanted: set[tuple[UUID, UUID]]
) -> dict[tuple[UUID, UUID], Attendance]:
    """Lock and return the recorded attendances of these shifts and volunteers, by both ids."""
    # Read by shift alone, for the planner as in _known_beside.
    at_shifts = Attendance.objects.filter(
        community=community, shift__in={shift_id for shift_id, _ in wanted}
    )
    known = [
        pk
        for pk, *place in at_shifts.values_list("pk", "shift", "volunteer")
        if tuple(place) in wanted
    ]
    return {
        (attendance.shift_id, attendance.volunteer_id): attendance
        for attendance in Attendance.objects.filter(community=community, pk__in=known)
        .select_for_update(no_key=True)
        .order_by("pk")
    }
