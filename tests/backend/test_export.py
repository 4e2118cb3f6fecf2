"""Everything that is held about somebody, as they get it: to the byte, and nobody else's."""

import csv
import io
import json
import re
import tempfile
import tracemalloc
import zipfile
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.signing import TimestampSigner, b62_encode
from django.db import models
from django.utils import timezone, translation
from PIL import Image
from rest_framework.test import APIClient

from backend.accounts import vault
from backend.accounts.models import Guardianship, User
from backend.accounts.services import sessions
from backend.audit.models import AuditEntry, OwnAct
from backend.communities.models import Membership
from backend.communities.services import places
from backend.notices import services as notices
from backend.notices.channels.wechat import quotas
from backend.notices.models import Mailbox, Message, Notice, WeChatQuotaEntry
from backend.outbox import services as outbox
from backend.outbox.tasks import sweep_outbox
from backend.privacy import held
from backend.privacy.models import Export
from backend.privacy.services import archive, exports
from merchants.giving.services import wishes
from merchants.models import Card, MerchantMember, ScanAttempt, Wish
from merchants.redemption.services import vouchers as redemption
from points.funds import services as funds
from points.kinds import Unit
from points.ledger import services as ledger
from points.models import Award, Claim, Earned, Hold, Recovery, Reversal, Transfer
from tests.conftest import SHANGHAI
from tests.long import IS_LONG
from volunteers.attendance.errors import AttendanceStatusWrong
from volunteers.attendance.services import corrections, evaluations, hours, objections, presence
from volunteers.models import (
    Attendance,
    BulletinComment,
    CellMember,
    Contribution,
    Correction,
    Evaluation,
    HandPayment,
    JoinRequest,
    Objection,
    Patrol,
    PatrolPhoto,
    RefusedClaim,
    Report,
    ReportComment,
    ReporterGroup,
    ReporterGroupMember,
    ReportPhoto,
    Shift,
    Survey,
    TeamMember,
    Volunteer,
    WaitingPlace,
)
from volunteers.people.services import cells
from volunteers.reports.services import bulletins, handling, patrolling, submitting, wording
from volunteers.teams import services as teams

ENGLISH = {"Accept-Language": "en"}
FORMULA = '=HYPERLINK("//evil","井盖")'


def when(moment):
    return moment and moment.astimezone(SHANGHAI).isoformat()


