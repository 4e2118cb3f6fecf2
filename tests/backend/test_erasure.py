"""Leaving for good: what goes, to the byte, and what stays with nobody's name behind it."""

import io
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, models, transaction
from django.utils import timezone, translation
from PIL import Image
from rest_framework.test import APIClient

from backend.accounts import mfa
from backend.accounts.models import Consent, Guardianship, User
from backend.accounts.phones import digest
from backend.accounts.services import consents, people, profile
from backend.api.models import IdempotencyKey, OwnIdempotencyKey
from backend.audit.models import OwnAct
from backend.communities.models import Membership, Role
from backend.communities.services import roles
from backend.notices import services as notices
from backend.notices.models import Channel, Message, Notice, NoticeSettings
from backend.outbox import services as outbox
from backend.privacy import tasks
from backend.privacy.models import Export
from backend.privacy.services import erasure, exports
from merchants.models import MerchantMember, Redemption
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import vouchers as redemption
from points.awards.services import adjustments
from points.awards.services.rederiving import Recomputation
from points.ledger import selectors as points
from points.models import Adjustment, Void
from points.seals.services import sealing
from tests.cast import PASSWORD
from tests.conftest import TOTP_SECRET
from tests.verified import found_in_books
from volunteers.activities import services as activities
from volunteers.attendance.services import hours, sign_ups
from volunteers.models import Attendance, JoinRequest, Report, ReportPhoto, TeamMember, Volunteer
from volunteers.people.services import people as volunteering
from volunteers.reports.services import handling, submitting
from volunteers.teams import services as teams

NAME, USERNAME, PHONE = "欧阳修远", "xiuyuan-of-lake", "19911223344"
OPENID, UNIONID = "o6-erase-me", "u6-erase-me"
IP, AGENT = "203.0.113.77", "ErasedPhone/9"
BORN_ON = date(1987, 7, 31)
DISPUTE, WHERE = "夫妻吵架声音很大", "五单元三楼西户"
LATITUDE = 28.20371
WRITTEN_BY_OTHERS = "他说家里有事"


def picture():
    image = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(image, "JPEG")
    return ContentFile(image.getvalue(), "photo.jpg")


@pytest.fixture
def due_at_once(settings):
    """Requests for erasure are due at once."""
    settings.ERASURE_GRACE = timedelta(0)


