"""Call-outs: who is told that a shift wants people."""

from datetime import date, timedelta

import pytest
from django.utils import timezone, translation

from backend.accounts import ages
from backend.audit.models import AuditEntry
from backend.communities.services import places
from backend.notices.models import Notice
from backend.notices.words import words
from tests.cast import tell
from volunteers.activities import services as activities
from volunteers.activities.errors import ShiftCancelled, ShiftOver
from volunteers.attendance.errors import CallOutReachesNobody
from volunteers.attendance.services import call_outs, planning, sign_ups
from volunteers.models import Activity, CallOut, Shift, Team, TeamMember, Volunteer
from volunteers.people.services import people

NOW = timezone.now().replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
def snow(lake):
    """Snow is to be cleared tomorrow, by two."""
    activity = activities.plan_activity(
        community=lake, title="扫雪", category="邻里服务", place="南门"
    )
    start = NOW + timedelta(days=1)
    return activities.plan_shift(
        activity=activity, starts_at=start, ends_at=start + 2 * HOUR, capacity=2
    )


@pytest.fixture
def enrolled(lake, person):
    """Enrols volunteers of the lake: ``enrolled("a", "b", kind="rider")``."""

    def enrol(*names, kind="resident", estate=None, skills=(), community=lake):
        some = [person(name) for name in names]
        for user in some:
            volunteer, _ = people.enrol(user=user, community=community, kind=kind, estate=estate)
            people.set_skills(volunteer=volunteer, skills=list(skills), changed_by=user)
        return some

    return enrol


@pytest.fixture
def call(snow, zhao):
    def make(**whom):
        return call_outs.call_out(shift=snow, called_by=zhao, message="请带铁锹。", **whom)

    return make


def told(call_out):
    notices = Notice.objects.filter(key__startswith=f"call-out:{call_out.pk}:")
    return {notice.recipient.username for notice in notices}


def test_everybody_who_could_come_is_told_what_when_and_where(snow, enrolled, call, zhao):
    enrolled("a", "b")

    made = call()

    assert (made.told, told(made), made.ended_at) == (2, {"a", "b"}, None)
    notice = Notice.objects.filter(kind="call_out").first()
    assert tell(notice)
    assert notice.stale_at == snow.ends_at
    with translation.override("zh-hans"):
        _, body = words(notice)
    assert "扫雪" in body
    assert "请带铁锹。" in body
    entry = AuditEntry.objects.get(action="call_out.make")
    assert (entry.actor, entry.after) == (zhao, {"told": 2})


def test_a_call_out_is_to_an_estate_a_kind_a_skill_or_a_team(lake, hill, enrolled, call):
    estate = places.estate_named(community=lake, name="一区")
    enrolled("neighbour", estate=estate)
    enrolled("rider", kind="rider", estate=estate)
    enrolled("nurse", skills=["急救", "血压"])
    leader, member, asker, former = enrolled("leader", "member", "asker", "former")
    enrolled("elsewhere", community=hill)
    team = Team.objects.create(community=lake, name="扫雪队")
    now = timezone.now()
    for user, facts in (
        (leader, {"status": "member", "joined_at": now, "is_leader": True}),
        (member, {"status": "member", "joined_at": now}),
        (asker, {"status": "asked"}),
        (former, {"status": "left", "joined_at": now, "left_at": now}),
    ):
        TeamMember.objects.create(community=lake, team=team, volunteer=user, **facts)

    assert told(call(estate=estate)) == {"neighbour", "rider"}
    assert told(call(estate=estate, kind="rider")) == {"rider"}
    assert told(call(skill="急救")) == {"nurse"}
    assert told(call(team=team)) == {"leader", "member"}
    assert call().told == 7


def test_who_could_not_come_is_not_called(lake, snow, enrolled, call):
    signed_up, second, waiting, elsewhere, gave_back, left = enrolled(
        "signed_up", "second", "waiting", "elsewhere", "gave_back", "left"
    )
    for user in (signed_up, second, waiting):
        sign_ups.sign_up_or_wait(shift=snow, volunteer=user)
    beside = activities.plan_shift(
        activity=snow.activity,
        starts_at=snow.starts_at + HOUR,
        ends_at=snow.ends_at + HOUR,
    )
    sign_ups.sign_up(shift=beside, volunteer=elsewhere)
    sign_ups.cancel(attendance=sign_ups.sign_up(shift=beside, volunteer=gave_back))
    people.leave(volunteer=Volunteer.objects.get(user=left))
    child, young, old = enrolled("child", "young", "old")
    for user, born_on in (
        (child, ages.today() - timedelta(days=4_000)),
        (young, ages.years_before(17, ages.today())),
        (old, date(1960, 1, 1)),
    ):
        user.born_on = born_on
        user.save(update_fields=["born_on"])

    assert told(call()) == {"gave_back", "young", "old"}
    Activity.objects.update(min_age=18)
    assert told(call()) == {"old"}


def test_a_call_out_that_nobody_would_hear_is_refused(snow, enrolled, call):
    enrolled("a")

    with pytest.raises(CallOutReachesNobody):
        call(skill="急救")

    assert not CallOut.objects.exists()


def test_nobody_is_called_to_a_shift_that_is_over_or_cancelled(snow, enrolled, call, zhao):
    enrolled("a")
    Shift.objects.update(starts_at=NOW - 2 * HOUR, ends_at=NOW - HOUR)
    with pytest.raises(ShiftOver):
        call()
    Shift.objects.update(ends_at=NOW + HOUR)
    planning.cancel_shift(shift=snow, cancelled_by=zhao, reason="雪停了")
    with pytest.raises(ShiftCancelled):
        call()


def test_once_a_call_out_has_ended_nobody_else_is_told(enrolled, call, zhao):
    enrolled("a", "b")
    made, other = call(), call()
    first = Notice.objects.filter(key__startswith=f"call-out:{made.pk}:").first()
    assert tell(first)

    ended = call_outs.end(call_out=made, ended_by=zhao)
    again = call_outs.end(call_out=made, ended_by=zhao)

    assert ended.ended_at == again.ended_at != None  # noqa: E711
    owed = Notice.objects.filter(kind="call_out", next_at__isnull=False)
    assert {notice.key.split(":")[1] for notice in owed} == {str(other.pk)}
    assert Notice.objects.filter(kind="call_out", withdrawn_at__isnull=False).count() == 1
    assert AuditEntry.objects.filter(action="call_out.end").count() == 1


def test_cancelling_the_shift_ends_its_call_outs(snow, enrolled, call, zhao):
    enrolled("a")
    made = call()

    planning.cancel_shift(shift=snow, cancelled_by=zhao, reason="雪停了")

    made.refresh_from_db()
    assert made.ended_at is not None
    assert Notice.objects.get(kind="call_out").withdrawn_at is not None


def test_staff_list_the_call_outs_of_all_shifts_the_last_first(
    lake, snow, enrolled, call, zhao, wang, logged_in
):
    enrolled("a", "b")
    first = call()
    call_outs.end(call_out=first, ended_by=zhao)
    second = call(kind="resident")

    def found(user=zhao, **asked):
        answer = logged_in(user).get("/api/v1/call-outs", asked)
        assert answer.status_code == 200, answer.json()
        return [row["id"] for row in answer.json()["results"]]

    assert found() == [str(second.pk), str(first.pk)]
    assert found(ended="true") == [str(first.pk)]
    assert found(text="扫雪", ended="false") == [str(second.pk)]
    assert found(until="2020-01-01") == found(community="hill") == found(wang) == []