@pytest.fixture
def story(lake, hill, wang, li, zhao, chen, tea, served, grant_points):
    """One of everything that can be held about 王小明, and other people's next to it."""
    Guardianship.objects.create(child=wang, guardian=li, relation="parent", version=1)
    JoinRequest.objects.create(community=hill, user=wang, kind="rider")
    team = teams.found(place=lake, founded_by=zhao, name="绿丝带")
    for person in (wang, li):
        teams.join(team=team, volunteer=person)
    record = served(wang, "2024-03-01 07:00", "2024-03-01 09:00")
    corrections.correct(
        attendance=record,
        checked_in_at=record.checked_in_at - timedelta(minutes=15),
        checked_out_at=record.checked_out_at,
        reason="提前到",
        corrected_by=chen,
    )
    evaluations.evaluate(attendance=record, by=zhao, stars=5, words="很好")
    hours.verify(attendance=record, verifier=zhao)
    rejected = served(wang, "2024-03-02 07:00", "2024-03-02 09:00")
    hours.reject(attendance=rejected, verifier=zhao, reason="+没有来")
    objections.appeal(attendance=rejected, words="我在场")
    hours.verify(attendance=served(li, "2024-03-01 07:00", "2024-03-01 09:00"), verifier=zhao)
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "teal").save(picture, "JPEG")
    report = submitting.submit(
        community=lake,
        reporter=wang,
        category="hazard",
        text=FORMULA,
        place="东门",
        latitude=-28.25,
        longitude=112.5,
        photos=[ContentFile(picture.getvalue(), "photo.jpg")],
    )
    wording.comment(report=report, author=wang, text="在东侧")
    cells.name_member(
        community=lake,
        estate=places.estate_named(community=lake, name="一区"),
        user_id=wang.pk,
        function="volunteer",
        named_by=None,
    )
    handling.close(report=report, handler=zhao, answer="已处理")
    submitting.submit(community=lake, reporter=li, category="dispute", text="与邻居有纠纷")
    march = {"period": "month", "starts_on": date(2026, 3, 1), "title": "三月公示", "words": ""}
    bulletin = bulletins.draft(community=lake, drafted_by=zhao, **march)
    bulletins.publish(bulletin=bulletin, published_by=chen)
    for person, text in ((wang, "很好"), (li, "别人的留言")):
        bulletins.comment(bulletin=bulletin, author=person, text=text)
    group = ReporterGroup.objects.create(community=lake, code="grid", name="网格员")
    fund = funds.open_fund(community=lake, name="红包", year=2024, unit=Unit.FEN, opened_by=chen)
    funds.top_up(fund=fund, amount=1_000, reason="拨款", topped_up_by=chen)
    for person in (wang, li):
        claim = funds.claim(
            fund=fund,
            subject=f"report:{person.username}",
            payee=f"person:{person.pk}",
            amount=300,
            closed_at=timezone.now(),
            reason="report",
            asked_by=zhao,
            explanation={"category": "hazard"},
        )
        funds.payable(claim=claim)
        HandPayment.objects.create(
            community=lake,
            claim=claim,
            payee=person,
            amount_fen=300,
            reference="收据 7",
            recorded_by=chen,
        )
        funds.commit(claim=claim)
        funds.take_back(claim=claim, taken_back_by=zhao)
        funds.recover(claim=claim, amount=100, reference="收据 8", recorded_by=chen)
        ReporterGroupMember.objects.create(
            community=lake, group=group, person=person, since=date(2024, 1, 1)
        )
        walk = Patrol.objects.create(community=lake, walker=person, note="沿河", people=2)
        patrolling.add_photo(patrol=walk, photo=ContentFile(picture.getvalue(), "walk.jpg"))
        Survey.objects.create(community=lake, report=report, respondent=person)
        Contribution.objects.create(
            community=lake,
            report=report,
            what="水泥",
            quantity="两袋",
            giver=person,
            given_on=date(2024, 3, 3),
            recorded_by=zhao,
        )
        with pytest.raises(AttendanceStatusWrong):
            presence.check_out(
                attendance=Attendance.objects.filter(volunteer=person).latest("pk"),
                at=timezone.now(),
            )
        WaitingPlace.objects.create(
            community=lake,
            shift=Attendance.objects.filter(volunteer=person).latest("pk").shift,
            volunteer=person,
            status="left",
            ended_at=timezone.now(),
        )
        Volunteer.objects.filter(user=person).update(skills=["急救"])
        wallet = grant_points(person, 40)
        voucher = redemption.take(offer=tea, volunteer=person)
        Card.objects.create(
            community=lake, volunteer=person, code=f"{person.username}CARD", issued_by=zhao
        )
        redemption.scan(merchant_id=tea.partnership.merchant.pk, clerk=chen, code=voucher.code)
        wishes.propose(volunteer=person, community=lake, text="一辆自行车")
        gift = Transfer.objects.get(credit=wallet, reason="gift")
        ledger.reverse(
            community_id=lake.pk, transfer_id=gift.pk, key=f"oops:{gift.pk}", reason="reversal",
            source=f"undo:oops:{gift.pk}", amount=5,
        )  # fmt: skip
        notices.change_settings(user=person, switched_off={"shift_tomorrow": ["sms"]})
        notices.owe(
            community=lake,
            key=f"expiring:{person.pk}",
            recipient=person,
            kind="points_expiring",
            facts={
                "community": "碧沙湖社区",
                "points": 7,
                "expires_on": "2024-12-31",
                "until": "2024-12-31",
            },
            due_at=timezone.now(),
        )
        expiring = Notice.objects.get(key=f"expiring:{person.pk}")
        Message.objects.create(community=lake, notice=expiring, channel="sms", language="en")
        SocialAccount.objects.create(user=person, provider="wechat", uid=f"o6-{person.username}")
        accept = {"TemplateId": "T1", "SubscribeStatusString": "accept", "PopupScene": "0"}
        quotas.hear(
            {"Event": quotas.POPUP, "FromUserName": f"o6-{person.username}", "List": accept}
        )
        Mailbox.objects.create(
            user=person,
            address_encrypted=vault.encrypt(f"{person.username}@example.cn"),
            code_expires_at=timezone.now(),
            verified_at=timezone.now(),
        )
        UserSession.objects.create(
            user=person,
            session_key=f"secret-of-{person.username}",
            ip="203.0.113.7",
            user_agent="@evil 1.0",
        )
    return SimpleNamespace(lake=lake, report=report)


def export_of(user, language="en"):
    """The files in the ZIP that ``user`` gets, by name."""
    export = exports.ask(user=user, language=language)
    assert outbox.attempt("export", pk=export.pk)
    with (
        exports.fetch(export_id=export.pk, user=user) as file,
        zipfile.ZipFile(file) as unpacked,
    ):
        assert unpacked.testzip() is None
        return {name: unpacked.read(name) for name in unpacked.namelist()}


def one(model, **facts):
    return model.objects.get(**facts)


