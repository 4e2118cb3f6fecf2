"""Verified, closed, redeemed and paid rows stay: the database refuses changes by raw SQL."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import DatabaseError, connection, transaction

from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement
from volunteers.attendance.services import hours
from volunteers.reports.services import handling, submitting

NOON = datetime(2024, 3, 2, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
CHANGES = [
    "UPDATE volunteers_attendance SET worked_minutes = 1",
    "UPDATE volunteers_attendance SET status = 'checked_out'",
    "DELETE FROM volunteers_attendance",
    "UPDATE volunteers_report SET status = 'submitted', closed_at = NULL, closed_by_id = NULL",
    "DELETE FROM volunteers_report",
    "UPDATE merchants_redemption SET closed_at = now()",
    "UPDATE merchants_redemption SET redeemed_by_id = volunteer_id",
    "UPDATE merchants_redemption SET status = 'held', transfer_id = NULL, statement_id = NULL",
    "DELETE FROM merchants_redemption",
    "UPDATE merchants_statement SET payment_reference = 'bank-2'",
    "UPDATE merchants_statement SET status = 'approved', paid_at = NULL",
    "DELETE FROM merchants_statement",
    "UPDATE merchants_scanattempt SET outcome = 'code_unknown'",
    "DELETE FROM merchants_scanattempt",
    "UPDATE points_rule SET category = 'z'",
    "TRUNCATE points_award CASCADE",
    "TRUNCATE points_ruleversion CASCADE",
]


@pytest.fixture
def done(lake, wang, zhao, chen, tea, grant_points, person, served):
    """One of each: verified hours, a closed report, a redeemed voucher, a paid statement."""
    grant_points(wang, 100)
    voucher = redemption.take(offer=tea, volunteer=wang, now=NOON)
    merchant = tea.partnership.merchant
    redemption.scan(merchant_id=merchant.pk, clerk=chen, code=voucher.code, now=NOON)
    (statement,) = settlement.draft(
        community=lake,
        period_start=date(2024, 3, 1),
        period_end=date(2024, 4, 1),
        drafted_by=person("qian"),
    )
    settlement.approve(statement=statement, approver=zhao)
    settlement.mark_paid(
        statement=statement, payer=statement.drafted_by, payment_reference="bank-1"
    )
    hours.verify(attendance=served(wang, "2024-03-01 10:00", "2024-03-01 12:00"), verifier=zhao)
    seen = {"category": "hazard", "text": "井盖松动", "latitude": 30.5, "longitude": 114.3}
    handling.close(report=submitting.submit(community=lake, reporter=wang, **seen), handler=zhao)


def test_it_stays(done, subtests):
    for statement in CHANGES:
        with subtests.test(statement), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as if the fixtures had committed
            with pytest.raises(
                DatabaseError, match=r"Cannot (update|delete)|Invalid transition|stays"
            ):
                cursor.execute(statement)
            transaction.set_rollback(True)
