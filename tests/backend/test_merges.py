"""Merging two records of one person: by two people, once, and with the books as good as before."""

import io
import json
import zipfile
from datetime import date, timedelta

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts.models import Consent, Guardianship, User, WithdrawnNumber
from backend.accounts.services import consents
from backend.audit.models import AuditEntry
from backend.communities.models import Community, Membership, Role
from backend.communities.services import places, roles
from backend.notices.models import Notice
from backend.people.models import Merge
from backend.people.services import merges, suspensions
from backend.privacy.services import archive, erasure
from backend.registries.events import opened
from merchants.models import MerchantMember
from merchants.partners.services import partnerships
from merchants.redemption.services import refunds, vouchers
from points.awards.services.rederiving import Recomputation
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.selectors import wallet_of
from points.models import Account, Earned, Passing, Transfer
from points.passing import tasks
from points.seals.services import sealing
from tests.cast import tell
from tests.verified import found_in, untriggered
from volunteers.attendance.services import hours, sign_ups
from volunteers.models import Attendance, Volunteer
from volunteers.people.services import people
from volunteers.reports.services import submitting

WHY = {"seen_by": "id_card", "reason": "换了手机"}


@pytest.fixture
def sun(lake, person):
    """孙社工, the second of the lake's staff."""
    sun = person("sun", "孙社工")
    roles.give(user=sun, community=lake, role=Role.STAFF)
    return sun


@pytest.fixture
def twin(lake, person):
    """王小明 once more: by WeChat, without a number, enrolled by himself."""
    twin = person("twin", "王小明")
    User.objects.filter(pk=twin.pk).update(phone_encrypted="", phone_digest=None)
    twin.refresh_from_db()
    SocialAccount.objects.create(user=twin, provider="wechat", uid="o6_twin")
    people.enrol(user=twin, community=lake, kind=Volunteer.Kind.RIDER)
    return twin


@pytest.fixture
def earn(lake):
    """Points that expire: ``earn(wang, 30, date(2031, 12, 31))``."""

    def give(user, amount, expires_on, community=lake):
        gift = f"gift:{user.pk}:{expires_on}:{timezone.now().timestamp()}"
        return ledger.post(
            ledger.Movement(
                debit=ledger.account(community=community, kind=AccountKind.ISSUANCE),
                credit=ledger.wallet(community=community, person_id=user.pk),
                amount=amount,
                key=gift,
                reason="gift",
                source=f"test:{gift}",
                expires_on=expires_on,
            )
        )

    return give


def proposed(lake, twin, wang, zhao):
    return merges.propose(place=lake, merged=twin, kept=wang, by=zhao, **WHY)


def merged(lake, twin, wang, zhao, sun):
    done = merges.confirm(merge=proposed(lake, twin, wang, zhao), by=sun)
    twin.refresh_from_db()
    wang.refresh_from_db()
    return done


def ask(client, ends, stays, *, code="lake", **body):
    address = f"/api/v1/communities/{code}/people/{ends.pk}/merges"
    return client.post(address, {"kept_id": str(stays.pk), **WHY, **body})


def earned_by(user, community):
    wallet = wallet_of(community.pk, user.pk)
    rows = Earned.objects.filter(community=community, account=wallet, points__gt=0)
    return dict(rows.values_list("expires_on", "points"))


def is_sound(community):
    """Nothing is found in the books, and each award follows from its record."""
    sealing.seal(community=community)
    assert [str(one) for one in found_in(community)] == []
    assert list(Recomputation(community)) == []
    return True