# --- what is in it ----------------------------------------------------------------------------
def expected_of(wang, story):
    """Return each table's rows as 王小明 should get them, made from the rows themselves."""
    earlier, later = Attendance.objects.filter(volunteer=wang).order_by("pk")
    refused = one(RefusedClaim, attendance=later)
    waiting = one(WaitingPlace, volunteer=wang)
    shifts = [one(Shift, pk=attendance.shift_id) for attendance in (earlier, later)]
    report = one(Report, pk=story.report.pk)
    photo = one(ReportPhoto, report=report)
    comment, in_cell = one(ReportComment), one(CellMember)
    consent, membership = wang.consents.get(), one(Membership, user=wang)
    volunteer, expiring = (
        one(Volunteer, user=wang),
        one(Notice, recipient=wang, kind="points_expiring"),
    )
    message = one(Message, notice=expiring)
    in_team = one(TeamMember, volunteer=wang)
    corrected, appeal, said = one(Correction), one(Objection), one(Evaluation)
    remark = BulletinComment.objects.get(text="很好")
    guardianship, asked = one(Guardianship), one(JoinRequest)
    session, export = one(UserSession, user=wang), one(Export, user=wang)
    accepted = one(WeChatQuotaEntry, quota__account__user=wang)
    mailbox = one(Mailbox, user=wang)
    claim = one(Claim, subject="report:wang")
    by_hand, recovery = one(HandPayment, claim=claim), one(Recovery, claim=claim)
    in_group = one(ReporterGroupMember, person=wang)
    walk = one(Patrol, walker=wang)
    taken, survey = one(PatrolPhoto, patrol=walk), one(Survey, respondent=wang)
    gave = one(Contribution, giver=wang)
    hold = Hold.objects.get(source__in=[f"redemption:{r.pk}" for r in redemptions_of(wang)])
    (voucher,) = redemptions_of(wang)
    card = one(Card, volunteer=wang)
    wish = one(Wish, volunteer=wang)
    awarded_for_hours = one(Award, source=earlier.award_source)
    awarded_for_report = one(Award, source=report.award_source)
    wallet = awarded_for_hours.account_id
    reversal = one(Reversal, account=wallet)
    gift = one(Transfer, credit=wallet, reason="gift")
    back = one(Transfer, reverses=gift)
    paid = one(Transfer, debit=wallet, reason="redemption")

    def transfer(row, amount):
        return {
            "id": str(row.pk),
            "community": "lake",
            "amount": amount,
            "reason": row.reason,
            "source": row.source,
            "occurred_at": when(row.occurred_at),
            "posted_at": when(row.posted_at),
            "expires_on": row.expires_on and str(row.expires_on),
            "reverses": row.reverses_id and str(row.reverses_id),
            "explanation": row.explanation,
        }

    def attendance(row, shift, **rest):
        return {
            "id": str(row.pk),
            "community": "lake",
            "activity": "邻里服务",
            "category": "邻里服务",
            "place": "",
            "shift_starts_at": when(shift.starts_at),
            "shift_ends_at": when(shift.ends_at),
            "status": row.status,
            "signed_up_at": when(row.signed_up_at),
            "checked_in_at": when(row.checked_in_at),
            "checked_out_at": when(row.checked_out_at),
            "was_offline": False,
            "check_out_was_forgotten": False,
            "check_in_claimed_at": None,
            "check_out_claimed_at": None,
            "proof": "own_word",
            "position_mark": "",
            "distance_metres": None,
            "accuracy_metres": None,
            "worked_minutes": 120,
            **rest,
        }

    def award(row):
        return {
            "id": str(row.pk),
            "community": "lake",
            "source": row.source,
            "local_day": str(row.local_day),
            "unit": "points",
            "amount": 20,
            "awarded_at": when(row.awarded_at),
            "transfer": str(row.transfer_id),
            "claim": None,
            "explanation": None,
        }

    def notice(row, title, body):
        return {
            "id": str(row.pk),
            "community": "lake",
            "kind": row.kind,
            "title": title,
            "body": body,
            "due_at": when(row.due_at),
            "delivered_at": None,
            "read_at": None,
            "withdrawn_at": None,
        }

    def act(entry, by_me):
        return {
            "at": when(entry.at),
            "action": entry.action,
            "target_type": entry.target_type,
            "target_id": entry.target_id,
            "community": None if by_me else "lake",
            "by_me": by_me,
        }

    def acted(action, target):
        trail = OwnAct if action in ("consent.give", "export.ask") else AuditEntry
        return one(trail, action=action, target_id=str(target.pk))

    return {
        "consents": [
            {
                "id": str(consent.pk),
                "purpose": "location",
                "version": 1,
                "given_at": when(consent.given_at),
                "withdrawn_at": None,
            }
        ],
        "guardianships": [
            {
                "id": str(guardianship.pk),
                "role": "child",
                "relation": "parent",
                "version": 1,
                "given_at": when(guardianship.given_at),
                "withdrawn_at": None,
            }
        ],
        "roles": [
            {
                "id": str(membership.pk),
                "community": "lake",
                "community_name": "碧沙湖社区",
                "role": "volunteer",
                "since_at": when(membership.since_at),
                "ended_at": None,
                "reason": "",
            }
        ],
        "join_requests": [
            {
                "id": str(asked.pk),
                "community": "hill",
                "kind": "rider",
                "estate": None,
                "status": "pending",
                "requested_at": when(asked.asked_at),
                "decided_at": None,
                "reason": "",
            }
        ],
        "volunteering": [
            {
                "id": str(volunteer.pk),
                "community": "lake",
                "kind": "rider",
                "estate": None,
                "skills": ["急救"],
                "enrolled_at": when(volunteer.enrolled_at),
                "left_at": None,
            }
        ],
        "employments": [],
        "teams": [
            {
                "id": str(in_team.pk),
                "community": "lake",
                "team": "绿丝带",
                "status": "asked",
                "is_leader": False,
                "requested_at": when(in_team.asked_at),
                "joined_at": None,
                "left_at": None,
                "reason": "",
            }
        ],
        "waiting_lists": [
            {
                "id": str(waiting.pk),
                "community": "lake",
                "activity": "邻里服务",
                "shift_starts_at": when(waiting.shift.starts_at),
                "status": "left",
                "since_at": when(waiting.since_at),
                "ended_at": when(waiting.ended_at),
            }
        ],
        "helped": [],
        "refused_check_ins": [
            {
                "id": str(refused.pk),
                "community": "lake",
                "activity": "邻里服务",
                "action": "check_out",
                "occurred_at": when(refused.claimed_at),
                "submitted_at": when(refused.told_at),
                "outcome": "attendance_status_wrong",
            }
        ],
        "attendances": [
            attendance(
                earlier,
                shifts[0],
                verified_at=when(earlier.verified_at),
                published_until=None,
                voided_at=None,
                reason="",
            ),
            attendance(
                later,
                shifts[1],
                verified_at=when(later.verified_at),
                published_until=None,
                voided_at=None,
                reason="+没有来",
            ),
        ],
        "corrections": [
            {
                "id": str(corrected.pk),
                "community": "lake",
                "activity": "邻里服务",
                "was_in_at": when(corrected.was_in_at),
                "was_out_at": when(corrected.was_out_at),
                "checked_in_at": when(earlier.checked_in_at),
                "checked_out_at": when(earlier.checked_out_at),
                "reason": "提前到",
                "corrected_at": when(corrected.corrected_at),
            }
        ],
        "objections": [
            {
                "id": str(appeal.pk),
                "community": "lake",
                "activity": "邻里服务",
                "is_appeal": True,
                "text": "我在场",
                "raised_at": when(appeal.raised_at),
                "status": "open",
                "decided_at": None,
                "answer": "",
            }
        ],
        "evaluations": [
            {
                "id": str(said.pk),
                "community": "lake",
                "activity": "邻里服务",
                "stars": 5,
                "text": "很好",
                "is_relayed": True,
                "given_at": when(said.given_at),
            }
        ],
        "evaluations_given": [],
        "report_comments": [
            {
                "id": str(comment.pk),
                "community": "lake",
                "report": str(report.pk),
                "text": "在东侧",
                "is_internal": False,
                "written_at": when(comment.written_at),
            }
        ],
        "cells": [
            {
                "id": str(in_cell.pk),
                "community": "lake",
                "estate": "一区",
                "function": "volunteer",
                "since_at": when(in_cell.since_at),
                "ended_at": None,
            }
        ],
        "bulletin_comments": [
            {
                "id": str(remark.pk),
                "community": "lake",
                "bulletin": "三月公示",
                "text": "很好",
                "written_at": when(remark.written_at),
                "status": "waiting",
                "decided_at": None,
            }
        ],
        "reports": [
            {
                "id": str(report.pk),
                "community": "lake",
                "source": "app",
                "category": "hazard",
                "text": FORMULA,
                "answers": {},
                "place": "东门",
                "latitude": -28.25,
                "longitude": 112.5,
                "coord_type": "wgs84",
                "status": "closed",
                "submitted_at": when(report.submitted_at),
                "accepted_at": when(report.accepted_at),
                "closed_at": when(report.closed_at),
                "answer": "已处理",
                "voided_at": None,
                "reason": "",
            }
        ],
        "confirmations": [],
        "report_photos": [
            {
                "id": str(photo.pk),
                "community": "lake",
                "report_id": str(report.pk),
                "taken_in_at": when(photo.taken_in_at),
                "image": f"photos/{photo.pk}.jpg",
            }
        ],
        "reporter_groups": [
            {
                "id": str(in_group.pk),
                "community": "lake",
                "reporter_group": "网格员",
                "since": "2024-01-01",
                "until": None,
            }
        ],
        "rewards_by_hand": [
            {
                "id": str(by_hand.pk),
                "community": "lake",
                "amount_fen": 300,
                "reference": "收据 7",
                "recorded_at": when(by_hand.recorded_at),
                "confirmed_at": None,
                "withdrawn_at": None,
            }
        ],
        "surveys": [
            {
                "id": str(survey.pk),
                "community": "lake",
                "report_id": str(report.pk),
                "requested_at": when(survey.asked_at),
                "score": None,
                "text": "",
                "answered_at": None,
            }
        ],
        "patrols": [
            {
                "id": str(walk.pk),
                "community": "lake",
                "estate": None,
                "started_at": when(walk.started_at),
                "ended_at": None,
                "people": 2,
                "text": "沿河",
            }
        ],
        "patrol_photos": [
            {
                "id": str(taken.pk),
                "community": "lake",
                "patrol": str(walk.pk),
                "taken_in_at": when(taken.taken_in_at),
                "image": f"photos/{taken.pk}.jpg",
            }
        ],
        "contributions": [
            {
                "id": str(gave.pk),
                "community": "lake",
                "report_id": str(report.pk),
                "what": "水泥",
                "quantity": "两袋",
                "given_on": "2024-03-03",
                "agreed_at": None,
            }
        ],
        "wallets": [
            {
                "community": "lake",
                "unit": "points",
                "balance": 45,
                "held": 0,
                "available": 45,
                "shortfall": 0,
            }
        ],
        "transfers": [
            transfer(awarded_for_hours.transfer, 20),
            transfer(awarded_for_report.transfer, 20),
            transfer(gift, 40),
            transfer(paid, -30),
            transfer(back, -5),
        ],
        "awards": [award(awarded_for_hours), award(awarded_for_report)],
        "voids": [],
        "adjustments": [],
        "earned": [
            {"community": "lake", "expires_on": row.expires_on and str(row.expires_on),
             "points": row.points}
            for row in Earned.objects.filter(account=wallet).order_by("pk")
        ],
        "holds": [
            {
                "id": str(hold.pk),
                "community": "lake",
                "amount": 30,
                "reason": "redemption",
                "source": f"redemption:{voucher.pk}",
                "status": "captured",
                "occurred_at": when(hold.occurred_at),
                "expires_at": when(hold.expires_at),
                "resolved_at": when(hold.resolved_at),
                "transfer": str(paid.pk),
                "explanation": {"offer": "TEA", "quantity": 1, "price_points": 30},
            }
        ],
        "reversals": [
            {
                "id": str(reversal.pk),
                "community": "lake",
                "reverses": str(gift.pk),
                "amount": 5,
                "recovered": 5,
                "reason": "reversal",
                "source": f"undo:oops:{gift.pk}",
                "occurred_at": when(reversal.occurred_at),
                "requested_at": when(reversal.requested_at),
            }
        ],
        "claims": [
            {
                "id": str(claim.pk),
                "community": "lake",
                "amount": 300,
                "unit": "fen",
                "reason": "report",
                "source": "report:wang",
                "status": "committed",
                "closed_at": when(claim.closed_at),
                "requested_at": when(claim.claimed_at),
                "resolved_at": when(claim.resolved_at),
                "frozen_at": None,
                "set_off": 0,
                "taken_back_at": when(claim.taken_back_at),
                "explanation": {"category": "hazard"},
            }
        ],
        "recoveries": [
            {
                "id": str(recovery.pk),
                "community": "lake",
                "claim": str(claim.pk),
                "amount": 100,
                "reference": "收据 8",
                "recovered_at": when(recovery.recovered_at),
            }
        ],
        "redemptions": [
            {
                "id": str(voucher.pk),
                "community": "lake",
                "merchant": "茶馆",
                "offer": "一壶茶",
                "code": voucher.code,
                "quantity": 1,
                "points": 30,
                "status": "redeemed",
                "taken_at": when(voucher.taken_at),
                "expires_at": when(voucher.expires_at),
                "closed_at": when(voucher.closed_at),
            }
        ],
        "cards": [
            {
                "id": str(card.pk),
                "community": "lake",
                "issued_at": when(card.issued_at),
                "blocked_at": None,
                "reason": "",
            }
        ],
        "wishes": [
            {
                "id": str(wish.pk),
                "community": "lake",
                "text": "一辆自行车",
                "status": "proposed",
                "points": None,
                "proposed_at": when(wish.proposed_at),
                "reason": "",
                "closed_at": None,
                "thanks": "",
            }
        ],
        "scans": [],
        "notices": [
            notice(
                one(Notice, recipient=wang, kind="hours_corrected"),
                "Times of yours were corrected",
                "邻里服务, 2024-03-01 07:00: now 120 minutes, because: 提前到",
            ),
            notice(
                one(Notice, recipient=wang, kind="hours_verified"),
                "Hours of yours were verified",
                "邻里服务, 2024-03-01 07:00: 120 minutes, 20 points.",
            ),
            notice(
                one(Notice, recipient=wang, kind="hours_rejected"),
                "Hours of yours were rejected",
                "邻里服务, 2024-03-02 07:00: +没有来. You may appeal once.",
            ),
            notice(
                one(Notice, recipient=wang, kind="report_closed"),
                "A report of yours was closed",
                f"Your report of {report.submitted_at.astimezone(story.lake.clock):%Y-%m-%d %H:%M}"
                " was dealt with. Thank you! Read the answer in it.",
            ),
            notice(
                one(Notice, recipient=wang, kind="points_earned"),
                "You earned points",
                "碧沙湖社区: 20 points are yours. Your statement says what for.",
            ),
            notice(
                expiring,
                "Your points are about to expire",
                "碧沙湖社区: 7 points expire soon. The first can be spent until 2024-12-31, the"
                " last until 2024-12-31.",
            ),
        ],
        "wechat_messages": [
            {
                "template": "T1",
                "why": "accepted",
                "change": 1,
                "entered_at": when(accepted.entered_at),
            }
        ],
        "email": [
            {
                "email": "wang@example.cn",
                "given_at": when(mailbox.given_at),
                "verified_at": when(mailbox.verified_at),
            }
        ],
        "messages": [
            {
                "id": str(message.pk),
                "community": "lake",
                "notice": str(expiring.pk),
                "channel": "sms",
                "language": "en",
                "due_at": when(message.due_at),
                "sent_at": None,
                "skipped_at": None,
                "reason": "",
            }
        ],
        "notice_settings": [
            {
                "language": "zh-hans",
                "quiet_from": "22:00",
                "quiet_until": "08:00",
                "switched_off": {"shift_tomorrow": ["sms"]},
            }
        ],
        "log_ins": [
            {
                "created_at": when(session.created_at),
                "last_seen_at": when(session.last_seen_at),
                "ip": "203.0.113.7",
                "user_agent": "@evil 1.0",
            }
        ],
        "acts": [
            act(acted("consent.give", consent), True),
            act(acted("correction.make", corrected), False),
            act(acted("attendance.verify", earlier), False),
            act(acted("attendance.reject", later), False),
            act(acted("cell.name", in_cell), False),
            act(acted("report.close", report), False),
            act(acted("export.ask", export), True),
        ],
        "suspensions": [],
        "log_in_changes": [],
        "log_in_links": [],
        "merges": [],
        "exports": [
            {
                "id": str(export.pk),
                "requested_at": when(export.requested_at),
                "finished_at": None,
                "expires_at": None,
                "size_bytes": None,
            }
        ],
    }  # fmt: skip


