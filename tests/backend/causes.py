"""What causes each kind of notice of the ground floor: test_notice_kinds.py."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from allauth.socialaccount.models import SocialAccount
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts import mfa
from backend.communities.models import Role
from backend.communities.services import roles
from backend.documents import api as documents
from backend.documents.models import Document
from backend.outbox import services as outbox
from backend.payouts.models import Payout
from backend.payouts.tasks import sweep_differences
from backend.people.models import Loss
from backend.people.services import authenticators, log_in_links, log_ins, merges, suspensions
from backend.verification.services import asking
from merchants.redemption.services import vouchers
from merchants.settlement.services import payouts, statements
from points.seals.services import sealing
from tests.cast import PASSWORD
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of
from tests.verified import untriggered


# --- payouts ----------------------------------------------------------------------------------
def _ordered(lake, wang, chen, zhou, zhao, tea, grant_points, person):
    """A statement of 300 fen, approved by Sun, whose payment to Zhou Zhao orders."""
    SocialAccount.objects.create(user=zhou, provider="wechat", uid="o6_zhou")
    then = datetime(2024, 3, 5, 10, tzinfo=ZoneInfo(lake.timezone))
    grant_points(wang, tea.price_points)
    voucher = vouchers.take(offer=tea, volunteer=wang, now=then)
    vouchers.scan(merchant_id=tea.partnership.merchant_id, clerk=chen, code=voucher.code, now=then)
    (statement,) = statements.draft(
        community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    statements.approve(statement=statement, approver=person("sun"))
    return payouts.order(statement=statement, ordered_by=zhao)


def _advance(payout):
    outbox.attempt("payout", is_due=False, community_id=payout.community_id, pk=payout.pk)


def payout_waiting(lake, wang, chen, zhou, zhao, tea, grant_points, person, wechat_pay):
    _advance(_ordered(lake, wang, chen, zhou, zhao, tea, grant_points, person))
    return zhou


def payout_failed(lake, wang, chen, zhou, zhao, tea, grant_points, person, wechat_pay):
    payout = _ordered(lake, wang, chen, zhou, zhao, tea, grant_points, person)
    _advance(payout)
    wechat_pay.finish(payout.out_bill_no, "FAIL", "PAYEE_ACCOUNT_ABNORMAL")
    _advance(payout)
    return zhao


def payout_unclear(lake, wang, chen, zhou, zhao, tea, grant_points, person, wechat_pay):
    payout = _ordered(lake, wang, chen, zhou, zhao, tea, grant_points, person)
    wechat_pay.money_fen = 0
    _advance(payout)
    Payout.objects.update(sent_at=timezone.now() - timedelta(hours=2))
    _advance(payout)
    return zhao


def payout_differs(
    lake, wang, chen, zhou, zhao, tea, grant_points, person, wechat_pay, _tasks_run_at_once
):
    payout = _ordered(lake, wang, chen, zhou, zhao, tea, grant_points, person)
    _advance(payout)
    wechat_pay.finish(payout.out_bill_no)
    _advance(payout)
    wechat_pay.bills[payout.out_bill_no]["transfer_amount"] = 6_000
    sweep_differences()
    return zhao


# --- verifications ----------------------------------------------------------------------------
def findings(lake, wang, grant_points, person):
    auditor = _auditor(lake, person)
    grant_points(wang, 100)
    sealing.seal(community=lake)
    untriggered("UPDATE points_account SET credits = credits + 5 WHERE kind = 'wallet'")
    asked = asking.ask(community=lake, kind="ledger", is_whole=True)
    outbox.attempt("verification", community_id=lake.pk, pk=asked.pk)
    return auditor


def _auditor(lake, person):
    auditor = person("auditor", "钱审计")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)
    return auditor


# --- files ------------------------------------------------------------------------------------
def document_ready(lake, wang, grant_points, person, logged_in, monkeypatch):
    grant_points(wang, 100)
    monkeypatch.setattr(documents, "AT_ONCE", 0)  # a line more than none is a long file
    auditor = _auditor(lake, person)
    asked = logged_in(auditor).get("/api/v1/communities/lake/transfers.csv")
    assert asked.status_code == 202
    document = Document.objects.get(asked_by=auditor)
    outbox.attempt("document", community_id=lake.pk, pk=document.pk)
    return auditor


def export_ready(wang, logged_in):
    asked = logged_in(wang).post("/api/v1/me/export")
    outbox.attempt("export", pk=asked.json()["id"])
    return wang


# --- log-ins ----------------------------------------------------------------------------------
LOG_IN = "/_allauth/app/v1"


def _logged_in(user):
    """A phone on which somebody has just given their password."""
    answer = APIClient().post(
        f"{LOG_IN}/auth/login", {"username": user.username, "password": PASSWORD}, format="json"
    )
    phone = APIClient(HTTP_X_SESSION_TOKEN=answer.json()["meta"]["session_token"])
    if answer.status_code == 401:
        code = {"code": code_of(TOTP_SECRET)}
        answer = phone.post(f"{LOG_IN}/auth/2fa/authenticate", code, format="json")
        phone = APIClient(HTTP_X_SESSION_TOKEN=answer.json()["meta"]["session_token"])
    assert answer.status_code == 200
    again = {"password": PASSWORD}
    assert phone.post(f"{LOG_IN}/auth/reauthenticate", again, format="json").status_code == 200
    return phone


def new_log_in(zhao):
    _logged_in(zhao)
    return zhao


def password_changed(zhao):
    changed = {"current_password": PASSWORD, "new_password": "another long sentence"}
    answer = _logged_in(zhao).post(f"{LOG_IN}/account/password/change", changed, format="json")
    assert answer.status_code == 200
    return zhao


def second_factor_set(zhao, django_capture_on_commit_callbacks):
    phone, address = _logged_in(zhao), f"{LOG_IN}/account/authenticators/totp"
    secret = phone.get(address).json()["meta"]["secret"]
    with django_capture_on_commit_callbacks(execute=True):
        answer = phone.post(address, {"code": code_of(secret)}, format="json")
    assert answer.status_code == 200
    return zhao


def second_factor_removed(zhao, django_capture_on_commit_callbacks):
    mfa.hand_out(user=zhao, secret=TOTP_SECRET)
    with django_capture_on_commit_callbacks(execute=True):
        answer = _logged_in(zhao).delete(f"{LOG_IN}/account/authenticators/totp")
    assert answer.status_code == 200
    return zhao


def recovery_codes_renewed(zhao, django_capture_on_commit_callbacks):
    mfa.hand_out(user=zhao, secret=TOTP_SECRET)
    with django_capture_on_commit_callbacks(execute=True):
        answer = _logged_in(zhao).post(f"{LOG_IN}/account/authenticators/recovery-codes")
    assert answer.status_code == 200
    return zhao


# --- records of people ------------------------------------------------------------------------
WHY = {"seen_by": "known", "reason": "手机丢了"}


def suspended(lake, wang):
    suspensions.suspend(place=lake, user=wang, by=None, reason="争吵")
    return wang


def suspended_until(lake, wang):
    ends_at = timezone.now() + timedelta(days=7)
    suspensions.suspend(place=lake, user=wang, by=None, reason="争吵", ends_at=ends_at)
    return wang


def suspension_lifted(lake, wang):
    one = suspensions.suspend(place=lake, user=wang, by=None, reason="争吵")
    suspensions.lift(suspension=one, by=None)
    return wang


def log_in_change_proposed(lake, wang, zhao):
    log_ins.propose(place=lake, user=wang, by=zhao, ends_wechat=True, **WHY)
    return wang


def log_in_link_made(lake, wang, zhao):
    log_in_links.make(place=lake, user=wang, by=zhao)
    return wang


def log_in_changed(lake, wang, zhao, person):
    change = log_ins.propose(place=lake, user=wang, by=zhao, ends_wechat=True, **WHY)
    log_ins.confirm(change=change, by=_second(lake, person))
    return wang


def records_merged(lake, wang, li, zhao, person):
    merge = merges.propose(place=lake, merged=li, kept=wang, by=zhao, **WHY)
    merges.confirm(merge=merge, by=_second(lake, person))
    return wang


def authenticator_reset(zhao):
    mfa.hand_out(user=zhao, secret=TOTP_SECRET)
    authenticators.reset(user=zhao, place=None, by=None, loss=Loss.LOST)
    return zhao


def _second(lake, person):
    sun = person("sun", "孙社工")
    roles.give(user=sun, community=lake, role=Role.STAFF)
    return sun