# --- what becomes of it -----------------------------------------------------------------------
def test_two_people_merge_two_records_and_everything_of_both_is_the_persons(
    lake, hill, wang, twin, zhao, sun, tea, earn, served, logged_in
):
    people.enrol(user=twin, community=hill, kind=Volunteer.Kind.COURIER)
    roles.give(user=zhao, community=hill, role=Role.STAFF)
    roles.give(user=sun, community=hill, role=Role.STAFF)
    spring, later = date(2031, 3, 31), date(2031, 12, 31)
    earn(wang, 10, spring)
    earn(twin, 40, spring)
    earn(twin, 25, later)
    earn(twin, 7, None, community=hill)
    mine, theirs = (
        hours.verify(
            attendance=served(user, f"2024-03-0{day} 07:00", f"2024-03-0{day} 09:00"),
            verifier=zhao,
        )[0]
        for user, day in ((wang, 1), (twin, 2))
    )
    report = submitting.submit(community=lake, reporter=twin, category="hazard", text="井盖松动")
    voucher = vouchers.take(offer=tea, volunteer=twin)  # 30 of the points that expire in spring
    phone = logged_in(twin)

    asked = ask(logged_in(zhao), twin, wang)
    assert asked.status_code == 201, asked.json()
    told = asked.json()
    by_code = {row["community"]["code"]: row for row in told["figures"]}
    assert by_code["lake"]["merged"] == {
        "roles": ["volunteer"],
        "minutes": 120,
        "reports": 1,
        "points": 55,  # 65 and 20 for the hours, less 30 that are held
        "vouchers": 1,
    }
    assert by_code["hill"]["kept"] == {
        "roles": [],
        "minutes": 0,
        "reports": 0,
        "points": 0,
        "vouchers": 0,
    }
    assert [(one["code"], one["stands_against"]) for one in told["conflicts"]] == [
        ("under_way", False)
    ]
    answer = logged_in(sun).post(f"/api/v1/merges/{told['id']}/confirm")

    assert answer.status_code == 200, answer.json()
    assert answer.json()["figures"] == told["figures"]
    twin.refresh_from_db()
    wang.refresh_from_db()
    # The record that ended logs in no more; its WeChat is the person's.
    assert (twin.is_active, twin.merged_into, wang.merged_ids) == (False, wang, [twin.pk])
    assert phone.get("/api/v1/me").status_code == 401
    assert SocialAccount.objects.get(uid="o6_twin").user == wang
    # Its points are there, of the same days, and its voucher was cancelled.
    voucher.refresh_from_db()
    assert voucher.status == "cancelled"
    assert wallet_of(lake.pk, twin.pk).available == 0
    assert wallet_of(lake.pk, wang.pk).available == 10 + 40 + 25 + 20 + 20
    year = {day: n for day, n in earned_by(wang, lake).items() if day and day.year == 2031}
    assert year == {spring: 50, later: 25}
    assert wallet_of(hill.pk, wang.pk).available == 7
    assert earned_by(wang, hill) == {None: 7}
    # It is a volunteer wherever the other one was, and nobody is shown twice.
    assert set(_volunteers(wang)) == {("lake", False), ("hill", False)}
    assert not Membership.objects.filter(user=twin, ended_at=None).exists()
    office = logged_in(zhao)
    (shown,) = office.get("/api/v1/communities/hill/volunteers").json()["results"]
    assert shown["user"]["id"] == str(wang.pk)
    shown = office.get("/api/v1/communities/lake/people?text=王小明").json()["results"]
    assert [one["id"] for one in shown] == [str(wang.pk)]
    record = office.get(f"/api/v1/communities/lake/people/{wang.pk}").json()
    assert (record["minutes"], record["merged_records"], record["has_wechat"]) == (240, 1, True)
    # Hours and reports stay where they were, and are the person's.
    me = logged_in(wang)
    listed = me.get("/api/v1/me/attendances").json()["results"]
    assert {one["id"] for one in listed} == {str(mine.pk), str(theirs.pk)}
    assert me.get(f"/api/v1/attendances/{theirs.pk}").status_code == 200
    assert me.get(f"/api/v1/reports/{report.pk}").status_code == 200
    assert me.get("/api/v1/me/totals").json()["verified_minutes"] == 240
    assert is_sound(lake)
    assert is_sound(hill)


def _volunteers(user):
    rows = Volunteer.objects.filter(user=user).values_list("community__code", "left_at")
    return [(code, left_at is not None) for code, left_at in rows]


def test_a_transfer_of_a_merge_opens_what_moved_it(lake, wang, twin, zhao, sun, earn):
    earn(twin, 40, date(2031, 12, 31))

    merge = merged(lake, twin, wang, zhao, sun)

    transfer = Transfer.objects.get(community=lake, reason="merge")
    event = opened(lake.pk, [transfer.source])[transfer.source]
    assert (event.kind, event.amount, event.ids) == ("passing", 40, {"merge_id": merge.pk})
    assert (event.debit_holder, event.credit_holder) == (f"person:{twin.pk}", f"person:{wang.pk}")
    assert transfer.explanation == {"merge": str(merge.pk)}
    # No account changed hands.
    holders = Account.objects.filter(community=lake, kind="wallet").values_list("holder", flat=True)
    assert set(holders) == {f"person:{twin.pk}", f"person:{wang.pk}"}