def redemptions_of(user):
    return list(redemption.Redemption.objects.filter(volunteer=user))


def as_json(rows):
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    return ("[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n").encode()


def as_csv(header, rows):
    """Return a value as a spreadsheet gets it: marked, and with no text that it would run."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(header)
    for row in rows:
        writer.writerow([as_cell(value) for value in row.values()])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def as_cell(value):
    if value is None or type(value) in (int, float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text


def test_the_file_holds_everything_about_a_person_to_the_byte(wang, story):
    files = export_of(wang, language="en")

    expected = expected_of(wang, story)
    wanted = {"README.txt": archive.about().encode()}
    wechat = one(SocialAccount, user=wang)
    profile = {
        "id": str(wang.pk),
        "name": "王小明",
        "username": "wang",
        "phone": wang.phone,
        "born_on": None,
        "joined_at": when(wang.joined_at),
        "erasure_requested_at": None,
        "last_login": None,
        "has_password": True,
        "wechat_is_bound": True,
        "wechat_bound_at": when(wechat.date_joined),
        "second_factors": [],
    }
    wanted["profile.json"] = (json.dumps(profile, ensure_ascii=False, indent=2) + "\n").encode()
    for table in held.TABLES:
        rows = expected.pop(table.name)
        with translation.override("en"):
            header = [str(held.TITLES[name]) for name in table.columns]
        wanted[f"{table.name}.json"] = as_json(rows)
        wanted[f"{table.name}.csv"] = as_csv(header, rows)
    for photo in (story.report.photos.get(), one(PatrolPhoto, patrol__walker=wang)):
        with default_storage.open(photo.image.name) as file:
            wanted[f"photos/{photo.pk}.jpg"] = file.read()
    assert not expected
    assert list(files) == list(wanted)
    for name, content in wanted.items():
        assert files[name] == content, name


def test_what_it_says_of_itself_names_every_table():
    assert [line.split()[0] for line in archive.about().splitlines()[3:] if " / " in line] == [
        "profile.json",
        *(table.name for table in held.TABLES),
    ]


def test_it_speaks_the_language_in_which_it_was_asked_for(wang, story):
    files = export_of(wang, language="zh-hans")

    header = files["transfers.csv"].decode("utf-8-sig").splitlines()[0].split(",")
    assert header[2:5] == ["数额", "事由", "来源"]
    assert json.loads(files["notices.json"])[-1]["title"] == "您的积分即将到期"


def test_what_would_run_in_a_spreadsheet_is_text(wang, story):
    files = export_of(wang)

    report = files["reports.csv"].decode().splitlines()[1]
    assert '"\'=HYPERLINK(""//evil"",""井盖"")",{},东门,-28.25,112.5,' in report
    assert files["attendances.csv"].decode().rstrip().endswith(",'+没有来")
    assert files["log_ins.csv"].decode().rstrip().endswith(",203.0.113.7,'@evil 1.0")
    assert json.loads(files["reports.json"])[0]["text"] == FORMULA


def test_a_clerk_gets_what_they_did_and_no_customer(chen, story):
    files = export_of(chen)

    employment = one(MerchantMember, user=chen)
    assert json.loads(files["employments.json"]) == [
        {
            "id": str(employment.pk),
            "merchant": "茶馆",
            "role": "clerk",
            "since_at": when(employment.since_at),
            "ended_at": None,
        }
    ]
    assert json.loads(files["scans.json"]) == [
        {
            "id": str(scan.pk),
            "community": "lake",
            "merchant": "茶馆",
            "outcome": "redeemed",
            "scanned_at": when(scan.scanned_at),
        }
        for scan in ScanAttempt.objects.order_by("pk")
    ]


def test_nobody_else_is_in_it(wang, li, zhao, chen, story):
    handling.accept(report=one(Report, reporter=li), handler=zhao)
    OwnAct.objects.create(
        actor=zhao, action="person.erase", target_type="person", target_id=str(li.pk)
    )
    cast = (wang, li, zhao, chen)

    for person in cast:
        written = b"".join(export_of(person).values()).decode("utf-8", "replace")
        assert person.name in written
        assert person.phone in written
        for other in cast:
            if other != person:
                for theirs in (other.name, other.phone, str(other.pk), other.pk.hex):
                    assert theirs not in written, (person, other)
        for secret in ("secret-of", "o6-", person.password, person.phone_digest):
            assert secret not in written


def test_whatever_refers_to_a_person_is_told_or_left_out_for_a_reason():
    told = held.TOLD_ELSEWHERE | {
        f"{table.model._meta.label}.{field}"
        for table in held.TABLES
        for field in table.whose
        if "__" not in field  # a path to whose it is, over another table
    }

    found = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models(include_auto_created=True)
        if not model._meta.proxy
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey) and field.related_model is User
    }

    assert not told & set(held.LEFT_OUT)
    assert found == told | set(held.LEFT_OUT)


def test_long_tables_are_read_a_page_at_a_time(wang, story, monkeypatch):
    whole = export_of(wang)
    Export.objects.all().delete()
    monkeypatch.setattr(held, "PAGE", 2)

    paged = export_of(wang)

    same = {"transfers.json", "transfers.csv", "attendances.json", "awards.csv", "earned.json"}
    assert {name: paged[name] for name in same} == {name: whole[name] for name in same}


@pytest.mark.slow
def test_ten_times_as_much_takes_no_more_memory(wang, patrol, monkeypatch):
    page = 100 if IS_LONG else 20
    monkeypatch.setattr(held, "PAGE", page)

    def peak(more):
        shifts = Shift.objects.bulk_create(
            Shift(
                community=patrol.community,
                activity=patrol.activity,
                starts_at=patrol.starts_at,
                ends_at=patrol.ends_at,
            )
            for _ in range(more)
        )
        Attendance.objects.bulk_create(
            Attendance(community=patrol.community, shift=shift, volunteer=wang) for shift in shifts
        )
        with tempfile.TemporaryFile() as file:
            tracemalloc.start()
            archive.write(file, wang)
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        return most

    peak(1)  # what is imported and compiled once
    little = peak(3 * page - 1)

    # The better of two: cycles are freed now or then.
    assert min(peak(27 * page), peak(1)) < 1.2 * little


# --- asking for it, and fetching it -----------------------------------------------------------
@pytest.fixture
def ready(wang):
    """An export of 王小明's that can be fetched."""
    export = exports.ask(user=wang, language="en")
    outbox.attempt("export", pk=export.pk)
    export.refresh_from_db()
    return export