@pytest.fixture
def leaver(lake, hill, zhao, li, chen, tea, person, served, grant_points, patrol, logged_in):
    """欧阳修远, about whom there is one of everything, and who wants to be forgotten."""
    user = person(USERNAME, NAME)
    user.phone = PHONE
    user.save()
    user = profile.change(user=user, born_on=BORN_ON)
    for purpose in Consent.Purpose:
        consents.give(user=user, purpose=purpose, version=1)
    volunteering.enrol(user=user, community=lake, kind=Volunteer.Kind.RIDER)
    roles.give(user=user, community=lake, role=Role.VOLUNTEER)
    Membership.objects.filter(user=user).update(reason=WRITTEN_BY_OTHERS)
    JoinRequest.objects.create(community=hill, user=user, kind="rider", reason=WRITTEN_BY_OTHERS)
    team = teams.found(place=lake, founded_by=zhao, name="绿丝带", is_open=True)
    teams.join(team=team, volunteer=user)
    TeamMember.objects.update(reason=WRITTEN_BY_OTHERS)
    partners.employ(merchant=tea.partnership.merchant, user=user, role=MerchantMember.Role.CLERK)
    Guardianship.objects.create(child=li, guardian=user, relation="parent", version=1)
    SocialAccount.objects.create(
        user=user, provider="wechat", uid=OPENID, extra_data={"unionid": UNIONID}
    )
    EmailAddress.objects.create(user=user, email=f"{USERNAME}@example.org")
    mfa.hand_out(user=user, secret=TOTP_SECRET)
    UserSession.objects.create(user=user, session_key="s" * 32, ip=IP, user_agent=AGENT)

    # Hours, reports and a cup of tea, all told to staff and the clerk by the API.
    by_staff = logged_in(zhao)
    done = served(user, "2024-03-01 07:00", "2024-03-01 09:00")
    not_done = served(user, "2024-03-02 07:00", "2024-03-02 09:00")
    hazard = submitting.submit(
        community=lake,
        reporter=user,
        category="hazard",
        text="井盖松动",
        place="东门",
        latitude=LATITUDE,
        longitude=112.9,
        photos=[picture()],
    )
    dispute, open_dispute = (
        submitting.submit(
            community=lake,
            reporter=user,
            category="dispute",
            text=DISPUTE,
            place=WHERE,
            latitude=LATITUDE,
            longitude=112.9,
            photos=[picture()],
        )
        for _ in range(2)
    )
    for address, body in (
        (f"attendances/{done.pk}/verify", {}),
        (f"reports/{hazard.pk}/status", {"status": "closed", "answer": "已处理"}),
        (f"reports/{dispute.pk}/status", {"status": "rejected", "answer": "无法核实"}),
    ):
        answer = by_staff.post(
            f"/api/v1/{address}", body, headers={"Idempotency-Key": address.replace("/", "-")}
        )
        assert answer.status_code == 200, answer.json()
    hours.reject(attendance=not_done, verifier=zhao, reason=WRITTEN_BY_OTHERS)
    sign_ups.sign_up(
        shift=activities.plan_shift(
            activity=patrol.activity,
            starts_at=timezone.now() + timedelta(days=1),
            ends_at=timezone.now() + timedelta(days=1, hours=2),
        ),
        volunteer=user,
    )
    notices.change_settings(user=user, language="en")
    Message.objects.bulk_create(
        Message(community=lake, notice=notice, channel=Channel.SMS, language="en")
        for notice in Notice.objects.filter(recipient=user)
    )
    grant_points(user, 100)
    spent, held = (redemption.take(offer=tea, volunteer=user) for _ in range(2))
    redemption.scan(merchant_id=tea.partnership.merchant.pk, clerk=chen, code=spent.code)
    export = exports.ask(user=user, language="en")
    outbox.attempt("export", pk=export.pk)
    export.refresh_from_db()
    sealing.seal(community=lake)
    return SimpleNamespace(
        user=user,
        kept_words=user.phone_encrypted,
        hazard=hazard,
        disputes=[dispute, open_dispute],
        export=export,
        held=held,
        photos=[report.photos.get().image.name for report in (hazard, dispute, open_dispute)],
    )