def test_what_reaches_the_wallet_later_is_passed_on_with_its_days(
    lake, wang, twin, zhao, sun, tea, chen, earn, served
):
    earn(twin, 40, date(2031, 12, 31))
    voucher = vouchers.take(offer=tea, volunteer=twin)
    vouchers.scan(merchant_id=tea.partnership.merchant_id, clerk=chen, code=voucher.code)
    waiting = served(twin, "2024-03-02 07:00", "2024-03-02 09:00")
    merged(lake, twin, wang, zhao, sun)
    assert wallet_of(lake.pk, wang.pk).available == 10

    voucher.refresh_from_db()
    refunds.refund(redemption=voucher, refunded_by=chen, reason="凉了", quantity=1)
    hours.verify(attendance=waiting, verifier=zhao)
    assert wallet_of(lake.pk, twin.pk).available == 50
    assert [tasks.sweep_merged(), tasks.sweep_merged()] == [{"points": 50}, {"points": 0}]

    assert wallet_of(lake.pk, twin.pk).available == 0
    assert wallet_of(lake.pk, wang.pk).available == 60
    assert earned_by(wang, lake)[date(2031, 12, 31)] == 40
    assert is_sound(lake)


def test_what_is_taken_back_of_the_merged_record_comes_from_the_one_that_stays(
    lake, wang, twin, zhao, sun, earn, served
):
    done, _ = hours.verify(
        attendance=served(twin, "2024-03-02 07:00", "2024-03-02 09:00"), verifier=zhao
    )
    merged(lake, twin, wang, zhao, sun)
    assert wallet_of(lake.pk, wang.pk).available == 20

    hours.void(attendance=done, voider=sun, reason="不在场")
    assert wallet_of(lake.pk, twin.pk).shortfall == 20
    tasks.sweep_merged()

    assert wallet_of(lake.pk, twin.pk).shortfall == 0
    assert wallet_of(lake.pk, wang.pk).available == 0
    assert is_sound(lake)


def test_debts_of_the_merged_record_are_repaid_at_once(
    lake, wang, twin, zhao, sun, tea, chen, earn, served
):
    done, _ = hours.verify(
        attendance=served(twin, "2024-03-02 07:00", "2024-03-02 09:00"), verifier=zhao
    )
    earn(twin, 10, None)
    voucher = vouchers.take(offer=tea, volunteer=twin)
    vouchers.scan(merchant_id=tea.partnership.merchant_id, clerk=chen, code=voucher.code)
    hours.void(attendance=done, voider=sun, reason="不在场")
    earn(wang, 50, date(2031, 12, 31))

    merged(lake, twin, wang, zhao, sun)

    assert wallet_of(lake.pk, twin.pk).shortfall == 0
    assert wallet_of(lake.pk, wang.pk).available == 30
    assert is_sound(lake)


def test_points_that_have_expired_are_not_brought_back(lake, wang, twin, zhao, sun, earn):
    earn(twin, 40, lake.today - timedelta(days=2))
    earn(twin, 5, date(2031, 12, 31))

    merged(lake, twin, wang, zhao, sun)

    assert wallet_of(lake.pk, wang.pk).available == 5
    assert is_sound(lake)


def test_a_number_consents_guardians_and_work_move_where_there_were_none(
    lake, wang, twin, zhao, sun, li, tea, logged_in
):
    # The list's record has the number; the one that goes on is WeChat's.
    consents.give(user=wang, purpose=Consent.Purpose.PHONE, version=1)
    child = li
    Guardianship.objects.create(child=child, guardian=wang, relation="parent", version=1)
    partnerships.employ(
        merchant=tea.partnership.merchant, user=wang, role=MerchantMember.Role.CLERK
    )
    number = wang.phone

    merged(lake, wang, twin, zhao, sun)

    assert (twin.phone, wang.phone) == (number, "")
    given = Consent.objects.filter(user=twin, withdrawn_at=None)
    assert set(given.values_list("purpose", flat=True)) == {"phone", "location"}
    assert not Consent.objects.filter(user=wang, withdrawn_at=None).exists()
    assert Guardianship.objects.get(child=child, withdrawn_at=None).guardian == twin
    jobs = MerchantMember.objects.filter(ended_at=None, user__in=[wang, twin])
    assert [job.user for job in jobs] == [twin]
    assert not WithdrawnNumber.objects.exists()


