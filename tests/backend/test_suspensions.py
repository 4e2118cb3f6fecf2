"""Suspending people: what ends, what they may still do, and who decides."""

from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from backend.audit.models import AuditEntry
from backend.communities.models import Community, Role, Suspension
from backend.communities.services import places, roles
from backend.notices.models import Notice
from backend.people.errors import OwnPerson
from backend.people.services import suspensions
from merchants.redemption.errors import PayCodeExpired
from merchants.redemption.services import pay_codes, vouchers
from tests.cast import PASSWORD, tell
from tests.conftest import Phone
from tests.verified import untriggered
from volunteers.activities import services as activities
from volunteers.attendance.services import sign_ups
from volunteers.models import Volunteer
from volunteers.people.services import people

IN_A_WEEK = timedelta(days=7)


@pytest.fixture
def street(lake, hill):
    """The street above lake and hill."""
    street = places.found(code="street", name="银盆岭街道", kind=Community.Kind.STREET)
    for below in (lake, hill):
        below.parent = street
        below.save()
    return street


@pytest.fixture
def holder(person):
    def make(username, place, role=Role.MANAGER):
        user = person(username, f"{username}书记")
        roles.give(user=user, community=place, role=role)
        return user

    return make


@pytest.fixture
def boss(lake, holder):
    """A manager of the lake."""
    return holder("boss", lake)


def suspend(client, code, user, **body):
    address = f"/api/v1/communities/{code}/people/{user.pk}/suspensions"
    return client.post(address, {"reason": "争吵", **body})


def test_a_suspended_volunteer_reads_and_leaves_and_does_nothing_else(
    lake, wang, boss, tea, grant_points, patrol, logged_in
):
    grant_points(wang, 100)
    phone = logged_in(wang)
    vouchers.take(offer=tea, volunteer=wang)
    tomorrow = activities.plan_shift(
        activity=patrol.activity,
        starts_at=timezone.now() + timedelta(days=1),
        ends_at=timezone.now() + timedelta(days=1, hours=2),
    )
    coming = sign_ups.sign_up(shift=tomorrow, volunteer=wang)
    begun = sign_ups.sign_up(shift=patrol, volunteer=wang)

    answer = suspend(logged_in(boss), "lake", wang)

    assert answer.status_code == 201, answer.json()
    told = answer.json()
    assert (told["is_in_force"], told["ends_at"], told["is_everywhere"]) == (True, None, False)
    assert told["suspended_by"]["name"] == "boss书记"
    # What ran has ended: nobody redeems or attends any more, and the points are back.
    coming.refresh_from_db()
    assert coming.status == "cancelled"
    wallet = phone.get("/api/v1/me/wallets/lake").json()
    assert (wallet["available"], wallet["held"]) == (100, 0)
    for address, body in {
        f"attendances/{begun.pk}/check-in": {},
        f"shifts/{patrol.pk}/attendances": {},
        f"offers/{tea.pk}/vouchers": {"quantity": 1},
        "communities/lake/reports": {"category": "hazard", "text": "井盖松动"},
        "communities/lake/join": {"kind": "rider"},
    }.items():
        answer = phone.post(f"/api/v1/{address}", body)
        assert answer.status_code in (403, 404), (address, answer.json())
    assert answer.json()["code"] == "suspended"
    for address in ("me/attendances", "me/vouchers", "me/volunteers", "me/notices"):
        assert phone.get(f"/api/v1/{address}").status_code == 200
    (mine,) = phone.get("/api/v1/me/suspensions").json()
    assert (mine["reason"], "suspended_by" in mine) == ("争吵", False)
    assert phone.post("/api/v1/me/export").status_code == 202
    assert phone.delete("/api/v1/me").status_code == 202
    assert phone.post("/api/v1/me/keep").status_code == 204
    assert phone.post("/api/v1/communities/lake/leave").status_code == 200


def test_a_suspension_in_one_community_locks_nobody_out_of_another(
    lake, hill, wang, boss, tea, logged_in
):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)

    suspend(logged_in(boss), "lake", wang)

    phone = logged_in(wang)
    report = {"category": "hazard", "text": "井盖松动"}
    assert phone.post("/api/v1/communities/hill/reports", report).status_code == 201
    refused = phone.post("/api/v1/communities/lake/reports", report)
    assert (refused.status_code, refused.json()["code"]) == (403, "suspended")


