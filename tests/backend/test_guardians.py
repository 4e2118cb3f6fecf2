"""Children under 14: they take part while a guardian agrees, and never stand on a public page."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts import ages, selectors
from backend.accounts.errors import GuardianConsentRequired
from backend.accounts.models import Consent, GuardianCode, Guardianship, User
from backend.accounts.purposes import Text
from backend.accounts.services import attempts, consents, guardians, people, phone, profile
from backend.audit.models import OwnAct
from backend.communities.models import Community
from merchants.redemption.services import vouchers as redemption
from volunteers.attendance.services import presence, sign_ups
from volunteers.models import Report
from volunteers.reports.selectors import public_reports
from volunteers.reports.services import submitting

CHILDREN = "/api/v1/me/children"
REPORT = {"category": "hazard", "text": "井盖松动"}


def years_ago(years, days=0):
    return ages.years_before(years, ages.today()) + timedelta(days=days)


def born(user, born_on):
    user.born_on = born_on
    user.save(update_fields=["born_on"])
    return user


@pytest.fixture
def child(li):
    """李小妹, born a day too late to do without a guardian."""
    return born(li, years_ago(14, days=1))


@pytest.fixture
def mother(person):
    """周妈妈, 18 today."""
    return born(person("zhou", "周妈妈"), years_ago(18))


@pytest.fixture
def agreed(child, mother):
    code, _ = guardians.ask(child=child)
    return guardians.agree(guardian=mother, code=code, relation="parent", version=1)


def agree(caller, code, **other):
    return caller.post(CHILDREN, {"code": code, "relation": "parent", "version": 1} | other)


# --- how old ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("born_on", "day", "child"),
    [
        (date(2012, 5, 2), date(2026, 5, 1), True),
        (date(2012, 5, 1), date(2026, 5, 1), False),
        (date(2012, 2, 29), date(2026, 2, 28), True),
        (date(2012, 2, 29), date(2026, 3, 1), False),
        (date(2014, 3, 1), date(2028, 2, 29), True),
        (None, date(2026, 5, 1), False),
    ],
)
def test_who_is_a_child(born_on, day, child):
    assert ages.is_child(born_on, on=day) == child


# --- agreeing ---------------------------------------------------------------------------------
def test_a_guardian_agrees_with_a_code_and_both_see_it(child, mother, logged_in):
    of_child, of_mother = logged_in(child), logged_in(mother)
    assert of_child.get("/api/v1/me").json()["guardian_is_missing"]
    (text,) = (
        t for t in APIClient().get("/api/v1/consents").json() if t["purpose"] == "guardianship"
    )

    asked = of_child.post("/api/v1/me/guardian-code")
    code = asked.json()["code"]
    given = [agree(of_mother, f" {code[:4].lower()}-{code[4:]} ", version=text["version"])]
    given.append(agree(of_mother, code))

    assert asked.status_code == 201
    assert [answer.status_code for answer in given] == [201, 201]
    row = Guardianship.objects.get()
    assert (
        given[0].json()
        == given[1].json()
        == {
            "id": str(row.pk),
            "child": "李**",
            "guardian": "周**",
            "relation": "parent",
            "version": 1,
            "given_at": row.given_at.isoformat().replace("+00:00", "Z"),
            "withdrawn_at": None,
            "in_force": True,
        }
    )
    assert of_child.get("/api/v1/me/guardians").json() == [given[0].json()]
    opened = given[0].json()["id"]
    assert of_child.get(f"/api/v1/me/guardians/{opened}").json() == given[0].json()
    assert logged_in(mother).get(f"{CHILDREN}/{opened}").json() == given[0].json()
    assert of_child.get(f"{CHILDREN}/{opened}").status_code == 404
    assert logged_in(mother).get(f"/api/v1/me/guardians/{opened}").status_code == 404
    assert of_mother.get(CHILDREN).json() == [given[0].json()]
    assert not of_child.get("/api/v1/me").json()["guardian_is_missing"]
    # The code itself is not kept.
    assert GuardianCode.objects.get().code_encrypted == ""
    assert not GuardianCode.objects.filter(digest__contains=code).exists()


def test_a_code_is_told_again_to_the_child_until_it_is_used(child, mother, logged_in):
    phone = logged_in(child)
    lost, found = (
        phone.post("/api/v1/me/guardian-code", headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    assert (found.status_code, found.json()) == (201, lost.json())
    code = found.json()["code"]
    assert code not in str(GuardianCode.objects.values().get())

    assert agree(logged_in(mother), code).status_code == 201

    again = phone.post("/api/v1/me/guardian-code", headers={"Idempotency-Key": "k"})
    assert again.json() == found.json() | {"code": None}


def test_it_is_withdrawn_by_who_gave_it_and_stays_on_record(child, mother, wang, agreed, logged_in):
    address = f"{CHILDREN}/{agreed.pk}"
    assert [logged_in(other).delete(address).status_code for other in (child, wang)] == [404, 404]
    caller = logged_in(child)

    gone = [logged_in(mother).delete(address).status_code for _ in range(2)]

    assert gone == [204, 204]
    (row,) = logged_in(mother).get(CHILDREN).json()
    assert (row["in_force"], row["withdrawn_at"] is None) == (False, False)
    assert Guardianship.objects.get().withdrawn_by == mother
    refused = caller.post("/api/v1/communities/lake/reports", REPORT)
    assert (refused.status_code, refused.json()["code"]) == (403, "guardian_consent_required")
    written = OwnAct.objects.filter(target_type="guardianship").order_by("pk")
    assert list(written.values_list("action", "actor", "after")) == [
        (
            "guardianship.give",
            mother.pk,
            {"child": str(child.pk), "relation": "parent", "version": 1},
        ),
        ("guardianship.withdraw", mother.pk, {"child": str(child.pk)}),
    ]


def own_code(child, mother, code):
    return child, code, {}


def of_no_age(child, mother, code):
    return born(mother, None), code, {}


def seventeen(child, mother, code):
    return born(mother, years_ago(18, days=1)), code, {}


def made_up(child, mother, code):
    return mother, "23456789", {}


def used_by_another(child, mother, code):
    father = born(User.objects.create(username="father"), years_ago(30))
    guardians.agree(guardian=father, code=code, relation="parent", version=1)
    return mother, code, {}


def too_old_a_code(child, mother, code):
    GuardianCode.objects.update(expires_at=timezone.now())
    return mother, code, {}


def replaced(child, mother, code):
    guardians.ask(child=child)
    return mother, code, {}


def grown_up(child, mother, code):
    born(child, years_ago(14))
    return mother, code, {}


def other_words(child, mother, code):
    return mother, code, {"version": 2}


def other_relation(child, mother, code):
    return mother, code, {"relation": "friend"}


@pytest.mark.parametrize(
    ("spoil", "status", "refusal"),
    [
        (own_code, 409, "own_guardian"),
        (of_no_age, 403, "guardian_must_be_adult"),
        (seventeen, 403, "guardian_must_be_adult"),
        (made_up, 404, "guardian_code_unknown"),
        (replaced, 404, "guardian_code_unknown"),
        (used_by_another, 409, "guardian_code_used"),
        (too_old_a_code, 409, "guardian_code_expired"),
        (grown_up, 409, "guardian_not_needed"),
        (other_words, 409, "consent_version_unknown"),
        (other_relation, 400, "invalid_input"),
    ],
)
def test_nobody_else_agrees(child, mother, logged_in, spoil, status, refusal):
    code, _ = guardians.ask(child=child)
    who, code, other = spoil(child, mother, code)

    answer = agree(logged_in(who), code, **other)

    assert (answer.status_code, answer.json()["code"]) == (status, refusal)
    assert not Guardianship.objects.filter(guardian=who).exists()


@pytest.mark.parametrize("born_on", [None, years_ago(14)])
def test_who_needs_no_guardian_gets_no_code(wang, logged_in, born_on):
    answer = logged_in(born(wang, born_on)).post("/api/v1/me/guardian-code")

    assert (answer.status_code, answer.json()["code"]) == (409, "guardian_not_needed")


def test_codes_are_not_for_guessing(mother, logged_in, monkeypatch):
    monkeypatch.setattr(attempts, "CODES", replace(attempts.CODES, limit=2))
    caller = logged_in(mother)

    tries = [agree(caller, "23456789") for _ in range(3)]

    assert [answer.json()["code"] for answer in tries] == ["guardian_code_unknown"] * 2 + [
        "throttled"
    ]
    assert int(tries[-1]["Retry-After"]) > 0
    assert caller.get(CHILDREN).status_code == 200


def test_new_words_ask_again(child, mother, agreed, monkeypatch):
    for place in (guardians, selectors):
        monkeypatch.setattr(place, "GUARDIAN_TEXT", Text(2, "other words"))

    assert guardians.is_missing(child)
    code, _ = guardians.ask(child=child)
    again = guardians.agree(guardian=mother, code=code, relation="guardian", version=2)

    assert not guardians.is_missing(child)
    agreed.refresh_from_db()
    assert agreed.withdrawn_at
    assert agreed.withdrawn_by is None
    assert again.version == 2


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"relation": "guardian"}, {"withdrawn_at": None}, "delete"]
)
def test_the_database_keeps_what_was_agreed_to(agreed, mother, change):
    guardians.withdraw(guardianship=agreed, by=mother)
    rows = Guardianship.objects.filter(pk=agreed.pk)

    with pytest.raises(DatabaseError), transaction.atomic():
        rows.delete() if change == "delete" else rows.update(**change)


def test_the_database_lets_nobody_guard_themselves(child):
    with pytest.raises(DatabaseError, match="guardian_is_another"):
        Guardianship.objects.create(child=child, guardian=child, relation="parent", version=1)


@pytest.mark.parametrize("role", ["child", "guardian"])
def test_who_turns_out_to_be_on_the_list_is_so_with_what_was_agreed(child, mother, wechat, role):
    listed = people.put_on_record(name="孙师傅", phone="19900000077")
    fresh = people.known_by_wechat(openid="o6_sun")
    other = {"child": mother, "guardian": child}[role]
    fresh = profile.change(user=fresh, name="孙", born_on=years_ago(10 if role == "child" else 40))
    parties = {"child": "guardian", "guardian": "child"}
    given = Guardianship.objects.create(
        **{role: fresh, parties[role]: other}, relation="parent", version=1
    )
    consents.give(user=fresh, purpose=Consent.Purpose.PHONE, version=1)

    known = phone.bind(user=fresh, code=wechat.new_code("19900000077"), name="孙师傅")

    assert known == listed
    now = Guardianship.objects.get(withdrawn_at=None)
    assert (getattr(now, role), getattr(now, parties[role])) == (listed, other)
    assert (now.relation, now.version, now.pk == given.pk) == ("parent", 1, False)
    shell = User.objects.get(pk=fresh.pk)
    assert User.objects.get(pk=listed.pk).born_on == fresh.born_on
    assert (shell.is_active, shell.name, shell.born_on) == (False, "", None)


@pytest.mark.django_db(transaction=True)
def test_of_two_guardians_with_one_code_one_agrees(child, mother, at_once):
    other = born(User.objects.create(username="other"), years_ago(40))
    code, _ = guardians.ask(child=child)

    given = at_once(
        4,
        lambda number: (
            guardians.agree(
                guardian=(mother, other)[number % 2], code=code, relation="parent", version=1
            ).pk
        ),
    )

    assert Guardianship.objects.count() == 1
    assert sorted(map(str, given))[-2:] == ["guardian_code_used"] * 2


# --- what waits for it ------------------------------------------------------------------------
def sign_up(user, lake, patrol, tea):
    sign_ups.sign_up(shift=patrol, volunteer=user)


def check_in(user, lake, patrol, tea):
    attendance, _ = patrol.attendances.get_or_create(community=lake, volunteer=user)
    presence.check_in(attendance=attendance)


def report(user, lake, patrol, tea):
    submitting.submit(community=lake, reporter=user, **REPORT)


def take(user, lake, patrol, tea):
    redemption.take(offer=tea, volunteer=user)


def give_consent(user, lake, patrol, tea):
    consents.give(user=user, purpose=Consent.Purpose.PHONE, version=1)


def bind_phone(user, lake, patrol, tea):
    phone.bind(user=user, code="any")


@pytest.mark.parametrize("act", [sign_up, check_in, report, take, give_consent, bind_phone])
def test_without_a_guardian_nothing_new_is_done(lake, child, patrol, tea, grant_points, act):
    grant_points(child, 100)

    with pytest.raises(GuardianConsentRequired):
        act(child, lake, patrol, tea)


def test_an_age_told_while_somebody_checks_in_counts(lake, li, patrol):
    attendance = patrol.attendances.create(community=lake, volunteer=li)
    User.objects.filter(pk=li.pk).update(born_on=years_ago(14, days=1))
    assert attendance.volunteer.born_on is None  # as it was read before the person was locked

    with pytest.raises(GuardianConsentRequired):
        presence.check_in(attendance=attendance)


@pytest.mark.parametrize("act", [sign_up, check_in, report, take, give_consent])
def test_with_one_it_is(lake, child, agreed, patrol, tea, grant_points, act):
    grant_points(child, 100)

    act(child, lake, patrol, tea)


@pytest.mark.parametrize("born_on", [None, years_ago(14), years_ago(40)])
def test_for_everybody_else_asking_costs_nothing(wang, born_on):
    born(wang, born_on)

    with CaptureQueriesContext(connection) as asked:
        guardians.require_guardian(wang)

    assert len(asked) == 0


# --- the public -------------------------------------------------------------------------------
def test_nothing_of_a_childs_is_public(lake, wang, child, agreed):
    theirs = submitting.submit(community=lake, reporter=child, **REPORT)
    others = submitting.submit(community=lake, reporter=wang, **REPORT | {"category": "facility"})
    everybody = APIClient()

    listed = everybody.get("/api/v1/communities/lake/reports").json()["results"]
    board = everybody.get("/c/lake/", headers={"Accept-Language": "en"}).content.decode()

    assert [row["id"] for row in listed] == [str(others.pk)]
    address = "/api/v1/communities/lake/reports"
    assert everybody.get(f"{address}/{theirs.pk}").status_code == 404
    assert everybody.get(f"{address}/{others.pk}").status_code == 200
    assert ("Damaged facility" in board, "Hazard" in board) == (True, False)


def a_year_ago(report):
    Report.objects.filter(pk=report.pk).update(submitted_at=timezone.now() - timedelta(days=366))


def told_and_grown_up(child):
    born(child, years_ago(15))


def told_otherwise(child):
    """As if the birthday had been a mistake: what was taken for a child's stays hidden."""
    born(child, years_ago(40))