def test_of_two_numbers_the_kept_records_stays_and_the_other_brings_nobody_back(
    lake, wang, twin, zhao, sun
):
    twin.phone = "19833334444"
    twin.save()
    kept = wang.phone

    merged(lake, twin, wang, zhao, sun)

    assert (wang.phone, twin.phone) == (kept, "")
    from backend.accounts.errors import PhoneWithdrawn
    from backend.accounts.services.people import put_on_record

    with pytest.raises(PhoneWithdrawn):
        put_on_record(name="王小明", phone="19833334444")


def test_who_left_stays_away_and_keeps_what_was_theirs(
    lake, hill, wang, twin, zhao, sun, earn, logged_in
):
    left, _ = people.enrol(user=twin, community=hill, kind=Volunteer.Kind.COURIER)
    for one in (zhao, sun):
        roles.give(user=one, community=hill, role=Role.STAFF)
    earn(twin, 7, None, community=hill)
    people.leave(volunteer=left)

    merged(lake, twin, wang, zhao, sun)

    assert set(_volunteers(wang)) == {("lake", False), ("hill", True)}
    wallet = logged_in(wang).get("/api/v1/me/wallets/hill").json()
    assert wallet["available"] == 7
    assert not Membership.objects.filter(user=wang, community=hill, ended_at=None).exists()


def test_the_person_and_the_trail_are_told(lake, wang, twin, zhao, sun, logged_in):
    merge = merged(lake, twin, wang, zhao, sun)

    (notice,) = Notice.objects.filter(recipient=wang)
    assert tell(notice)
    assert notice.kind == "records_merged"
    written = AuditEntry.objects.filter(community=lake, target_id=str(merge.pk)).order_by("pk")
    assert list(written.values_list("action", "actor")) == [
        ("merge.propose", zhao.pk),
        ("merge.confirm", sun.pk),
    ]
    assert WHY["reason"] not in str(list(written.values()))
    opened = logged_in(zhao).get(f"/api/v1/merges/{merge.pk}").json()
    assert (opened["status"], opened["decided_by"]["name"]) == ("confirmed", "孙社工")


def test_a_record_with_records_of_its_own_takes_them_along(lake, wang, twin, zhao, sun, person):
    third = person("third", "王小明")
    people.enrol(user=third, community=lake, kind=Volunteer.Kind.RIDER)
    merged(lake, third, twin, zhao, sun)

    merged(lake, twin, wang, zhao, sun)

    third.refresh_from_db()
    assert third.merged_into == wang
    assert set(wang.record_ids) == {wang.pk, twin.pk, third.pk}


# --- what stands against it -------------------------------------------------------------------
def _staff(lake, wang, twin, **_):
    roles.give(user=twin, community=lake, role=Role.STAFF)


def _suspended(lake, twin, **_):
    suspensions.suspend(place=lake, user=twin, by=None, reason="争吵")


def _leaving(wang, **_):
    erasure.ask(user=wang)


def _born_twice(wang, twin, **_):
    User.objects.filter(pk=wang.pk).update(born_on=date(1990, 1, 1))
    User.objects.filter(pk=twin.pk).update(born_on=date(1991, 1, 1))


def _guardian(wang, twin, **_):
    Guardianship.objects.create(child=twin, guardian=wang, relation="parent", version=1)


def _both_there(wang, twin, served, **_):
    served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    served(twin, "2024-03-01 08:00", "2024-03-01 10:00")


def _verified_by_the_other(wang, twin, served, **_):
    done = served(twin, "2024-03-01 08:00", "2024-03-01 10:00")
    Attendance.objects.filter(community=done.community, pk=done.pk).update(
        status="rejected", verified_by=wang, verified_at=timezone.now(), reason="x"
    )