def test_suspended_staff_see_and_decide_nothing_there(lake, wang, zhao, boss, served, logged_in):
    done = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    office = logged_in(zhao)
    assert office.get(f"/api/v1/attendances/{done.pk}").status_code == 200

    suspend(logged_in(boss), "lake", zhao)

    assert office.get(f"/api/v1/attendances/{done.pk}").status_code == 404
    assert office.post(f"/api/v1/attendances/{done.pk}/verify").status_code == 404
    assert office.get("/api/v1/communities/lake/volunteers").status_code == 404
    assert office.get("/api/v1/me").status_code == 200


def test_it_ends_by_itself_at_its_end(lake, wang, boss, tea, grant_points, logged_in):
    grant_points(wang, 100)
    ends_at = timezone.now() + IN_A_WEEK
    answer = suspend(logged_in(boss), "lake", wang, ends_at=ends_at.isoformat())
    assert answer.status_code == 201
    offer = f"/api/v1/offers/{tea.pk}/vouchers"
    assert logged_in(wang).post(offer, {"quantity": 1}).status_code in (403, 404)

    # A week later; nothing has run meanwhile.
    past = timezone.now() - timedelta(seconds=1)
    pk = answer.json()["id"]
    with transaction.atomic():
        _move_end(pk, past)
        type(wang).objects.filter(pk=wang.pk).update(suspended_until=past)

    assert logged_in(wang).post(offer, {"quantity": 1}).status_code == 201
    opened = logged_in(boss).get(f"/api/v1/suspensions/{pk}").json()
    assert (opened["is_in_force"], opened["lifted_at"]) == (False, None)


def _move_end(pk, moment):
    """Let time pass, behind the trigger's back."""
    since = moment - timedelta(days=8)
    untriggered(
        f"UPDATE communities_suspension SET since_at = '{since.isoformat()}',"
        f" ends_at = '{moment.isoformat()}' WHERE id = '{pk}'"
    )


def test_a_manager_lifts_it_once_and_the_person_is_told(lake, wang, boss, logged_in):
    office = logged_in(boss)
    pk = suspend(office, "lake", wang).json()["id"]

    first = office.post(f"/api/v1/suspensions/{pk}/lift").json()
    second = office.post(f"/api/v1/suspensions/{pk}/lift").json()

    assert first["is_in_force"] is False
    assert second["lifted_at"] == first["lifted_at"]
    wang.refresh_from_db()
    assert wang.suspended_until is None
    report = {"category": "hazard", "text": "井盖松动"}
    assert logged_in(wang).post("/api/v1/communities/lake/reports", report).status_code == 201
    told = Notice.objects.filter(recipient=wang).order_by("pk")
    assert all(map(tell, told))
    assert [one.kind for one in told] == ["suspended", "suspension_lifted"]
    written = AuditEntry.objects.filter(community=lake, target_id=str(wang.pk)).order_by("pk")
    assert list(written.values_list("action", "actor")) == [
        ("person.suspend", boss.pk),
        ("person.lift_suspension", boss.pk),
    ]
    assert "争吵" not in str(list(written.values()))


def test_a_person_suspended_everywhere_is_logged_out_and_only_reads(
    street, lake, hill, wang, holder, logged_in
):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    before = logged_in(wang)
    secretary = holder("secretary", street)

    answer = suspend(logged_in(secretary), "street", wang, is_everywhere=True)

    assert answer.status_code == 201, answer.json()
    assert before.get("/api/v1/me").status_code == 401
    assert not UserSession.objects.filter(user=wang).exists()
    again = _logged_in_anew(wang)
    assert again.get("/api/v1/me/wallets").status_code == 200
    assert again.post("/api/v1/me/export").status_code == 202
    report = {"category": "hazard", "text": "井盖松动"}
    for code in ("lake", "hill"):
        refused = again.post(f"/api/v1/communities/{code}/reports", report)
        assert (refused.status_code, refused.json()["code"]) == (403, "suspended")
    child = {"code": "ABCDEFGH", "relation": "parent", "version": 1}
    refused = again.post("/api/v1/me/children", child)
    assert refused.json()["code"] == "suspended"


def _logged_in_anew(user):
    asked = {"username": user.username, "password": PASSWORD}
    answer = APIClient().post("/_allauth/app/v1/auth/login", asked)
    return Phone(HTTP_AUTHORIZATION=f"Bearer {answer.json()['meta']['access_token']}")


