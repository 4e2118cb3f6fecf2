"""What staff do about somebody's log-in: another number, a forgotten WeChat, an authenticator."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts.models import Consent
from backend.accounts.services import consents
from backend.audit.models import AuditEntry
from backend.communities.models import Community, Membership, Role
from backend.communities.services import places, roles
from backend.notices.models import Notice
from backend.people.errors import StandsAbove
from backend.people.models import LogInChange, Loss
from backend.people.services import authenticators, log_ins
from tests.cast import PASSWORD, tell, volunteer
from tests.conftest import TOTP_SECRET, Phone
from tests.verified import untriggered
from volunteers.models import Volunteer

NEW = "19866667777"
WHY = {"seen_by": "known", "reason": "手机丢了"}


@pytest.fixture
def sun(lake, person):
    """孙社工, the second of the lake's staff."""
    sun = person("sun", "孙社工")
    roles.give(user=sun, community=lake, role=Role.STAFF)
    return sun


@pytest.fixture
def street(lake):
    street = places.found(code="street", name="银盆岭街道", kind=Community.Kind.STREET)
    lake.parent = street
    lake.save()
    return street


@pytest.fixture
def holder(person):
    def make(username, place, role=Role.MANAGER):
        user = person(username, f"{username}书记")
        roles.give(user=user, community=place, role=role)
        return user

    return make


# --- another number, another WeChat -----------------------------------------------------------
def propose(client, user, code="lake", **body):
    address = f"/api/v1/communities/{code}/people/{user.pk}/log-in-changes"
    return client.post(address, {**WHY, **body})


def test_who_lost_phone_and_wechat_is_the_same_person_again(
    lake, wang, zhao, sun, wechat, logged_in
):
    consents.give(user=wang, purpose=Consent.Purpose.PHONE, version=1)
    SocialAccount.objects.create(user=wang, provider="wechat", uid="o6_lost")
    type(wang).objects.filter(pk=wang.pk).update(password="!")
    wang.refresh_from_db()
    old, before = wang.phone, logged_in(wang)

    asked = propose(logged_in(zhao), wang, phone="198 6666 7777", ends_wechat=True)

    assert asked.status_code == 201, asked.json()
    told = asked.json()
    assert (told["phone"], told["status"], told["has_phone"]) == ("198****7777", "proposed", True)
    assert before.get("/api/v1/me").status_code == 200  # nothing has changed yet
    answer = logged_in(sun).post(f"/api/v1/log-in-changes/{told['id']}/confirm")

    assert answer.status_code == 200, answer.json()
    done = answer.json()
    assert (done["status"], done["decided_by"]["name"]) == ("confirmed", "孙社工")
    assert done["phone"] == ""  # it is the person's now, and not kept twice
    wang.refresh_from_db()
    assert wang.phone == NEW
    assert old != NEW
    assert before.get("/api/v1/me").status_code == 401
    assert not UserSession.objects.filter(user=wang).exists()
    assert not SocialAccount.objects.filter(uid="o6_lost").exists()
    # With another WeChat account, which vouches for the number, they are this person.
    fresh = _by_wechat(wechat, "o6_new")
    assert fresh.put("/api/v1/me/consents/phone", {"version": 1}).status_code == 200
    code = wechat.new_code(NEW)
    bound = fresh.put("/api/v1/me/phone", {"code": code, "name": wang.name})
    assert bound.json() == {"phone": "198****7777", "log_in_again": True}
    assert _by_wechat(wechat, "o6_new").get("/api/v1/me").json()["id"] == str(wang.pk)


def _by_wechat(wechat, openid):
    answer = APIClient().post("/_allauth/app/v1/auth/wechat", {"code": wechat.new_code(openid)})
    return Phone(HTTP_AUTHORIZATION=f"Bearer {answer.json()['meta']['access_token']}")