def _moved(lake, **_):
    Community.objects.filter(pk=lake.pk).update(moved_at=timezone.now(), moved_to="https://x")


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (_staff, "holds_a_role"),
        (_suspended, "suspended"),
        (_leaving, "erasure_asked"),
        (_born_twice, "birthdays_differ"),
        (_guardian, "guardian_of_each_other"),
        (_both_there, "at_two_places"),
        (_verified_by_the_other, "decided_each_other"),
    ],
)
def test_what_stands_against_a_merge_is_named_and_refuses_it(
    lake, wang, twin, zhao, sun, served, happens, code, logged_in
):
    asked = proposed(lake, twin, wang, zhao)
    happens(lake=lake, wang=wang, twin=twin, served=served)

    answer = logged_in(sun).post(f"/api/v1/merges/{asked.pk}/confirm")

    refusal = answer.json()
    assert (answer.status_code, refusal["code"]) == (409, "merge_refused"), refusal
    assert refusal["conflicts"] == [code]
    told = logged_in(sun).get(f"/api/v1/merges/{asked.pk}").json()["conflicts"]
    assert {one["code"] for one in told if one["stands_against"]} == {code}
    twin.refresh_from_db()
    assert twin.merged_into is None
    assert not Transfer.objects.filter(community=lake, reason="merge").exists()


def test_other_names_and_one_employer_are_told_and_stand_against_nothing(
    lake, wang, twin, zhao, sun, tea, logged_in
):
    User.objects.filter(pk=twin.pk).update(name="小明")
    for user in (wang, twin):
        partnerships.employ(
            merchant=tea.partnership.merchant, user=user, role=MerchantMember.Role.CLERK
        )
    asked = proposed(lake, twin, wang, zhao)

    told = logged_in(sun).get(f"/api/v1/merges/{asked.pk}").json()["conflicts"]
    assert {one["code"] for one in told} == {"names_differ", "works_for_both"}
    assert logged_in(sun).post(f"/api/v1/merges/{asked.pk}/confirm").status_code == 200
    assert MerchantMember.objects.filter(user=wang, ended_at=None).count() == 1


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("zhao", 403, "own_person_proposal"),
        ("wang", 404, "not_found"),
        ("auditor", 404, "not_found"),
        ("sun_of_hill", 404, "not_found"),
    ],
)
def test_who_may_not_confirm_a_merge(
    lake, hill, wang, twin, zhao, person, logged_in, who, status, code
):
    asked = proposed(lake, twin, wang, zhao)
    caller = {"zhao": zhao, "wang": wang}.get(who) or person(who)
    if who == "auditor":
        roles.give(user=caller, community=lake, role=Role.AUDITOR)
    if who == "sun_of_hill":
        roles.give(user=caller, community=hill, role=Role.STAFF)

    answer = logged_in(caller).post(f"/api/v1/merges/{asked.pk}/confirm")

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_database_holds_the_four_eyes(lake, wang, twin, zhao):
    asked = proposed(lake, twin, wang, zhao)

    for decided_by, name in ((zhao, "merge_confirmed_by_another"), (wang, "merge_of_somebody")):
        with pytest.raises(IntegrityError, match=name), transaction.atomic():
            Merge.objects.filter(community=lake, pk=asked.pk).update(
                status="confirmed", decided_by=decided_by, decided_at=timezone.now()
            )


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"kept_id": "twin"}, 400, "merge_of_one"),
        ({"merged_id": "stranger"}, 404, "not_found"),
        ({"kept_id": "stranger"}, 404, "person_unknown"),
        ({"seen_by": "hearsay"}, 400, "invalid_input"),
        ({"reason": ""}, 400, "invalid_input"),
        ({"merged_id": "zhao"}, 403, "own_person"),
    ],
)
def test_a_proposal_that_makes_no_sense_is_refused(
    lake, wang, twin, zhao, person, logged_in, body, status, code
):
    stranger = person("stranger")
    known = {"twin": twin, "wang": wang, "stranger": stranger, "zhao": zhao}
    asked = {"merged_id": "twin", "kept_id": "wang", **WHY} | body
    ends, stays = (known[asked.pop(name)] for name in ("merged_id", "kept_id"))

    answer = ask(logged_in(zhao), ends, stays, **asked)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_nobody_merges_what_is_also_of_a_community_that_is_not_theirs(
    lake, hill, wang, twin, zhao, logged_in
):
    people.enrol(user=twin, community=hill, kind=Volunteer.Kind.COURIER)
    answer = ask(logged_in(zhao), twin, wang)

    assert (answer.status_code, answer.json()["code"]) == (403, "belongs_elsewhere")