def test_its_person_is_told_by_their_community_that_it_is_there(ready, wang, lake):
    told = Notice.objects.get()

    assert (told.kind, told.recipient, told.community) == ("export_ready", wang, lake)
    assert (told.target_id, told.stale_at) == (None, ready.expires_at)


def test_who_belongs_nowhere_gets_one_as_well(person, lake):
    nobody = person("nobody")
    export = exports.ask(user=nobody, language="en")

    assert outbox.attempt("export", pk=export.pk)
    assert not Notice.objects.exists()


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_it_is_asked_for_made_by_a_task_and_fetched_by_a_link(wang, logged_in):
    caller = logged_in(wang)
    none = caller.get("/api/v1/me/export")
    asked = caller.post("/api/v1/me/export", headers=ENGLISH)
    again = caller.post("/api/v1/me/export")

    sweep_outbox()
    sweep_outbox()
    told = caller.get("/api/v1/me/export")

    export = Export.objects.get()
    assert (none.status_code, none.json()["code"]) == (404, "export_unknown")
    assert asked.status_code == again.status_code == 202
    assert asked.json() == again.json()
    pending = {
        "id": str(export.pk),
        "state": "pending",
        "requested_at": utc(export.requested_at),
        "finished_at": None,
        "expires_at": None,
        "size_bytes": None,
        "download_url": None,
    }
    assert asked.json() == pending
    assert (export.language, export.expires_at - export.finished_at) == ("en", timedelta(hours=24))
    link = told.json()["download_url"]
    assert told.json() == pending | {
        "state": "ready",
        "finished_at": utc(export.finished_at),
        "expires_at": utc(export.expires_at),
        "size_bytes": default_storage.size(export.file_name),
        "download_url": link,
    }
    assert caller.post("/api/v1/me/export").json()["id"] == str(export.pk)

    with default_storage.open(export.file_name) as file:
        content = file.read()
    fetched = APIClient().get(link)

    assert link.startswith(f"http://testserver/api/v1/exports/{export.pk}?token=")
    assert fetched.status_code == 200
    assert fetched["Content-Type"] == "application/zip"
    assert fetched["Content-Disposition"] == 'attachment; filename="linli.zip"'
    assert fetched["Cache-Control"] == "no-store"
    assert fetched.getvalue() == content
    written = OwnAct.objects.filter(target_type="export").order_by("pk")
    assert list(written.values_list("action", "target_id", "actor")) == [
        ("export.ask", str(export.pk), wang.pk),
        ("export.fetch", str(export.pk), None),
    ]


