"""The audit trail is written with the act, stands or falls with it, and is never changed."""

import json
from datetime import UTC, date, datetime

import pytest
from django.db import DatabaseError, connection, transaction

from backend.audit import services as trail
from backend.audit.models import AuditEntry
from backend.request_id import HEADER
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement
from volunteers.attendance.services import hours
from volunteers.models import Attendance
from volunteers.reports.services import handling, submitting


@pytest.fixture
def waiting(wang, served):
    return served(wang, "2024-03-01 07:00", "2024-03-01 09:00")


def test_an_entry_says_who_what_before_after_and_in_which_request(lake, waiting, zhao, logged_in):
    caller = logged_in(zhao)

    answer = caller.post(
        f"/api/v1/attendances/{waiting.pk}/verify", headers={"Idempotency-Key": "once"}
    )
    hours.verify(attendance=waiting, verifier=zhao)  # again: nothing is done, nothing written

    entry = AuditEntry.objects.get(action="attendance.verify")
    assert (entry.community, entry.actor, entry.target_type) == (lake, zhao, "attendance")
    assert entry.target_id == str(waiting.pk)
    assert entry.before == {"status": "checked_out"}
    assert entry.after == {"status": "verified", "worked_minutes": 120}
    assert entry.request_id == answer[HEADER]


def test_every_act_of_staff_on_a_record_is_there_without_a_name(
    lake, wang, zhao, li, chen, tea, grant_points
):
    facts = {"category": "hazard", "text": "井盖松动"}
    first, second = (submitting.submit(community=lake, reporter=wang, **facts) for _ in range(2))
    handling.accept(report=first, handler=zhao)
    handling.close(report=first, handler=zhao)
    handling.reject(report=second, handler=zhao, answer="不属实")
    grant_points(wang, 30)
    voucher = redemption.take(offer=tea, volunteer=wang)
    scanned_at = datetime(2024, 3, 5, tzinfo=UTC)
    redemption.scan(
        merchant_id=tea.partnership.merchant.pk, clerk=chen, code=voucher.code, now=scanned_at
    )
    (statement,) = settlement.draft(
        community=lake,
        period_start=date(2024, 3, 1),
        period_end=date(2024, 4, 1),
        drafted_by=zhao,
    )
    settlement.approve(statement=statement, approver=li)
    settlement.mark_paid(statement=statement, payer=zhao)

    entries = AuditEntry.objects.filter(community=lake, actor__isnull=False).order_by("pk")

    assert [(e.action, e.before.get("status"), e.after["status"]) for e in entries] == [
        ("report.accept", "submitted", "accepted"),
        ("report.close", "accepted", "closed"),
        ("report.reject", "submitted", "rejected"),
        ("statement.draft", None, "draft"),
        ("statement.approve", "draft", "approved"),
        ("statement.pay", "approved", "paid"),
    ]
    written = json.dumps([[e.before, e.after] for e in entries], ensure_ascii=False)
    for personal in (wang.name, zhao.name, wang.phone, "井盖", "不属实"):
        assert personal not in written


def test_what_is_undone_was_never_done(waiting, zhao):
    with transaction.atomic():
        hours.reject(attendance=waiting, verifier=zhao, reason="没有来")
        transaction.set_rollback(True)

    assert not AuditEntry.objects.filter(action="attendance.reject").exists()
    assert Attendance.objects.get(pk=waiting.pk).status == "checked_out"


@pytest.mark.django_db(transaction=True)
def test_nothing_is_recorded_outside_of_the_transaction_that_does_it(lake):
    with pytest.raises(RuntimeError, match=r"lake\.drain"):
        trail.record("lake.drain", actor=None, target=lake)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_auditentry SET action = 'x'",
        "DELETE FROM audit_auditentry",
        "UPDATE audit_ownact SET action = 'x'",
        "DELETE FROM audit_ownact",
    ],
)
def test_the_database_lets_nobody_change_an_entry(waiting, zhao, change):
    hours.verify(attendance=waiting, verifier=zhao)
    trail.record("person.rename", actor=zhao, target=zhao)

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(change)