def test_staff_merge_nothing_into_a_colleague(lake, wang, twin, zhao, sun, logged_in):
    answer = ask(logged_in(zhao), twin, sun)

    assert (answer.status_code, answer.json()["code"]) == (403, "stands_above")


def test_a_proposal_is_decided_once_and_within_a_week(lake, wang, twin, zhao, sun, logged_in):
    asked = proposed(lake, twin, wang, zhao)
    office, other = logged_in(zhao), logged_in(sun)
    taken_back = office.post(f"/api/v1/merges/{asked.pk}/reject").json()
    assert taken_back["status"] == "rejected"
    late = other.post(f"/api/v1/merges/{asked.pk}/confirm")
    assert (late.status_code, late.json()["code"]) == (409, "person_proposal_decided")

    old = proposed(lake, twin, wang, zhao)
    _let_pass(old, timedelta(days=7))
    late = other.post(f"/api/v1/merges/{old.pk}/confirm")
    assert (late.status_code, late.json()["code"]) == (409, "person_proposal_expired")


def _let_pass(proposal, time):
    before = (proposal.proposed_at - time).isoformat()
    table = proposal._meta.db_table
    untriggered(f"UPDATE {table} SET proposed_at = '{before}' WHERE id = '{proposal.pk}'")


@pytest.mark.parametrize(
    "change",
    ["merged_id = proposed_by_id", "reason = 'x'", "status = 'proposed'", "figures = '[1]'"],
)
def test_a_merge_that_was_decided_stays_as_it_is(lake, wang, twin, zhao, sun, change):
    merged(lake, twin, wang, zhao, sun)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE people_merge SET {change}")


@pytest.mark.parametrize("change", ["is_active = true", "phone_digest = 'x'", "merged_ids = '{}'"])
def test_a_merged_record_never_logs_in_again(lake, wang, twin, zhao, sun, change):
    merged(lake, twin, wang, zhao, sun)
    if change.startswith("merged_ids"):
        change = "merged_ids = ARRAY[id]"

    with pytest.raises(IntegrityError, match="merged_logs_in"), transaction.atomic():
        untriggered(f"UPDATE accounts_user SET {change} WHERE id = '{twin.pk}'")


def test_the_other_wechat_logs_in_as_the_person(lake, wang, twin, zhao, sun, wechat):
    merged(lake, twin, wang, zhao, sun)

    answer = APIClient().post("/_allauth/app/v1/auth/wechat", {"code": wechat.new_code("o6_twin")})

    token = answer.json()["meta"]["access_token"]
    me = APIClient(HTTP_AUTHORIZATION=f"Bearer {token}").get("/api/v1/me").json()
    assert me["id"] == str(wang.pk)


# --- races ------------------------------------------------------------------------------------
def test_one_of_many_who_confirm_at_one_moment_does_it(
    transactional_db, lake, wang, twin, zhao, sun, earn, at_once
):
    earn(twin, 40, date(2031, 12, 31))
    asked = proposed(lake, twin, wang, zhao)

    outcomes = at_once(4, lambda n: merges.confirm(merge=asked, by=sun).status)

    assert outcomes == ["confirmed"] * 4
    assert Passing.objects.filter(community=lake).count() == 1
    assert wallet_of(lake.pk, wang.pk).available == 40


def test_of_two_merges_the_other_way_round_one_is_refused(
    transactional_db, lake, wang, twin, zhao, sun, earn, at_once
):
    earn(twin, 40, None)
    earn(wang, 2, None)
    there = proposed(lake, twin, wang, zhao)
    back = merges.propose(place=lake, merged=wang, kept=twin, by=zhao, **WHY)

    outcomes = at_once(2, lambda n: merges.confirm(merge=(there, back)[n], by=sun).status)

    assert sorted(outcomes) == ["confirmed", "merge_refused"]
    wallets = [wallet_of(lake.pk, user.pk).available for user in (wang, twin)]
    assert sorted(wallets) == [0, 42]


