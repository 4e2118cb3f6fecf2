"""Waiting lists: who is in, who waits, and who moves up when."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import transaction
from django.utils import timezone, translation
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from backend.accounts import ages
from backend.accounts import selectors as accounts
from backend.accounts.services import guardians, profile
from backend.notices.models import Notice
from backend.notices.words import words
from tests.cast import somebody
from tests.long import examples
from volunteers.activities import services as activities
from volunteers.activities.errors import ShiftCancelled, ShiftOver
from volunteers.attendance import errors, selectors
from volunteers.attendance.models.places import WaitingPlace
from volunteers.attendance.services import planning, presence, sign_ups
from volunteers.models import Activity, Attendance, Shift, Volunteer
from volunteers.people.services import people

NOW = timezone.now().replace(microsecond=0)
HOUR = timedelta(hours=1)


@pytest.fixture
def planned(lake):
    """Plans a shift: ``planned(timedelta(days=1), capacity=2)`` from now on."""

    def plan(begins_in=timedelta(days=1), lasts=2 * HOUR, capacity=None, **more):
        activity = activities.plan_activity(
            community=lake, title="夜巡", category="邻里服务", place="东门"
        )
        Activity.objects.filter(pk=activity.pk).update(**more)
        start = NOW + begins_in
        return activities.plan_shift(
            activity=activity, starts_at=start, ends_at=start + lasts, capacity=capacity
        )

    return plan


@pytest.fixture
def crowd(lake, kept):
    """Volunteers of the lake: ``crowd(3)``."""
    return lambda count: kept(volunteers_of, lake)[:count]


def volunteers_of(lake):
    some = [
        somebody(f"volunteer{number}", "", phone=str(19700000001 + number)) for number in range(35)
    ]
    for one in some:
        people.enrol(user=one, community=lake, kind=Volunteer.Kind.RESIDENT)
    return some


def go(shift, *users):
    return [sign_ups.sign_up_or_wait(shift=shift, volunteer=user) for user in users]


def those_in(shift):
    held = Attendance.objects.filter(shift=shift).exclude(status="cancelled")
    return {place.volunteer for place in held.select_related("volunteer")}


def line(shift):
    return [place.volunteer for place in sign_ups.waiting_at(shift)]


def told(kind):
    return [notice.recipient for notice in Notice.objects.filter(kind=kind).order_by("id")]


def change(shift, by, **changes):
    return planning.change_shift(shift=shift, changed_by=by, changes=changes)


# --- waiting ----------------------------------------------------------------------------------
def test_who_comes_to_a_full_shift_waits_at_the_end_of_the_line(planned, crowd):
    shift = planned(capacity=1)
    first, second, third = crowd(3)

    places = go(shift, first, second, third)

    assert [type(place) for place in places] == [Attendance, WaitingPlace, WaitingPlace]
    assert (those_in(shift), line(shift)) == ({first}, [second, third])
    assert go(shift, third, second, first) == places[::-1]
    told_of = selectors.with_position(WaitingPlace.objects.order_by("since_at"))
    assert [place.position for place in told_of] == [1, 2]


def test_who_does_not_say_that_they_wait_is_refused(planned, crowd):
    shift = planned(capacity=1)
    first, second = crowd(2)
    go(shift, first)

    with pytest.raises(errors.ShiftFull):
        sign_ups.sign_up(shift=shift, volunteer=second)

    assert line(shift) == []


def test_the_first_in_line_gets_the_place_that_is_given_back_and_is_told(planned, crowd):
    shift = planned(capacity=1)
    first, second, third = crowd(3)
    place, waiting, _ = go(shift, first, second, third)

    for _ in ("once", "again"):
        sign_ups.cancel(attendance=place)

    assert (those_in(shift), line(shift)) == ({second}, [third])
    waiting.refresh_from_db()
    assert (waiting.status, waiting.ended_at is not None) == ("promoted", True)
    assert told("waiting_promoted") == [second]
    reminder = Notice.objects.get(kind="shift_reminder", recipient=second)
    assert reminder.due_at == shift.starts_at - HOUR
    notice = Notice.objects.get(kind="waiting_promoted")
    for language, begins in (("zh-hans", "夜巡"), ("en", "夜巡, ")):
        with translation.override(language):
            assert words(notice)[1].startswith(begins)


def test_who_gave_a_place_back_waits_again_at_the_end(planned, crowd):
    shift = planned(capacity=1)
    first, second, third = crowd(3)
    place, *_ = go(shift, first, second, third)
    sign_ups.cancel(attendance=place)

    go(shift, first)
    assert line(shift) == [third, first]

    for user in (second, third):
        sign_ups.cancel(attendance=Attendance.objects.get(shift=shift, volunteer=user))
    assert (those_in(shift), line(shift)) == ({first}, [])
    assert Attendance.objects.get(volunteer=first).pk == place.pk


def test_who_leaves_the_line_is_not_moved_up(planned, crowd):
    shift = planned(capacity=1)
    first, second, third = crowd(3)
    place, waiting, _ = go(shift, first, second, third)

    for _ in ("once", "again"):
        left = sign_ups.stop_waiting(waiting_place=waiting)
        assert left.status == "left"
    sign_ups.cancel(attendance=place)

    assert (those_in(shift), line(shift)) == ({third}, [])
    assert sign_ups.stop_waiting(waiting_place=waiting).ended_at == left.ended_at


def test_more_places_go_to_the_first_in_line(planned, crowd, zhao):
    shift = planned(capacity=1)
    users = crowd(5)
    go(shift, *users)

    change(shift, zhao, capacity=3)
    assert (those_in(shift), line(shift)) == (set(users[:3]), users[3:])
    assert told("waiting_promoted") == users[1:3]

    change(shift, zhao, capacity=None)
    assert (those_in(shift), line(shift)) == (set(users), [])


def test_who_leaves_the_community_is_off_the_line_and_their_place_goes_to_the_next(
    planned, crowd, lake
):
    shift, other = planned(capacity=1), planned(timedelta(days=2), capacity=1)
    first, second, third = crowd(3)
    go(shift, first, second, third)
    go(other, second, first, third)

    people.leave(volunteer=Volunteer.objects.get(user=first))

    assert (those_in(shift), line(shift)) == ({second}, [third])
    assert (those_in(other), line(other)) == ({second}, [third])
    people.leave(volunteer=Volunteer.objects.get(user=second))
    assert (those_in(shift), line(shift)) == ({third}, [])


def test_who_is_elsewhere_by_then_is_passed_over_and_told(planned, crowd, zhao):
    shift = planned(capacity=1)
    at_that_time, later = planned(timedelta(days=1, hours=1)), planned(timedelta(days=1, hours=2))
    first, second, third = crowd(3)
    place, waiting, _ = go(shift, first, second, third)
    go(at_that_time, second)
    go(later, third)

    sign_ups.cancel(attendance=place)

    assert (those_in(shift), line(shift)) == ({third}, [])
    waiting.refresh_from_db()
    assert waiting.status == "passed_over"
    assert (told("waiting_passed_over"), told("waiting_promoted")) == ([second], [third])
    assert those_in(at_that_time) == {second}


def test_who_waits_for_two_shifts_at_a_time_gets_one(planned, crowd, zhao):
    shift, beside = planned(capacity=1), planned(capacity=1)
    first, second, third = crowd(3)
    go(shift, first, third)
    go(beside, second, third)

    for one in (shift, beside):
        change(one, zhao, capacity=2)

    assert (those_in(shift), those_in(beside)) == ({first, third}, {second})
    assert told("waiting_passed_over") == [third]


def test_a_child_whose_guardian_no_longer_agrees_is_off_the_line(planned, crowd, wang, lake):
    shift = planned(capacity=1)
    first, child, third = crowd(3)
    profile.change(user=wang, born_on=date(1990, 1, 1))
    profile.change(user=child, born_on=ages.today() - timedelta(days=4_000))
    for user in (wang, child):
        user.refresh_from_db()
    code, _ = guardians.ask(child=child)
    agreed = guardians.agree(guardian=wang, code=code, relation="parent", version=1)
    place, *_ = go(shift, first, child, third)

    guardians.withdraw(guardianship=agreed, by=wang)
    assert line(shift) == [third]
    sign_ups.cancel(attendance=place)

    assert those_in(shift) == {third}


def test_a_child_whose_guardian_agreed_to_older_words_is_passed_over(
    planned, crowd, wang, monkeypatch
):
    shift = planned(capacity=1)
    first, child, third = crowd(3)
    profile.change(user=wang, born_on=date(1990, 1, 1))
    profile.change(user=child, born_on=ages.today() - timedelta(days=4_000))
    for user in (wang, child):
        user.refresh_from_db()
    code, _ = guardians.ask(child=child)
    agreed = guardians.agree(guardian=wang, code=code, relation="parent", version=1)
    place, *_ = go(shift, first, child, third)

    todays = replace(accounts.GUARDIAN_TEXT, version=agreed.version + 1)
    monkeypatch.setattr(accounts, "GUARDIAN_TEXT", todays)
    sign_ups.cancel(attendance=place)

    assert (those_in(shift), told("waiting_passed_over")) == ({third}, [child])


def test_who_came_without_a_place_no_longer_waits_for_one(planned, crowd, zhao):
    shift = planned(-HOUR, capacity=1)
    first, second, third = crowd(3)
    go(shift, first, second, third)
    Attendance.objects.create(
        community=shift.community, shift=shift, volunteer=second, status="checked_in",
        checked_in_at=NOW, is_walk_in=True,
    )  # fmt: skip

    change(shift, zhao, capacity=3)

    assert (those_in(shift), line(shift)) == ({first, second, third}, [])
    assert told("waiting_promoted") == [third]


def test_a_move_reaches_the_line_and_a_cancellation_ends_it(planned, crowd, zhao):
    shift = planned(capacity=1)
    first, second = crowd(2)
    go(shift, first, second)

    change(shift, zhao, starts_at=shift.starts_at + HOUR)
    assert (told("shift_moved"), told("waiting_moved")) == ([first], [second])
    notice = Notice.objects.get(kind="waiting_moved")
    assert notice.facts["starts_at"] == (shift.starts_at + HOUR).isoformat()

    planning.cancel_shift(shift=shift, cancelled_by=zhao, reason="下雨")
    assert line(shift) == []
    assert WaitingPlace.objects.get().status == "ended"
    assert set(told("shift_cancelled")) == {first, second}
    assert told("waiting_promoted") == []
    with pytest.raises(ShiftCancelled):
        go(shift, second)


def test_nobody_waits_for_a_shift_that_is_over(planned, crowd):
    shift = planned(-3 * HOUR, capacity=1)
    (one,) = crowd(1)

    with pytest.raises(ShiftOver):
        go(shift, one)


def test_a_place_is_not_given_back_once_the_shift_is_over(planned, crowd):
    shift = planned(-HOUR, capacity=1)
    first, second = crowd(2)
    place, _ = go(shift, first, second)
    Shift.objects.update(ends_at=NOW - timedelta(minutes=1))

    with pytest.raises(ShiftOver):
        sign_ups.cancel(attendance=place)

    assert (those_in(shift), line(shift)) == ({first}, [second])


# --- who may come -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("born_on", "refusal"),
    [
        (None, errors.AgeUnknown),
        (date(2006, 5, 2), errors.TooYoung),
        (date(2006, 5, 1), None),
        (date(1950, 1, 1), None),
    ],
)
def test_an_age_is_asked_for_on_the_day_of_the_shift(planned, wang, born_on, refusal):
    shift = planned(min_age=60)
    # 23:30 of 30 April in UTC is 1 May by the clock of the people.
    Shift.objects.update(starts_at="2066-04-30T23:30Z", ends_at="2066-05-01T02:00Z")
    wang.born_on = born_on
    wang.save(update_fields=["born_on"])

    if refusal is None:
        assert go(shift, wang)[0].status == "signed_up"
        return
    for sign_up in (sign_ups.sign_up, sign_ups.sign_up_or_wait):
        with pytest.raises(refusal) as refused:
            sign_up(shift=shift, volunteer=wang)
        assert refused.value.facts == {"min_age": 60}


def test_nobodys_age_is_asked_for_where_none_is_needed(planned, wang):
    assert wang.born_on is None
    assert go(planned(skills=["急救"]), wang)[0].status == "signed_up"


def test_who_is_in_another_shift_at_that_time_is_refused(planned, wang):
    first = planned(lasts=2 * HOUR)
    beside, afterwards = planned(timedelta(days=1, hours=1)), planned(timedelta(days=1, hours=2))
    (place,) = go(first, wang)

    for sign_up in (sign_ups.sign_up, sign_ups.sign_up_or_wait):
        with pytest.raises(errors.AlreadyElsewhere):
            sign_up(shift=beside, volunteer=wang)

    go(afterwards, wang)
    sign_ups.cancel(attendance=place)
    sign_ups.cancel(attendance=Attendance.objects.get(shift=afterwards))
    assert go(beside, wang)[0].status == "signed_up"


def test_who_has_checked_out_may_go_on_to_a_shift_that_is_running(planned, wang):
    first, beside = planned(-HOUR), planned(-HOUR)
    (place,) = go(first, wang)
    presence.check_in(attendance=place)

    with pytest.raises(errors.AlreadyElsewhere):
        go(beside, wang)
    presence.check_out(attendance=place)

    assert go(beside, wang)[0].status == "signed_up"


# --- at once ----------------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", ["once", "again"])
def test_of_thirty_five_at_once_twenty_are_in_and_fifteen_wait(planned, crowd, at_once, time):
    shift = planned(capacity=20)
    users = crowd(35)

    places = at_once(35, lambda n: go(shift, users[n])[0])

    assert Counter(type(place) for place in places) == {Attendance: 20, WaitingPlace: 15}
    waited = sorted((p for p in places if isinstance(p, WaitingPlace)), key=lambda p: p.since_at)
    assert line(shift) == [place.volunteer for place in waited]
    assert len(those_in(shift)) == 20
    assert Notice.objects.filter(kind="shift_reminder").count() == 20

    # Twelve give their places back, at once: the first twelve move up, in order.
    held = [place for place in places if isinstance(place, Attendance)][:12]
    at_once(12, lambda n: sign_ups.cancel(attendance=held[n]).status)

    assert len(those_in(shift)) == 20
    assert line(shift) == [place.volunteer for place in waited[12:]]
    assert told("waiting_promoted") == [place.volunteer for place in waited[:12]]


@pytest.mark.django_db(transaction=True)
def test_who_cancels_and_signs_up_at_once_leaves_no_place_empty(planned, crowd, at_once):
    shift = planned(capacity=5)
    users = crowd(20)
    places = go(shift, *users[:5])

    def act(number):
        if number < 5:
            return sign_ups.cancel(attendance=places[number]).status
        return type(go(shift, users[number])[0]).__name__

    outcomes = Counter(at_once(20, act))

    assert outcomes["cancelled"] == 5
    assert outcomes["Attendance"] + outcomes["WaitingPlace"] == 15
    assert (len(those_in(shift)), len(line(shift))) == (5, 10)
    assert those_in(shift) | set(line(shift)) == set(users[5:])


@pytest.mark.django_db(transaction=True)
def test_places_are_added_while_people_sign_up(planned, crowd, zhao, at_once):
    shift = planned(capacity=2)
    users = crowd(16)

    def act(number):
        if number < 16:
            return type(go(shift, users[number])[0]).__name__
        return change(shift, zhao, capacity=4 + number % 16).capacity

    at_once(19, act)

    shift.refresh_from_db()
    assert (len(those_in(shift)), len(line(shift))) == (shift.capacity, 16 - shift.capacity)


@pytest.mark.django_db(transaction=True)
def test_nobody_moves_up_in_a_shift_that_is_cancelled(planned, crowd, zhao, at_once):
    shift = planned(capacity=6)
    users = crowd(12)
    places = go(shift, *users)

    def act(number):
        if number < 6:
            return sign_ups.cancel(attendance=places[number]).status
        if number < 9:
            return people.leave(volunteer=Volunteer.objects.get(user=users[number])).left_at
        return planning.cancel_shift(shift=shift, cancelled_by=zhao, reason="下雨").status

    at_once(10, act)

    assert (those_in(shift), line(shift)) == (set(), [])
    assert set(users[9:]) <= set(told("shift_cancelled"))  # whether they moved up before or not


@pytest.mark.django_db(transaction=True)
def test_who_waits_for_two_shifts_that_are_freed_at_once_gets_one(planned, crowd, at_once):
    """Those who wait in both, in opposite order, do not wait for each other for ever."""
    shifts = [planned(capacity=4), planned(capacity=4)]
    users = crowd(16)
    held = go(shifts[0], *users[:4]) + go(shifts[1], *users[4:8])
    go(shifts[0], *users[8:])
    go(shifts[1], *reversed(users[8:]))

    outcomes = at_once(8, lambda n: sign_ups.cancel(attendance=held[n]).status)

    assert outcomes == ["cancelled"] * 8
    one, other = (those_in(shift) for shift in shifts)
    assert not one & other
    assert one | other <= set(users[8:])
    for shift in shifts:
        assert len(those_in(shift)) == 4 or line(shift) == []


@pytest.mark.django_db(transaction=True)
def test_who_leaves_as_they_move_up_is_not_in(planned, crowd, at_once):
    shift = planned(capacity=3)
    users = crowd(9)
    held = go(shift, *users)[:3]

    def act(number):
        if number < 3:
            return sign_ups.cancel(attendance=held[number]).status
        leaves = Volunteer.objects.get(user=users[number])
        return people.leave(volunteer=leaves).left_at is not None

    at_once(6, act)  # the first three in line leave

    assert (those_in(shift), line(shift)) == (set(users[6:]), [])


@pytest.mark.django_db(transaction=True)
def test_who_signs_up_elsewhere_as_they_move_up_is_in_one_place(planned, crowd, at_once):
    shift, beside = planned(capacity=3), planned()
    users = crowd(6)
    held = go(shift, *users)[:3]

    def act(number):
        if number < 3:
            return sign_ups.cancel(attendance=held[number]).status
        return sign_ups.sign_up(shift=beside, volunteer=users[number]).status

    at_once(6, act)

    assert those_in(shift) | those_in(beside) == set(users[3:])
    assert not those_in(shift) & those_in(beside)


@pytest.mark.django_db(transaction=True)
def test_nobody_is_moved_to_where_they_sign_up_at_once(planned, crowd, zhao, at_once):
    first, second = planned(capacity=9), planned(timedelta(days=1, hours=4), capacity=9)
    users = crowd(6)
    go(first, *users)

    def act(number):
        if number < 6:
            return sign_ups.sign_up(shift=second, volunteer=users[number]).status
        return change(first, zhao, ends_at=second.ends_at).capacity

    *signed_up, moved = at_once(7, act)

    if moved == "already_elsewhere":
        assert "signed_up" in signed_up
    else:
        assert set(signed_up) == {"already_elsewhere"}


# --- against a plain model --------------------------------------------------------------------
NAMES = range(7)
STEPS = st.one_of(
    st.tuples(st.just("come"), st.sampled_from(NAMES)),
    st.tuples(st.just("come"), st.sampled_from(NAMES)),
    st.tuples(st.just("give_up"), st.sampled_from(NAMES)),
    st.tuples(st.just("resize"), st.sampled_from([1, 2, 3, 4, None])),
    st.tuples(st.just("leave_and_return"), st.sampled_from(NAMES)),
    st.tuples(st.just("be_busy"), st.sampled_from(NAMES)),
)


class Lists(RuleBasedStateMachine):
    """One shift with its list, beside two Python lists; somebody busy has another shift then."""

    def __init__(self, shift, beside, users, staff):
        super().__init__()
        self.shift, self.beside, self.users, self.staff = shift, beside, users, staff
        self.capacity, self.inside, self.waiting, self.busy = 2, [], [], set()
        self.block = transaction.atomic()
        self.block.__enter__()

    def teardown(self):
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)

    @rule(step=STEPS)
    def step(self, step):
        name, argument = step
        getattr(self, name)(argument)

    def fill(self):
        while self.waiting and (self.capacity is None or len(self.inside) < self.capacity):
            first = self.waiting.pop(0)
            if first not in self.busy:
                self.inside.append(first)

    def come(self, name):
        try:
            go(self.shift, self.users[name])
        except errors.AlreadyElsewhere:
            assert name in self.busy
            return
        if name not in self.inside and name not in self.waiting:
            assert name not in self.busy
            self.waiting.append(name)
            self.fill()

    def give_up(self, name):
        mine = {"shift": self.shift, "volunteer": self.users[name]}
        if name in self.inside:
            sign_ups.cancel(attendance=Attendance.objects.get(**mine))
            self.inside.remove(name)
        elif name in self.waiting:
            place = WaitingPlace.objects.get(**mine, status="waiting")
            sign_ups.stop_waiting(waiting_place=place)
            self.waiting.remove(name)
        self.fill()

    def resize(self, capacity):
        try:
            change(self.shift, self.staff, capacity=capacity)
        except errors.CapacityTooSmall:
            assert capacity < len(self.inside)
            return
        self.capacity = capacity
        self.fill()

    def leave_and_return(self, name):
        user, community = self.users[name], self.shift.community
        people.leave(volunteer=Volunteer.objects.get(community=community, user=user))
        people.enrol(user=user, community=community, kind=Volunteer.Kind.RESIDENT)
        for names in (self.inside, self.waiting):
            if name in names:
                names.remove(name)
        self.busy.discard(name)
        self.fill()

    def be_busy(self, name):
        if name in self.inside:
            with pytest.raises(errors.AlreadyElsewhere):
                go(self.beside, self.users[name])
        else:
            go(self.beside, self.users[name])
            self.busy.add(name)

    @invariant()
    def the_same_people_are_in_and_wait_in_the_same_order(self):
        assert those_in(self.shift) == {self.users[name] for name in self.inside}
        assert line(self.shift) == [self.users[name] for name in self.waiting]
        assert not line(self.shift) or len(self.inside) == self.capacity


@pytest.mark.slow
def test_a_waiting_list_does_what_the_model_does(planned, crowd, zhao):
    shift, beside, users = planned(capacity=2), planned(), crowd(len(NAMES))
    run(lambda: Lists(shift, beside, users, zhao), settings=examples(3, steps=25))