def test_the_person_is_told_before_and_after_and_the_trail_names_nobody(
    lake, wang, zhao, sun, logged_in
):
    pk = propose(logged_in(zhao), wang, phone=NEW).json()["id"]
    logged_in(sun).post(f"/api/v1/log-in-changes/{pk}/confirm")

    told = Notice.objects.filter(recipient=wang).order_by("pk")
    assert all(map(tell, told))
    assert [one.kind for one in told] == ["log_in_change_proposed", "log_in_changed"]
    written = AuditEntry.objects.filter(community=lake, target_id=pk).order_by("pk")
    assert list(written.values_list("action", "actor")) == [
        ("log_in_change.propose", zhao.pk),
        ("log_in_change.confirm", sun.pk),
    ]
    text = str(list(written.values()))
    assert NEW not in text
    assert WHY["reason"] not in text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "nothing_to_change"),
        ({"phone": "12345"}, 400, "invalid_input"),
        ({"phone": "19810000002"}, 409, "phone_of_another_record"),
        ({"phone": NEW, "seen_by": "hearsay"}, 400, "invalid_input"),
        ({"phone": NEW, "of": "zhao"}, 403, "own_person"),
        ({"phone": NEW, "of": "sun"}, 403, "stands_above"),
        ({"phone": NEW, "of": "stranger"}, 404, "not_found"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(
    lake, wang, li, zhao, sun, person, logged_in, body, status, code
):
    known = {"zhao": zhao, "sun": sun, "stranger": person("stranger"), "wang": wang}
    whose = known[body.get("of", "wang")]
    sent = {name: one for name, one in body.items() if name != "of"}

    answer = propose(logged_in(zhao), whose, **sent)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not LogInChange.objects.exists()


def test_whoever_proposed_it_does_not_confirm_it_and_may_take_it_back(
    lake, wang, zhao, sun, logged_in
):
    office = logged_in(zhao)
    pk = propose(office, wang, ends_wechat=True).json()["id"]

    own = office.post(f"/api/v1/log-in-changes/{pk}/confirm")
    assert (own.status_code, own.json()["code"]) == (403, "own_person_proposal")
    assert office.post(f"/api/v1/log-in-changes/{pk}/reject").json()["status"] == "rejected"
    late = logged_in(sun).post(f"/api/v1/log-in-changes/{pk}/confirm")
    assert (late.status_code, late.json()["code"]) == (409, "person_proposal_decided")


def test_it_can_be_confirmed_for_a_week(lake, wang, zhao, sun, logged_in):
    pk = propose(logged_in(zhao), wang, ends_wechat=True).json()["id"]
    untriggered(
        f"UPDATE people_loginchange SET proposed_at = now() - interval '7 days' WHERE id = '{pk}'"
    )

    late = logged_in(sun).post(f"/api/v1/log-in-changes/{pk}/confirm")

    assert (late.status_code, late.json()["code"]) == (409, "person_proposal_expired")


def test_a_number_that_was_taken_meanwhile_is_refused(lake, wang, li, zhao, sun, logged_in):
    pk = propose(logged_in(zhao), wang, phone=NEW).json()["id"]
    li.phone = NEW
    li.save()

    answer = logged_in(sun).post(f"/api/v1/log-in-changes/{pk}/confirm")

    assert (answer.status_code, answer.json()["code"]) == (409, "phone_of_another_record")
    wang.refresh_from_db()
    assert wang.phone != NEW


def test_staff_of_a_place_that_somebody_left_change_no_log_in_of_theirs(
    lake, hill, wang, zhao, logged_in
):
    volunteer(wang, hill, Volunteer.Kind.RESIDENT)
    roles.end(membership=Membership.objects.get(user=wang, community=lake), ended_by=zhao)

    answer = propose(logged_in(zhao), wang, phone=NEW)

    assert (answer.status_code, answer.json()["code"]) == (403, "belongs_elsewhere")


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.VOLUNTEER])
def test_who_is_no_staff_neither_proposes_nor_confirms(lake, wang, zhao, holder, logged_in, role):
    caller = logged_in(holder("other", lake, role))
    change = log_ins.propose(place=lake, user=wang, by=zhao, phone=NEW, **WHY)

    assert propose(caller, wang, phone=NEW).status_code == 404
    assert caller.post(f"/api/v1/log-in-changes/{change.pk}/confirm").status_code == 404


def test_a_manager_changes_the_log_in_of_staff(lake, zhao, holder, logged_in):
    one, other = (logged_in(holder(name, lake)) for name in ("one", "two"))

    pk = propose(one, zhao, phone=NEW).json()["id"]

    assert other.post(f"/api/v1/log-in-changes/{pk}/confirm").status_code == 200
    zhao.refresh_from_db()
    assert zhao.phone == NEW


def test_the_database_holds_the_four_eyes(lake, wang, zhao):
    change = log_ins.propose(place=lake, user=wang, by=zhao, phone=NEW, **WHY)

    for decided_by, name in (
        (zhao, "log_in_change_confirmed_by_another"),
        (wang, "log_in_change_of_somebody_else"),
    ):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            LogInChange.objects.filter(community=lake, pk=change.pk).update(
                status="confirmed", decided_by=decided_by, decided_at=timezone.now()
            )


def test_one_of_two_changes_to_one_number_is_made(
    transactional_db, lake, wang, li, zhao, sun, at_once
):
    changes = [
        log_ins.propose(place=lake, user=user, by=zhao, phone=NEW, **WHY) for user in (wang, li)
    ]

    outcomes = at_once(2, lambda n: log_ins.confirm(change=changes[n], by=sun).status)

    assert sorted(outcomes) == ["confirmed", "phone_of_another_record"]


# --- a lost authenticator ---------------------------------------------------------------------
def reset(client, user, code):
    address = f"/api/v1/communities/{code}/people/{user.pk}/reset-authenticator"
    return client.post(address, {"loss": "lost"})