def test_points_spent_while_records_are_merged_are_spent_once(
    transactional_db, lake, wang, twin, zhao, sun, tea, earn, at_once
):
    earn(twin, 30, None)
    asked = proposed(lake, twin, wang, zhao)

    def act(n):
        if n:
            return merges.confirm(merge=asked, by=sun).status
        vouchers.take(offer=tea, volunteer=User.objects.get(pk=twin.pk))
        return "taken"

    outcomes = at_once(2, act)

    assert outcomes[1] == "confirmed"
    assert outcomes[0] in ("taken", "not_a_volunteer_here", "insufficient_points")
    assert wallet_of(lake.pk, wang.pk).available == 30
    assert wallet_of(lake.pk, twin.pk).held == 0


# --- privacy ----------------------------------------------------------------------------------
def test_an_export_has_what_is_held_of_both_records(lake, wang, twin, zhao, sun, earn, served):
    earn(twin, 40, date(2031, 12, 31))
    served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    served(twin, "2024-03-02 07:00", "2024-03-02 09:00")
    merge = merged(lake, twin, wang, zhao, sun)

    file = io.BytesIO()
    archive.write(file, wang)

    with zipfile.ZipFile(file) as found:
        rows = {
            name: json.loads(found.read(f"{name}.json"))
            for name in ("attendances", "wallets", "merges", "transfers")
        }
    assert len(rows["attendances"]) == 2
    assert sorted(row["balance"] for row in rows["wallets"]) == [0, 40]
    assert {row["id"] for row in rows["merges"]} == {str(merge.pk)}
    assert str(zhao.pk) not in json.dumps(rows)


def test_erasing_the_person_erases_both_records(lake, wang, twin, zhao, sun, earn, settings):
    settings.ERASURE_GRACE = timedelta(0)
    earn(twin, 40, date(2031, 12, 31))
    merge = merged(lake, twin, wang, zhao, sun)
    erasure.ask(user=wang)

    assert erasure.erase(user_id=wang.pk)

    for user in (wang, twin):
        user.refresh_from_db()
        assert (user.name, user.phone, bool(user.erased_at)) == ("", "", True)
    assert not SocialAccount.objects.filter(user__in=[wang, twin]).exists()
    merge.refresh_from_db()
    assert merge.reason == ""
    assert is_sound(lake)


def test_the_person_may_not_be_a_colleague_of_what_was_theirs(
    lake, wang, twin, zhao, sun, served, logged_in
):
    """Hours under the merged record are their own, also for whoever becomes staff later."""
    waiting = served(twin, "2024-03-02 07:00", "2024-03-02 09:00")
    merged(lake, twin, wang, zhao, sun)
    roles.give(user=wang, community=lake, role=Role.STAFF)

    answer = logged_in(wang).post(f"/api/v1/attendances/{waiting.pk}/verify")

    assert (answer.status_code, answer.json()["code"]) == (403, "own_hours")


def test_shifts_to_come_end_and_can_be_taken_again(lake, wang, twin, zhao, sun, patrol):
    from volunteers.activities.services import plan_shift

    tomorrow = plan_shift(
        activity=patrol.activity,
        starts_at=timezone.now() + timedelta(days=1),
        ends_at=timezone.now() + timedelta(days=1, hours=2),
    )
    coming = sign_ups.sign_up(shift=tomorrow, volunteer=twin)

    merged(lake, twin, wang, zhao, sun)

    coming.refresh_from_db()
    assert coming.status == "cancelled"
    again = sign_ups.sign_up(shift=tomorrow, volunteer=wang)
    assert (again.status, again.volunteer) == ("signed_up", wang)


def test_a_street_merges_records_of_its_communities(lake, hill, wang, person, logged_in):
    street = places.found(code="street", name="银盆岭街道", kind=Community.Kind.STREET)
    for below in (lake, hill):
        below.parent = street
        below.save()
    other = person("other", "王小明")
    people.enrol(user=other, community=hill, kind=Volunteer.Kind.RIDER)
    office = []
    for name in ("first", "second"):
        one = person(name)
        roles.give(user=one, community=street, role=Role.STAFF)
        office.append(logged_in(one))
    asked = ask(office[0], other, wang, code="street")
    answer = office[1].post(f"/api/v1/merges/{asked.json()['id']}/confirm")

    assert answer.status_code == 200, answer.json()
    assert set(_volunteers(wang)) == {("lake", False), ("hill", False)}