def utc(moment):
    return moment.isoformat().replace("+00:00", "Z")


def of_another(export, token):
    other = exports.ask(user=User.objects.create(username="other"), language="en")
    return exports.link_token(other)


def renamed(export, token):
    return token.replace(export.pk.hex, "0" * 32)


def a_day_old(export, token):
    class Yesterday(TimestampSigner):
        def timestamp(self):
            return b62_encode(int(timezone.now().timestamp()) - 24 * 3600 - 1)

    return Yesterday(salt=exports._signer.salt).sign(token.rsplit(":", 2)[0])


def expired(export, token):
    Export.objects.filter(pk=export.pk).update(expires_at=timezone.now())
    return token


def lost(export, token):
    default_storage.delete(export.file_name)
    return token


def logged_out(export, token):
    sessions.end_all(user=export.user)
    return token


def forgotten(export, token):
    exports.discard(export.user)
    return token


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda export, token: "", "export_unknown"),
        (lambda export, token: token[:-1], "export_unknown"),
        (lambda export, token: str(export.pk), "export_unknown"),
        (lambda export, token: TimestampSigner().sign(token[:34]), "export_unknown"),
        (of_another, "export_unknown"),
        (renamed, "export_unknown"),
        (a_day_old, "export_expired"),
        (expired, "export_expired"),
        (lost, "export_expired"),
        (logged_out, "export_unknown"),
        (forgotten, "export_unknown"),
    ],
)
def test_a_link_opens_one_file_for_a_day(ready, spoil, code):
    address, token = f"/api/v1/exports/{ready.pk}", exports.link_token(ready)
    assert APIClient().get(address, {"token": token}).status_code == 200

    answer = APIClient().get(address, {"token": spoil(ready, token)})

    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_each_gets_their_own_with_or_without_the_link(wang, li, ready, logged_in):
    theirs = exports.ask(user=li, language="en")
    early = logged_in(li).get(f"/api/v1/exports/{theirs.pk}")
    outbox.attempt("export", pk=theirs.pk)

    told = {user: logged_in(user).get("/api/v1/me/export").json() for user in (wang, li)}

    assert (early.status_code, early.json()["code"]) == (409, "export_pending")
    assert (told[wang]["id"], told[li]["id"]) == (str(ready.pk), str(theirs.pk))
    for user, other in ((wang, li), (li, wang)):
        own, another = told[user], told[other]
        link = APIClient().get(own["download_url"])
        with zipfile.ZipFile(io.BytesIO(link.getvalue())) as unpacked:
            assert json.loads(unpacked.read("profile.json"))["id"] == str(user.pk)
        assert logged_in(user).get(f"/api/v1/exports/{own['id']}").status_code == 200
        assert logged_in(user).get(f"/api/v1/exports/{another['id']}").status_code == 404