def not_told_any_more(child):
    born(child, None)


@pytest.mark.parametrize("since", [told_and_grown_up, told_otherwise, not_told_any_more])
def test_what_a_child_reported_stays_hidden_whatever_becomes_of_them(lake, child, agreed, since):
    report = submitting.submit(community=lake, reporter=child, **REPORT)
    a_year_ago(report)

    since(child)

    assert public() == []
    assert APIClient().get(f"/api/v1/communities/lake/reports/{report.pk}").status_code == 404


@pytest.mark.parametrize(
    ("born_on", "is_public"),
    [
        (years_ago(15), False),  # 13 when it was reported, a birthday told when they are 15
        (years_ago(15, days=-2), True),
        (years_ago(13), False),
        (years_ago(40), True),
    ],
)
def test_a_birthday_told_later_counts_for_what_was_reported_before(lake, wang, born_on, is_public):
    report = submitting.submit(community=lake, reporter=wang, **REPORT)
    a_year_ago(report)
    assert public() == [report.pk]

    profile.change(user=wang, born_on=born_on)

    assert public() == ([report.pk] if is_public else [])


@pytest.mark.parametrize(("moment", "is_public"), [("23:59:59", False), ("00:00:00", True)])
def test_the_age_is_that_of_the_day_in_shanghai(lake, wang, moment, is_public):
    report = submitting.submit(community=lake, reporter=wang, **REPORT)
    born(wang, date(2010, 2, 28))
    day = "2024-02-28" if is_public else "2024-02-27"
    Report.objects.filter(pk=report.pk).update(submitted_at=f"{day}T{moment}+08:00")

    assert public() == ([report.pk] if is_public else [])


def public():
    return [report.pk for report in public_reports(Community.objects.get(code="lake"))]


def test_of_what_is_told_late_the_age_of_the_day_it_was_done_counts(child):
    born(child, years_ago(14))

    assert not guardians.is_missing(child)
    assert guardians.is_missing(child, at=timezone.now() - timedelta(days=1))
    with pytest.raises(GuardianConsentRequired):
        guardians.require_guardian(child, at=timezone.now() - timedelta(days=1))