def test_a_manager_above_resets_an_authenticator_and_the_person_sets_up_another(
    lake, street, holder, logged_in
):
    boss, secretary = holder("boss", lake), holder("secretary", street)
    before = logged_in(boss)
    assert before.get("/api/v1/communities/lake/roles").status_code == 200

    answer = reset(logged_in(secretary), boss, "street")

    assert answer.status_code == 204
    assert before.get("/api/v1/me").status_code == 401
    assert not UserSession.objects.filter(user=boss).exists()
    asked = {"username": "boss", "password": PASSWORD}
    again = APIClient().post("/_allauth/app/v1/auth/login", asked)
    assert again.status_code == 200  # no code is asked for: there is no authenticator
    anew = Phone(HTTP_AUTHORIZATION=f"Bearer {again.json()['meta']['access_token']}")
    assert anew.get("/api/v1/me").json()["second_factor_required"] is True
    refused = anew.get("/api/v1/communities/lake/roles")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")
    notice = Notice.objects.get(recipient=boss, kind="authenticator_reset")
    assert tell(notice)
    (entry,) = AuditEntry.objects.filter(action="person.reset_authenticator")
    assert (entry.community, entry.actor, entry.after) == (street, secretary, {"loss": "lost"})


@pytest.mark.parametrize(
    ("whose", "by", "code"),
    [
        ("boss", "boss", "own_person"),
        ("boss", "deputy", "stands_above"),
        ("auditor", "deputy", "stands_above"),
        ("wang", "deputy", "stands_above"),
    ],
)
def test_who_is_not_above_resets_no_authenticator(
    lake, street, wang, holder, logged_in, whose, by, code
):
    people = {
        "wang": wang,
        "boss": holder("boss", lake),
        "deputy": holder("deputy", lake),
        "auditor": holder("auditor", lake, Role.AUDITOR),
    }

    answer = reset(logged_in(people[by]), people[whose], "lake")

    assert (answer.status_code, answer.json()["code"]) == (403, code)


def test_a_manager_resets_that_of_their_staff_once(lake, zhao, holder, logged_in):
    from backend.accounts import mfa

    mfa.hand_out(user=zhao, secret=TOTP_SECRET)
    boss = logged_in(holder("boss", lake))

    assert reset(boss, zhao, "lake").status_code == 204
    again = reset(boss, zhao, "lake")
    assert (again.status_code, again.json()["code"]) == (409, "no_authenticator")


def test_the_operator_resets_that_of_the_topmost_manager(lake, street, holder, logged_in):
    secretary = holder("secretary", street)
    logged_in(secretary)

    call_command("reset_authenticator", "secretary", "--loss=stolen")

    assert not Authenticator.objects.filter(user=secretary).exists()
    for name, said in (("secretary", "没有验证器"), ("nobody", "nobody")):
        with pytest.raises(CommandError, match=said):
            call_command("reset_authenticator", name, "--loss=stolen")


def test_staff_without_a_manager_above_are_the_operators(lake, holder):
    boss = holder("boss", lake)

    with pytest.raises(StandsAbove):
        authenticators.reset(user=boss, place=lake, by=holder("two", lake), loss=Loss.LOST)


@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("reset-authenticator", {"loss": "lost"}),
        ("log-in-changes", {**WHY, "phone": "19810000077"}),
        ("merges", WHY),
        ("suspensions", {"reason": "违规", "is_everywhere": True}),
    ],
)
def test_nobody_in_a_place_decides_how_an_operator_logs_in(
    lake, street, wang, zhao, holder, logged_in, verb, body
):
    from backend.accounts.services import operators

    operators.appoint(zhao)  # who is staff of the lake as well
    body = body | ({"kept_id": str(wang.pk)} if verb == "merges" else {})

    answer = logged_in(holder("secretary", street)).post(
        f"/api/v1/communities/lake/people/{zhao.pk}/{verb}",
        body,
        headers={"Idempotency-Key": "1"},
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "stands_above")


# --- people of a place ------------------------------------------------------------------------
def test_staff_find_the_people_of_a_place_by_name(lake, hill, wang, li, zhao, person, logged_in):
    person("stranger", "王二")

    found = logged_in(zhao).get("/api/v1/communities/lake/people?text=王").json()["results"]

    assert found == [
        {
            "id": str(wang.pk),
            "name": "王小明",
            "phone": "198****0001",
            "is_suspended": False,
        }
    ]
    assert logged_in(zhao).get("/api/v1/communities/hill/people").status_code == 404
    assert logged_in(wang).get("/api/v1/communities/lake/people").status_code == 404


def test_a_persons_record_shows_what_concerns_the_place(lake, hill, wang, zhao, logged_in):
    roles.give(user=wang, community=hill, role=Role.STAFF)

    record = logged_in(zhao).get(f"/api/v1/communities/lake/people/{wang.pk}").json()

    assert [(one["role"], one["community"]["code"]) for one in record["roles"]] == [
        ("volunteer", "lake")
    ]
    assert record["minutes"] == 0
    assert (record["is_child"], record["guardianships"], record["merged_records"]) == (
        False,
        [],
        0,
    )
    assert record["suspensions"] == []
    assert record["phone"] == "198****0001"


def test_an_open_proposal_is_found_by_its_status(lake, wang, zhao, logged_in):
    office = logged_in(zhao)
    pk = propose(office, wang, ends_wechat=True).json()["id"]
    address = "/api/v1/communities/lake/log-in-changes"

    assert [one["id"] for one in office.get(f"{address}?status=proposed").json()["results"]] == [pk]
    assert office.get(f"{address}?status=confirmed").json()["results"] == []