@pytest.mark.parametrize("spoil", [expired, lost])
def test_once_it_is_gone_another_can_be_asked_for(ready, logged_in, spoil):
    spoil(ready, None)
    caller = logged_in(ready.user)

    told = caller.get("/api/v1/me/export").json()
    asked = caller.post("/api/v1/me/export").json()

    assert (told["id"], told["state"], told["download_url"]) == (str(ready.pk), "expired", None)
    assert (asked["id"] == str(ready.pk), asked["state"]) == (False, "pending")


def test_files_that_nobody_can_fetch_are_removed_at_night(wang, li, settings, tmp_path):
    disk = {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    settings.MEDIA_ROOT, settings.STORAGES = tmp_path, settings.STORAGES | {"default": disk}
    made, pending = (exports.ask(user=user, language="en") for user in (wang, li))
    assert outbox.attempt("export", pk=made.pk)
    made.refresh_from_db()
    (file,) = tmp_path.glob("exports/*")

    assert re.fullmatch("[0-9a-f]{32}.zip", file.name)
    assert file.stat().st_size == made.size_bytes
    assert exports.remove_expired(now=made.expires_at - timedelta(seconds=1)) == 0
    assert file.exists()
    assert exports.remove_expired(now=made.expires_at) == 1
    assert exports.remove_expired(now=made.expires_at) == 0

    made.refresh_from_db()
    assert made.removed_at
    assert not file.exists()
    assert outbox.attempt("export", pk=pending.pk)
    assert not outbox.attempt("export", pk=made.pk)


def test_what_a_killed_worker_left_is_replaced(wang):
    export = exports.ask(user=wang, language="en")
    default_storage.save(export.file_name, ContentFile(b"half of it"))

    assert outbox.attempt("export", pk=export.pk)

    with default_storage.open(export.file_name) as file:
        assert zipfile.ZipFile(file).testzip() is None


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_makes_it_and_two_taps_are_one_export(wang, at_once):
    asked = at_once(3, lambda _: exports.ask(user=wang, language="en").pk)
    made = at_once(3, lambda _: outbox.attempt("export", pk=asked[0]))

    assert len(set(asked)) == Export.objects.count() == 1
    assert sorted(made) == [False, False, True]