def test_only_who_manages_all_places_suspends_a_whole_person(
    street, lake, hill, wang, boss, logged_in
):
    people.enrol(user=wang, community=hill, kind=Volunteer.Kind.RIDER)

    answer = suspend(logged_in(boss), "lake", wang, is_everywhere=True)

    assert (answer.status_code, answer.json()["code"]) == (403, "belongs_elsewhere")
    assert not Suspension.objects.exists()


@pytest.mark.parametrize(
    ("whom", "code"),
    [
        ("boss", "own_person"),
        ("other_manager", "stands_above"),
        ("street_staff", "not_found"),
        ("stranger", "not_found"),
    ],
)
def test_nobody_suspends_themselves_or_who_stands_above(
    street, lake, hill, boss, holder, person, logged_in, whom, code
):
    whoever = {
        "boss": lambda: boss,
        "other_manager": lambda: holder("deputy", lake),
        "street_staff": lambda: holder("clerk", street, Role.STAFF),
        "stranger": lambda: person("stranger"),
    }[whom]()

    answer = suspend(logged_in(boss), "lake", whoever)

    assert answer.json()["code"] == code
    assert not Suspension.objects.exists()


def test_a_manager_of_a_volunteer_who_is_staff_of_the_street_does_not_suspend_them(
    street, lake, wang, boss, logged_in
):
    roles.give(user=wang, community=street, role=Role.STAFF)

    answer = suspend(logged_in(boss), "lake", wang)

    assert (answer.status_code, answer.json()["code"]) == (403, "stands_above")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"ends_at": "2020-01-01T00:00:00+08:00"}, 400, "suspension_over"),
        ({"reason": ""}, 400, "invalid_input"),
        ({"until": "2030-01-01"}, 400, "invalid_input"),
    ],
)
def test_a_suspension_that_makes_no_sense_is_refused(
    lake, wang, boss, logged_in, body, status, code
):
    answer = suspend(logged_in(boss), "lake", wang, **body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_second_suspension_at_one_place_is_refused(lake, wang, boss, logged_in):
    suspend(logged_in(boss), "lake", wang)

    answer = suspend(logged_in(boss), "lake", wang)

    assert (answer.status_code, answer.json()["code"]) == (409, "already_suspended")


def test_staff_and_estates_suspend_nobody(lake, wang, zhao, holder, logged_in):
    estate = places.estate_named(community=lake, name="湖心苑")
    keeper = holder("keeper", estate)

    assert suspend(logged_in(zhao), "lake", wang).status_code == 404
    assert suspend(logged_in(keeper), estate.code, wang).status_code == 404


def test_nobody_lifts_their_own(lake, zhao, boss, holder):
    one = suspensions.suspend(place=lake, user=zhao, by=boss, reason="争吵")

    with pytest.raises(OwnPerson):
        suspensions.lift(suspension=one, by=zhao)
    with pytest.raises(IntegrityError, match="suspension_by_another"), transaction.atomic():
        Suspension.objects.filter(community=lake, pk=one.pk).update(
            lifted_at=timezone.now(), lifted_by=zhao
        )


@pytest.mark.parametrize("change", ["ends_at = now()", "reason = 'x'", "is_everywhere = true"])
def test_a_suspension_is_only_lifted(lake, wang, boss, change):
    suspensions.suspend(place=lake, user=wang, by=boss, reason="争吵")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE communities_suspension SET {change}")


def test_a_pay_code_shown_before_no_longer_pays(lake, wang, chen, tea, boss, grant_points):
    grant_points(wang, 100)
    shown = pay_codes.show(community=lake, volunteer=wang)
    suspensions.suspend(place=lake, user=wang, by=boss, reason="争吵")

    with pytest.raises(PayCodeExpired):
        pay_codes.pay(merchant=tea.partnership.merchant, clerk=chen, code=shown.code, points=10)


def test_races_of_suspending_leave_one(transactional_db, lake, wang, boss, at_once):
    outcomes = at_once(
        4, lambda n: suspensions.suspend(place=lake, user=wang, by=boss, reason="争吵") and "done"
    )

    assert sorted(outcomes) == ["already_suspended"] * 3 + ["done"]
    assert Suspension.objects.count() == 1


def test_the_operator_suspends_and_lifts(lake, wang, capsys):
    call_command("suspend", "wang", "--community=lake", "--reason=争吵", "--everywhere")
    wang.refresh_from_db()
    assert wang.suspended_until is not None
    call_command("suspend", "wang", "--community=lake", "--lift")
    wang.refresh_from_db()
    assert wang.suspended_until is None