def everything():
    """Return all rows of all tables, as PostgreSQL writes them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [name for (name,) in cursor.fetchall()]
        rows = []
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            rows += [f"{table}: {row}" for (row,) in cursor.fetchall()]
    return rows


def secrets_of(user, kept_words):
    return {
        *(NAME, USERNAME, PHONE, digest(PHONE), kept_words, user.password, OPENID, UNIONID),
        *(IP, AGENT, str(BORN_ON), DISPUTE, WHERE, WRITTEN_BY_OTHERS, str(LATITUDE)),
    }


def secrets_in(rows, user, kept_words):
    return {one for one in secrets_of(user, kept_words) if any(one in row for row in rows)}


def erase(user, execute):
    erasure.ask(user=user)
    with execute(execute=True):
        return erasure.erase(user_id=user.pk)


# --- the whole of it --------------------------------------------------------------------------
def test_nothing_tells_who_it_was_and_the_books_are_as_they_were(
    lake, tea, zhao, li, leaver, logged_in, due_at_once, django_capture_on_commit_callbacks
):
    user = leaver.user
    user.refresh_from_db()
    before = points.wallets_of([lake.pk], user.pk)[lake.pk]
    public = APIClient().get(f"/api/v1/communities/lake/reports/{leaver.hazard.pk}").json()
    known = secrets_in(everything(), user, leaver.kept_words)
    assert known == secrets_of(user, leaver.kept_words) - {PHONE}  # which is encrypted

    assert erase(user, django_capture_on_commit_callbacks)

    rows = everything()
    assert secrets_in(rows, user, leaver.kept_words) == set()
    assert not IdempotencyKey.objects.filter(user=user).exists()
    assert not OwnIdempotencyKey.objects.filter(user=user).exists()
    # No photo of a dispute, no copy of anything; the photo of the hazard is nobody's now.
    hazard, *confidential = leaver.photos
    assert default_storage.exists(hazard)
    assert not any(map(default_storage.exists, [*confidential, leaver.export.file_name]))
    theirs = Report.objects.filter(reporter=user).order_by("pk")
    assert list(theirs.values_list("text", "photos__image", "latitude")) == [
        ("井盖松动", hazard, None),
        ("", "", None),
        ("", "", None),
    ]
    # What runs has ended, and the voucher's points and stock are back.
    after = points.wallets_of([lake.pk], user.pk)[lake.pk]
    assert (after.credits, after.debits) == (before.credits, before.debits)
    assert (before.held, after.held) == (30, 0)
    held = Redemption.objects.get(pk=leaver.held.pk)
    assert held.status == Redemption.Status.CANCELLED
    tea.refresh_from_db()
    assert tea.stock == 4
    assert not Attendance.objects.filter(volunteer=user, status="signed_up").exists()
    assert not JoinRequest.objects.filter(user=user, status="pending").exists()
    assert TeamMember.objects.get(volunteer=user).status == "left"
    for ended in (
        Membership.objects.filter(user=user, ended_at=None),
        MerchantMember.objects.filter(user=user, ended_at=None),
        Volunteer.objects.filter(user=user, left_at=None),
        Consent.objects.filter(user=user, withdrawn_at=None),
        Guardianship.objects.filter(guardian=user, withdrawn_at=None),
        SocialAccount.objects.filter(user=user),
        Authenticator.objects.filter(user=user),
        UserSession.objects.filter(user=user),
        Notice.objects.filter(recipient=user),
        Message.objects.all(),
        NoticeSettings.objects.filter(user=user),
        Export.objects.filter(user=user),
    ):
        assert not ended.exists(), ended.model
    # The ledger verifies, and every award still follows from its record.
    sealing.seal(community=lake)
    assert found_in_books(lake) == []
    assert list(Recomputation(lake)) == []
    # Staff see the hours and the wallet, of somebody erased; the public what it saw.
    by_staff = logged_in(zhao)
    seen = by_staff.get("/api/v1/attendances", headers={"Accept-Language": "en"}).json()["results"]
    assert {row["volunteer"]["name"] for row in seen} == {"Erased"}
    wallet = by_staff.get(f"/api/v1/communities/lake/accounts/{after.pk}")
    assert (wallet.status_code, wallet.json()["id"]) == (200, str(after.pk))
    now = APIClient().get(f"/api/v1/communities/lake/reports/{leaver.hazard.pk}").json()
    assert now == public | {"latitude": None, "longitude": None}
    assert APIClient().get("/c/lake/").status_code == 200
    written = OwnAct.objects.filter(target_type="person", target_id=str(user.pk))
    assert list(written.order_by("pk").values_list("action", "actor"))[-2:] == [
        ("person.ask_erasure", user.pk),
        ("person.erase", None),
    ]


@pytest.mark.parametrize(
    ("name", "erased_at", "shown", "masked"),
    [
        ("王小明", None, "王小明", "王**"),
        ("王", None, "王", "王*"),
        ("", None, "", "*"),
        ("", timezone.now(), "Erased", "Erased"),
    ],
)
def test_who_has_no_name_is_shown_as_something(name, erased_at, shown, masked):
    user = User(name=name, erased_at=erased_at)

    with translation.override("en"):
        assert (user.shown_name, user.masked_name, str(user)) == (shown, masked, masked)


def test_the_same_wechat_account_is_somebody_new(
    lake, leaver, wechat, logged_in, due_at_once, django_capture_on_commit_callbacks
):
    Authenticator.objects.filter(user=leaver.user).delete()
    caller = logged_in(leaver.user)
    erase(leaver.user, django_capture_on_commit_callbacks)

    assert caller.get("/api/v1/me").status_code == 401
    whose = [session.get_decoded().get("_auth_user_id") for session in Session.objects.all()]
    assert whose
    assert str(leaver.user.pk) not in whose
    again = APIClient().post(
        "/_allauth/app/v1/auth/login", {"username": USERNAME, "password": PASSWORD}
    )
    assert again.status_code == 400
    answer = APIClient().post("/_allauth/app/v1/auth/wechat", {"code": wechat.new_code(OPENID)})
    token = answer.json()["meta"]["access_token"]
    me = APIClient(HTTP_AUTHORIZATION=f"Bearer {token}").get("/api/v1/me").json()
    assert me["id"] != str(leaver.user.pk)
    assert (me["name"], me["phone"], me["memberships"], me["erased_from"]) == ("", "", [], None)
    # So is the number: whoever has it now is not who had it.
    assert people.put_on_record(name="别人", phone=PHONE).pk != leaver.user.pk


# --- asking, and thinking better of it --------------------------------------------------------
def test_there_are_fifteen_days_to_take_it_back(wang, logged_in, settings):
    assert timedelta(days=15) == settings.ERASURE_GRACE
    caller = logged_in(wang)

    asked = [caller.delete("/api/v1/me") for _ in range(2)]

    wang.refresh_from_db()
    due = wang.erasure_requested_at + timedelta(days=15)
    for answer in asked:
        assert (answer.status_code, answer.json()) == (202, {"erased_from": utc(due)})
    assert caller.get("/api/v1/me").json()["erased_from"] == utc(due)
    assert not erasure.erase(user_id=wang.pk, now=due - timedelta(seconds=1))
    assert [caller.post("/api/v1/me/keep").status_code for _ in range(2)] == [204, 204]
    assert caller.get("/api/v1/me").json()["erased_from"] is None
    assert not erasure.erase(user_id=wang.pk, now=due)
    written = OwnAct.objects.filter(action__startswith="person.", actor=wang).order_by("pk")
    assert list(written.values_list("action", "before", "after")) == [
        ("person.ask_erasure", {}, {}),
        ("person.keep", {}, {}),
    ]


def utc(moment):
    return moment.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("role", ["staff", "manager", "auditor", "owner"])
def test_who_is_depended_on_hands_over_first(lake, tea_house, person, logged_in, role):
    sun = person("sun", "孙师傅")
    give = depended_on(sun, lake, tea_house, role)

    answer = logged_in(sun).delete("/api/v1/me")

    assert (answer.status_code, answer.json()["code"]) == (409, "still_holds_a_role")
    give.update(ended_at=timezone.now())
    assert logged_in(sun).delete("/api/v1/me").status_code == 202


def depended_on(user, lake, tea_house, role):
    if role == "owner":
        partners.employ(merchant=tea_house.merchant, user=user, role=MerchantMember.Role.OWNER)
        return MerchantMember.objects.filter(user=user)
    roles.give(user=user, community=lake, role=Role(role))
    return Membership.objects.filter(user=user)


def test_who_was_given_a_role_meanwhile_waits_until_it_ends(lake, wang, due_at_once):
    erasure.ask(user=wang)
    membership, _ = roles.give(user=wang, community=lake, role=Role.STAFF)

    assert not erasure.erase(user_id=wang.pk)
    roles.end(membership=membership, ended_by=None)

    assert erasure.erase(user_id=wang.pk)


def test_the_words_of_what_was_voided_or_corrected_go_and_the_points_stay(
    lake, wang, zhao, chen, served, due_at_once
):
    attendance, _ = hours.verify(
        attendance=served(wang, "2024-03-01 07:00", "2024-03-01 09:00"), verifier=zhao
    )
    hours.void(attendance=attendance, voider=chen, reason="他不在现场")
    seen = submitting.submit(community=lake, reporter=wang, category="hazard", text="井盖松动")
    closed, _ = handling.close(report=seen, handler=zhao)
    handling.void(report=closed, voider=chen, reason="他说了谎")
    asked = adjustments.propose(
        community=lake, kind="opening", person=wang, amount=30, reason="他的册子", by=zhao
    )
    adjustments.decide(adjustment=asked, accept=True, by=chen)

    erasure.ask(user=wang)
    erasure.erase(user_id=wang.pk)

    for rows in (Attendance, Report, Void, Adjustment):
        assert set(rows.objects.values_list("reason", flat=True)) == {""}, rows
    assert points.wallets_of([lake.pk], wang.pk)[lake.pk].credits == 70
    assert list(Recomputation(lake)) == []


# --- the sweep --------------------------------------------------------------------------------
@pytest.mark.usefixtures("_tasks_run_at_once")
def test_each_night_whoever_is_due_is_erased(wang, li, due_at_once):
    erasure.ask(user=wang)

    for _ in range(2):
        tasks.sweep_erasures()

    wang.refresh_from_db()
    li.refresh_from_db()
    assert (bool(wang.erased_at), wang.is_active, wang.name) == (True, False, "")
    assert (li.erased_at, li.name) == (None, "李阿姨")
    assert OwnAct.objects.filter(action="person.erase").count() == 1


def test_what_a_crash_or_a_request_on_its_way_left_goes_with_the_next_sweep(
    lake, wang, due_at_once
):
    told = [
        submitting.submit(
            community=lake, reporter=wang, category="dispute", text=DISPUTE, photos=[picture()]
        )
        for _ in range(2)
    ]
    erasure.ask(user=wang)
    assert erasure.erase(user_id=wang.pk)  # nothing is committed here: the photos are still there
    Report.objects.filter(pk=told[1].pk).update(text=DISPUTE)  # as if told meanwhile
    files = [
        name
        for photo in ReportPhoto.objects.all()
        for name in (photo.image.name, photo.thumbnail.name)
    ]
    assert len(files) == 4
    assert all(map(default_storage.exists, files))

    tasks.sweep_erasures()

    assert not any(map(default_storage.exists, files))
    left = Report.objects.values_list("text", "photos__image", "photos__thumbnail")
    assert set(left) == {("", "", "")}
    told[1].refresh_from_db()
    assert told[1].status == Report.Status.SUBMITTED  # staff close what is left of it


def test_of_a_child_all_words_and_photos_go(lake, wang, due_at_once):
    fact = {"community": lake, "reporter": wang, "category": "hazard", "text": "井盖松动"}
    submitting.submit(**fact, photos=[picture()])
    User.objects.filter(pk=wang.pk).update(born_on=timezone.localdate() - timedelta(days=3650))
    erasure.ask(user=wang)

    erasure.erase(user_id=wang.pk)
    erasure.finish()

    assert list(Report.objects.values_list("text", "photos__image")) == [("", "")]
    assert APIClient().get("/api/v1/communities/lake/reports").json()["results"] == []


def test_of_who_grew_up_what_they_told_as_a_child_goes(lake, wang, due_at_once):
    fact = {"community": lake, "reporter": wang, "category": "hazard"}
    first = submitting.submit(**fact, text="井盖松动", photos=[picture()])
    submitting.submit(**fact, text="路灯坏了", photos=[picture()])
    past = timezone.now() - timedelta(days=366)
    Report.objects.filter(pk=first.pk).update(submitted_at=past)
    User.objects.filter(pk=wang.pk).update(born_on=timezone.localdate() - timedelta(days=5300))
    erasure.ask(user=wang)

    erasure.erase(user_id=wang.pk)
    erasure.finish()

    left = Report.objects.order_by("pk").values_list("text", flat=True)
    assert list(left) == ["", "路灯坏了"]
    photos = ReportPhoto.objects.order_by("report_id")
    assert [bool(photo.image) for photo in photos] == [False, True]


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_erases(wang, at_once, due_at_once):
    erasure.ask(user=wang)

    assert sorted(at_once(3, lambda _: erasure.erase(user_id=wang.pk))) == [False, False, True]


@pytest.mark.django_db(transaction=True)
def test_a_voucher_scanned_at_that_moment_is_used_or_given_back(
    lake, wang, chen, tea, grant_points, at_once, due_at_once
):
    wallet = grant_points(wang, 30)
    voucher = redemption.take(offer=tea, volunteer=wang)
    erasure.ask(user=wang)

    def act(number):
        if number:
            return erasure.erase(user_id=wang.pk)
        shop = tea.partnership.merchant
        return redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code) and "redeemed"

    scanned, erased = at_once(2, act)

    wallet.refresh_from_db()
    left = wallet.credits - wallet.debits
    assert (scanned, erased, left, wallet.held) in [
        ("redeemed", True, 0, 0),
        ("code_cancelled", True, 30, 0),
    ]


@pytest.mark.parametrize(
    "change", [{"name": NAME}, {"phone_digest": "1"}, {"born_on": BORN_ON}, {"is_active": True}]
)
def test_the_database_lets_nobody_who_was_erased_be_somebody(wang, due_at_once, change):
    erasure.ask(user=wang)
    erasure.erase(user_id=wang.pk)

    with pytest.raises(DatabaseError, match="erased_is_nobody"), transaction.atomic():
        User.objects.filter(pk=wang.pk).update(**change)


# --- nothing is forgotten to be forgotten -----------------------------------------------------
GOES, ENDS = "erased", "ended, and on record"
AN_ACT = "stays: what was done, by nobody one can name"
OF_A_PERSON = {
    "id": "stays: random, and what hours and points are under",
    "username": GOES,
    "name": GOES,
    "phone_encrypted": GOES,
    "phone_digest": GOES,
    "password": GOES,
    "last_login": GOES,
    "born_on": GOES,
    "is_superuser": GOES,
    "merged_ids": "stays: random ids of records that are erased with it",
    "merged_into": "stays: the random id of a record that is erased with it",
    "suspended_until": "stays: a moment, of nobody",
    "is_active": "false",
    "joined_at": "stays: since when the hours count",
    "second_factor_required": GOES,
    "tokens_valid_from": "the moment of the erasure",
    "erasure_requested_at": "stays: why it was erased",
    "erased_at": "the moment of the erasure",
}
REFERS_TO_A_PERSON = {
    "points.Claim.taken_back_by": AN_ACT,
    "points.Recovery.recorded_by": AN_ACT,
    "volunteers.ReporterGroupMember.person": "stays: by which rates they were rewarded",
    "account.EmailAddress.user": GOES,
    "accounts.Consent.user": ENDS,
    "accounts.GuardianCode.child": GOES,
    "accounts.Guardianship.child": ENDS,
    "accounts.Guardianship.guardian": ENDS,
    "accounts.Guardianship.withdrawn_by": AN_ACT,
    "accounts.User_groups.user": GOES,
    "accounts.User_user_permissions.user": GOES,
    "api.IdempotencyKey.user": GOES,
    "api.OwnIdempotencyKey.user": GOES,
    "audit.AuditEntry.actor": AN_ACT,
    "audit.OwnAct.actor": AN_ACT,
    "communities.Membership.ended_by": AN_ACT,
    "communities.Membership.granted_by": AN_ACT,
    "communities.Membership.user": ENDS,
    "merchants.Increase.asked_by": AN_ACT,
    "merchants.Increase.decided_by": AN_ACT,
    "documents.Document.asked_by": AN_ACT,  # the row; files of what is theirs go
    "accounts.SetupCode.used_by": AN_ACT,
    "admin.LogEntry.user": AN_ACT,
    "communities.RoleInvitation.accepted_by": AN_ACT,
    "communities.RoleInvitation.invited_by": AN_ACT,
    "communities.RoleInvitation.revoked_by": AN_ACT,
    "merchants.Invitation.accepted_by": AN_ACT,
    "merchants.Invitation.invited_by": AN_ACT,
    "merchants.ActivityMatch.matched_by": AN_ACT,
    "merchants.ActivityMatch.ended_by": AN_ACT,
    "merchants.Fair.announced_by": AN_ACT,
    "merchants.Fair.cancelled_by": AN_ACT,
    "merchants.SeriesStall.placed_by": AN_ACT,
    "merchants.Listing.added_by": AN_ACT,
    "merchants.Listing.closed_by": AN_ACT,
    "merchants.Invitation.revoked_by": AN_ACT,
    "merchants.Device.registered_by": AN_ACT,
    "merchants.Device.retired_by": AN_ACT,
    "merchants.MerchantMember.ended_by": AN_ACT,
    "merchants.MerchantMember.user": ENDS,
    "merchants.Card.blocked_by": AN_ACT,
    "merchants.Card.issued_by": AN_ACT,
    "merchants.Card.volunteer": "stays: an anonymous person's, which is blocked",
    "merchants.PayCode.volunteer": "stays: a digest that opened nothing after a minute",
    "merchants.Redemption.redeemed_by": AN_ACT,
    "merchants.Redemption.volunteer": "stays: points moved; a voucher held is given back",
    "merchants.Refund.refunded_by": AN_ACT,
    "merchants.ScanAttempt.clerk": AN_ACT,
    "merchants.Statement.approved_by": AN_ACT,
    "merchants.Statement.drafted_by": AN_ACT,
    "webhooks.Endpoint.made_by": AN_ACT,
    "merchants.BankBatch.made_by": AN_ACT,
    "merchants.BankBatch.cancelled_by": AN_ACT,
    "payouts.Payout.ordered_by": AN_ACT,
    "payouts.Payout.payee": AN_ACT,
    "imports.Import.uploaded_by": AN_ACT,
    "imports.Import.run_by": AN_ACT,
    "imports.Import.taken_back_by": AN_ACT,
    "verification.Verification.asked_by": AN_ACT,
    "verification.Verification.stopped_by": AN_ACT,
    "verification.Finding.signed_off_by": AN_ACT,
    "merchants.Wish.decided_by": AN_ACT,
    "merchants.Wish.donor": AN_ACT,
    "merchants.Wish.volunteer": "stays without its words; an open one is withdrawn",
    "merchants.Campaign.opened_by": AN_ACT,
    "merchants.Disbursement.disbursed_by": AN_ACT,
    "merchants.Sponsorship.recorded_by": AN_ACT,
    "merchants.Donation.volunteer": "stays: points moved",
    "merchants.Offer.proposed_by": AN_ACT,
    "merchants.Offer.decided_by": AN_ACT,
    "merchants.OfferPrice.set_by": AN_ACT,
    "merchants.StockMove.moved_by": AN_ACT,
    "merchants.Terms.agreed_by": AN_ACT,
    "merchants.Terms.withdrawn_by": AN_ACT,
    "merchants.Statement.paid_by": AN_ACT,
    "merchants.StatementQuestion.answered_by": AN_ACT,
    "merchants.StatementQuestion.asked_by": AN_ACT,
    "mfa.Authenticator.user": GOES,
    "notices.Mailbox.user": GOES,
    "notices.Notice.recipient": GOES,
    "notices.NoticeSettings.user": GOES,
    "accounts.User.merged_into": "stays: the random id of a record that is erased with it",
    "communities.Suspension.lifted_by": AN_ACT,
    "communities.Suspension.suspended_by": AN_ACT,
    "communities.Suspension.user": "stays without its words",
    "people.LogInChange.decided_by": AN_ACT,
    "people.LogInChange.proposed_by": AN_ACT,
    "people.LogInChange.user": "stays without its words and the number",
    "people.LogInLink.accepted_by": AN_ACT,
    "people.LogInLink.invited_by": AN_ACT,
    "people.LogInLink.revoked_by": AN_ACT,
    "people.LogInLink.user": "stays without its code",
    "people.Merge.decided_by": AN_ACT,
    "people.Merge.kept": "stays without its words",
    "people.Merge.merged": "stays without its words",
    "people.Merge.proposed_by": AN_ACT,
    "points.Passing.giver": "stays: points moved",
    "points.Passing.receiver": "stays: points moved",
    "points.Adjustment.decided_by": AN_ACT,
    "points.Adjustment.person": "stays without its words: points moved",
    "points.Adjustment.proposed_by": AN_ACT,
    "points.Claim.approved_by": AN_ACT,
    "points.Claim.asked_by": AN_ACT,
    "points.Fund.ended_by": AN_ACT,
    "points.Fund.opened_by": AN_ACT,
    "points.TopUp.topped_up_by": AN_ACT,
    "privacy.Export.user": GOES,
    "sampling.Sample.drawn_by": AN_ACT,
    "sampling.Sample.signed_off_by": AN_ACT,
    "sampling.SampleItem.marked_by": AN_ACT,
    "socialaccount.SocialAccount.user": GOES,
    "usersessions.UserSession.user": GOES,
    "volunteers.Activity.serves": "stays: the activity, which then serves a person without a name",
    "volunteers.Attendance.checked_in_by": AN_ACT,
    "volunteers.Attendance.checked_out_by": AN_ACT,
    "volunteers.Attendance.corrected_by": AN_ACT,
    "volunteers.Attendance.verified_by": AN_ACT,
    "volunteers.Attendance.voided_by": AN_ACT,
    "volunteers.Attendance.volunteer": "stays: hours; what is to come is cancelled",
    "volunteers.Bulletin.drafted_by": AN_ACT,
    "volunteers.Bulletin.published_by": AN_ACT,
    "volunteers.BulletinComment.author": "stays; its text goes",
    "volunteers.BulletinComment.decided_by": AN_ACT,
    "volunteers.CallOut.called_by": AN_ACT,
    "volunteers.Confirmation.confirmer": "stays: somebody without a name saw it as well",
    "volunteers.CellMember.ended_by": AN_ACT,
    "volunteers.CellMember.named_by": AN_ACT,
    "volunteers.CellMember.user": ENDS,
    "volunteers.Contribution.giver": "stays; nobody is thanked for it in public any more",
    "volunteers.Contribution.recorded_by": AN_ACT,
    "volunteers.Correction.corrected_by": AN_ACT,
    "volunteers.Evaluation.given_by": "stays; its words go",
    "volunteers.FormerWords.taken_out_by": AN_ACT,
    "volunteers.Gate.closed_by": AN_ACT,
    "volunteers.Gate.opened_by": AN_ACT,
    "volunteers.HandPayment.confirmed_by": AN_ACT,
    "volunteers.HandPayment.payee": "stays: what was paid, to a person without a name",
    "volunteers.HandPayment.recorded_by": AN_ACT,
    "volunteers.HandPayment.withdrawn_by": AN_ACT,
    "volunteers.Inspection.inspected_by": AN_ACT,
    "volunteers.InspectionPlan.planned_by": AN_ACT,
    "volunteers.JoinRequest.decided_by": AN_ACT,
    "volunteers.JoinRequest.user": ENDS,
    "volunteers.Mediation.ended_by": AN_ACT,
    "volunteers.Mediation.opened_by": AN_ACT,
    "volunteers.MediationSession.mediator": AN_ACT,
    "volunteers.MediationSession.recorded_by": AN_ACT,
    "volunteers.Objection.decided_by": AN_ACT,
    "volunteers.Objection.raised_by": "stays; its words go",
    "volunteers.Patrol.walker": "stays; its words go",
    "volunteers.RefusedClaim.told_by": AN_ACT,
    "volunteers.RefusedClaim.volunteer": "stays: what a phone told and was refused",
    "volunteers.Report.assigned_to": AN_ACT,
    "volunteers.Report.closed_by": AN_ACT,
    "volunteers.Report.relayed_by": AN_ACT,
    "volunteers.Report.voided_by": AN_ACT,
    "volunteers.Report.reporter": "stays; coordinates and what was told in confidence go",
    "volunteers.ReportPhoto.sent_by": "stays; what was told in confidence goes",
    "volunteers.ReportComment.author": "stays; its words go",
    "volunteers.ReportPause.paused_by": AN_ACT,
    "volunteers.ReportPause.resumed_by": AN_ACT,
    "volunteers.ReportReferral.answered_by": AN_ACT,
    "volunteers.ReportReferral.sent_by": AN_ACT,
    "volunteers.Survey.respondent": "stays; its words go",
    "volunteers.TeamMember.decided_by": AN_ACT,
    "volunteers.TeamMember.volunteer": ENDS,
    "volunteers.Volunteer.user": ENDS,
    "volunteers.WaitingPlace.volunteer": ENDS,
}


def test_of_every_column_of_a_person_it_is_decided_what_becomes_of_it():
    assert {column.name for column in User._meta.concrete_fields} == set(OF_A_PERSON)


def test_of_all_that_refers_to_a_person_it_is_decided_what_becomes_of_it():
    found = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.related_model is User
    }
    assert found == set(REFERS_TO_A_PERSON)
