"""Promises of apps about their tables: nothing that breaks them passes unseen.

The tampering is a superuser's with the triggers off, in a town in which everything has happened.
"""

import re
from datetime import timedelta

import pytest
from django.db import transaction

from backend.communities.models import Community
from backend.registries import events
from backend.registries.checks import Scope, registered
from backend.top.scenarios import demo
from points.models import Transfer
from tests.backend.town import live_on
from tests.verified import found_in, looked_into, triggers_off
from tests.year import part_of_the_year

# Other tests may register kinds of their own later.
KINDS = {kind.name for kind in events.registered()}


@pytest.fixture
def lake(town) -> Community:
    return live_on()


def test_nothing_is_found_in_a_town_in_which_everything_has_happened(lake):
    assert found_in(lake) == []
    assert found_in(Community.objects.get(code="hill")) == []
    kinds = {one.source.partition(":")[0] for one in Transfer.objects.filter(community=lake)}
    assert kinds - {"test"} == KINDS - {"test", "undo"}


def test_the_books_tell_the_event_behind_every_transfer(lake, town, client):
    """An auditor clicks from a line to its event in words, and on to what can be opened."""
    page, lines = "/api/v1/communities/lake/transfers", []
    while page:
        answer = client.get(page, headers=town.headers["auditor"]).json()
        lines += answer["results"]
        page = answer["next"]

    told = {}
    for line in lines:
        kind, event = line["source"].partition(":")[0], line["event"]
        assert event["kind"] == kind
        assert (event["amount"] or line["amount"], event["reason"]) == (
            line["amount"],
            line["reason"],
        )
        told[kind] = event["words"], sorted(event["ids"])
    yesterday = lake.today - timedelta(days=1)
    year = lake.today.year - 1
    a_voucher = ["merchant_id", "offer_id", "voucher_id"]
    assert {kind: said for kind, said in told.items() if kind != "test"} == {
        "hours": ("邻里服务", ["attendance_id"]),
        "report": ("安全隐患", ["report_id"]),
        "confirmation": ("附议：安全隐患", ["report_id"]),
        "opening": ("期初余额", ["adjustment_id"]),
        "passing": ("同一人两份档案之间的积分转移", ["merge_id"]),
        "correction": ("更正", ["adjustment_id"]),
        "void": ("已作废：不在场", ["attendance_id"]),
        "expiry": (f"于 {yesterday} 日终过期", []),
        "fund_top_up": ("拨款", ["fund_id"]),
        "fund_claim": ("支付：安全隐患", ["claim_id", "fund_id"]),
        "recovery": ("已退回：收据 1", ["claim_id"]),
        "fund_carried_over": (f"由 {year} 年结转", ["fund_id"]),
        "fund_returned": ("年终退回", ["fund_id"]),
        "redemption": ("茶馆: 一壶茶 × 1", a_voucher),
        "refund": ("茶馆: 一壶茶 × 1", a_voucher),
        "settlement": (f"茶馆 {year + 1}-0001", ["merchant_id", "statement_id"]),
        "donation": ("助老", ["campaign_id"]),
        "disbursement": ("助老: 米", ["campaign_id"]),
        "wish": ("一辆自行车", ["wish_id"]),
    }


@pytest.mark.slow
def test_nothing_is_found_in_the_demo(db, tmp_path, monkeypatch):
    year = part_of_the_year(tmp_path / "bishahu", of=88, kept=[1, 3])
    monkeypatch.setattr(demo, "SCENARIO", year)

    demo.load(home=tmp_path, tell=str, watch=iter)

    assert found_in(Community.objects.get(code=demo.CODE)) == []


ANOTHER = "(SELECT id FROM accounts_user WHERE username = 'street_staff')"
OF = "community_id = (SELECT id FROM communities_community WHERE code = 'lake')"
REDEEMED = f"{OF} AND status = 'redeemed' AND refunded_quantity = 0"
ONE = "(SELECT id FROM {} WHERE {} ORDER BY id LIMIT 1)"
A_VOUCHER = ONE.format("merchants_redemption", REDEEMED)
A_STATEMENT = ONE.format("merchants_statement", f"{OF} AND status = 'draft'")


def moved(column, by):
    """Return SQL of another moment, whatever the session's time zone: a cluster asks for that."""
    return f"({column} AT TIME ZONE 'UTC' + interval '{by}') AT TIME ZONE 'UTC'"


def one(table, change, of_them="true"):
    """Change the first of a table's rows; answers its id."""
    row = ONE.format(table, f"{OF} AND {of_them}")
    return f"UPDATE {table} SET {change} WHERE id = {row} RETURNING id"


def of_first(kind):
    """Return SQL of the wallet that the first transfer of a kind takes from."""
    return ONE.replace("id", "debit_id", 1).format(
        "points_transfer", f"{OF} AND source LIKE '{kind}:%'"
    )


def of(kind, change, of_them="true"):
    return one("points_transfer", change, f"source LIKE '{kind}:%' AND {of_them}")


# What is done, the row that is named, and what is said of it. The statement answers the row's id.
TAMPERING = {
    # --- sources, and events -------------------------------------------------------------------
    "points posted with no award behind them": (
        f"""
            INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount, reason,
                source, explanation, occurred_at)
            SELECT uuid7(), community_id, 'hours:' || credit_id, debit_id, credit_id, 5, 'hours',
                'hours:' || credit_id, explanation, occurred_at
            FROM points_transfer WHERE {OF} AND reason = 'hours' LIMIT 1 RETURNING id
        """,
        ["sources: points_transfer <row>: its source hours:… opens nothing"],
    ),
    "points posted out of nothing": (
        of("opening", "source = 'present:1'"),
        [
            "events: points_award …: what it moved, …, is said to be of present:1",
            "sources: points_transfer <row>: its source is present:1, and there is no such kind",
        ],
    ),
    "a second transfer of one redemption": (
        f"""
            INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount, reason,
                source, explanation, occurred_at)
            SELECT uuid7(), community_id, source || ':again', debit_id, credit_id, amount, reason,
                source, explanation, occurred_at
            FROM points_transfer WHERE {OF} AND reason = 'redemption' LIMIT 1 RETURNING id
        """,
        ["sources: points_transfer <row>: redemption:… moved points under the key redemption:…"],
    ),
    "another amount": (
        of("donation", "amount = amount + 1"),
        ["sources: points_transfer <row>: it is of 6, donation:… of 5"],
    ),
    "another reason": (
        of("settlement", "reason = 'gift'"),
        ["sources: points_transfer <row>: its reason is gift, that of settlement:… is settlement"],
    ),
    "another moment": (
        of("redemption", f"occurred_at = {moved('occurred_at', '1 day')}"),
        ["sources: points_transfer <row>: it occurred at"],
    ),
    "another wallet": (
        of(
            "redemption",
            f"debit_id = (SELECT a.id FROM points_account a WHERE a.kind = 'wallet' AND a.{OF}"
            f" AND a.id <> {of_first('redemption')} AND a.credits = 50 LIMIT 1)",
        ),
        ["sources: points_transfer <row>: it takes from wallet person:…"],
    ),
    "points of a top-up that go elsewhere": (
        of(
            "fund_top_up",
            "credit_id = (SELECT account_id FROM points_fund"
            f" WHERE {OF} AND name = '旧红包' LIMIT 1)",
            "amount = 900",
        ),
        ["sources: points_transfer <row>: it brings to fund fund:…"],
    ),
    "a deleted donation": (
        f"DELETE FROM merchants_donation WHERE {OF} RETURNING transfer_id",
        ["sources: points_transfer <row>: its source donation:… opens nothing"],
    ),
    "a deleted award": (
        "DELETE FROM points_award WHERE kind = 'correction' RETURNING transfer_id",
        ["sources: points_transfer <row>: its source correction:… opens nothing"],
    ),
    "a deleted refund": (
        f"DELETE FROM merchants_refund WHERE {OF} AND quantity = 2 RETURNING reversal_id",
        [
            "refunds: merchants_redemption …: its refunds are other pieces than it counts: 1, it",
            "sources: points_reversal <row>: its source refund:… opens nothing",
        ],
    ),
    "a deleted transfer": (
        f"""
            WITH gone AS (
                DELETE FROM points_transfer WHERE {OF} AND reason = 'campaign' RETURNING id
            )
            SELECT d.id FROM merchants_disbursement d JOIN gone ON gone.id = d.transfer_id
        """,
        ["events: merchants_disbursement <row>: it should have moved 1, and nothing has the key"],
    ),
    "two redemptions that name one transfer": (
        f"""
            UPDATE merchants_redemption SET transfer_id = (
                SELECT transfer_id FROM merchants_redemption
                WHERE {REDEEMED} ORDER BY id DESC LIMIT 1
            ) WHERE id = {A_VOUCHER} RETURNING id
        """,
        [
            "events: merchants_redemption <row>: it names … as what it moved, and that is …",
            "sources: points_transfer …: redemption:… names … as what it moved",
        ],
    ),
    "a voucher redeemed for nothing": (
        one(
            "merchants_redemption",
            "status = 'redeemed', closed_at = now(), transfer_id = hold_id",
            "status = 'held' AND price_points = 30",
        ),
        [
            "events: merchants_redemption <row>: it should have moved 30, and nothing has the key",
            "handed_out: merchants_redemption <row>: it is redeemed, and nobody brought it",
            "vouchers: merchants_redemption <row>: it is redeemed, its hold held",
        ],
    ),
    "a wish that is delivered no more": (
        one(
            "merchants_wish",
            "status = 'withdrawn', donor_id = NULL, hold_id = NULL",
            "status = 'delivered'",
        ),
        ["sources: points_transfer …: wish:… is there, and has moved nothing"],
    ),
    "a claim that was never paid": (
        one("points_claim", "status = 'released', set_off = NULL"),
        ["sources: points_transfer …: fund_claim:… is there, and has moved nothing"],
    ),
    "a fund that returned more": (
        one("points_fund", "ended_amount = ended_amount + 1", "ending = 'returned'"),
        [
            "fund_decisions: points_fund <row>: it ended as returned with 41, the trail says",
            "sources: points_transfer …: it is of 40, fund_returned:… of 41",
        ],
    ),
    "a reversal's reason": (
        one("points_reversal", "reason = 'gift'", "reason = 'refund'"),
        [
            "sources: points_reversal <row>: its reason is gift, that of refund:… is refund",
            "sources: points_transfer …: it says refund of refund:…, its reversal … says gift",
        ],
    ),
    "a reversal's transfer that is another's": (
        of("refund", "source = 'refund:' || id::text"),
        ["sources: points_transfer <row>: it says refund of refund:…, its reversal …"],
    ),
    "a part of a reversal that is more than it": (
        f"""
            INSERT INTO points_reversal (id, community_id, key, transfer_id, account_id, amount,
                recovered, reason, source, explanation, occurred_at)
            SELECT uuid7(), community_id, 'reversal:' || id || ':expired:1', transfer_id,
                account_id, amount + 1, recovered + 1, reason, source, explanation, occurred_at
            FROM points_reversal WHERE {OF} AND reason = 'refund' LIMIT 1
            RETURNING split_part(key, ':', 2)
        """,
        ["sources: points_reversal <row>: it is of 30, its parts of what expired come to 31"],
    ),
    "a deleted void": (
        f"DELETE FROM points_void WHERE {OF} AND award_id IN (SELECT id FROM points_award WHERE"
        " kind = 'report') RETURNING reversal_id",
        ["sources: points_reversal <row>: its source void:… opens nothing"],
    ),
    "a hold of more": (
        one("points_hold", "amount = amount + 1", "source LIKE 'redemption:%' AND state = 'held'"),
        [
            "sources: points_hold <row>: it is of 51, redemption:… of 50",
            "vouchers: merchants_redemption …: it costs 50 points, its hold set 51 aside",
        ],
    ),
    "an expiry of more": (
        of("expiry", "amount = amount + 1"),
        ["losses: points_transfer <row>: it took 10, there were"],
    ),
    "an expiry of another wallet": (
        of(
            "expiry",
            "source = 'expiry:' || (SELECT e.id::text FROM points_earned e JOIN points_account a"
            f" USING (community_id) WHERE {OF} AND a.id = e.account_id AND a.kind = 'wallet'"
            f" AND a.id <> {of_first('expiry')} LIMIT 1)",
        ),
        ["sources: points_transfer <row>: it takes from wallet"],
    ),
    # --- funds -----------------------------------------------------------------------------------
    "from where on a fund's claims are approved": (
        one(
            "points_fund",
            "approval_above = 999999",
            "ending IS NULL AND approval_above IS NOT NULL",
        ),
        ["fund_decisions: points_fund <row>: it is 红包"],
    ),
    "who opened a fund": (
        one("points_fund", f"opened_by_id = {ANOTHER}", "ending IS NULL"),
        ["fund_decisions: points_fund <row>: it was opened by …, the trail says …"],
    ),
    "who ended a fund": (
        one("points_fund", f"ended_by_id = {ANOTHER}", "ending = 'returned'"),
        ["fund_decisions: points_fund <row>: it was ended by …, the trail says …"],
    ),
    "who put money into a fund": (
        one("points_topup", f"topped_up_by_id = {ANOTHER}", "amount = 40"),
        ["fund_decisions: points_topup <row>: … put 40 into it, and the trail does not say so"],
    ),
    "who approved a claim": (
        one("points_claim", f"approved_by_id = {ANOTHER}"),
        ["fund_decisions: points_claim <row>: it was approved by …, the trail says …"],
    ),
    # --- what the trail tells of ---------------------------------------------------------------
    "a deleted payout": (
        f"DELETE FROM payouts_payout WHERE {OF} RETURNING id",
        ["on_record: payouts_payout <row>: it is gone; the trail tells of it (payout.order)"],
    ),
    "a deleted wish": (
        f"DELETE FROM merchants_wish WHERE {OF} AND status = 'published' RETURNING id",
        ["on_record: merchants_wish <row>: it is gone; the trail tells of it (wish."],
    ),
    "a deleted gift": (
        f"DELETE FROM merchants_sponsorship WHERE {OF} RETURNING id",
        ["on_record: merchants_sponsorship <row>: it is gone; the trail tells of it (sponsorship."],
    ),
    # --- money ---------------------------------------------------------------------------------
    "a redemption's amount_fen times a thousand": (
        one("merchants_redemption", "amount_fen = amount_fen * 1000", REDEEMED),
        [
            "vouchers: merchants_redemption <row>: it costs 30 points and amount_fen is 300000,"
            " should be 30 and 300"
        ],
    ),
    "a redemption's price": (
        one("merchants_redemption", "price_points = 29", f"{REDEEMED}"),
        [
            "sources: points_hold …: it is of 30, redemption:… of 29",
            "sources: points_transfer …: it is of 30, redemption:… of 29",
            "vouchers: merchants_redemption <row>: it costs 29 points, its hold set 30 aside",
        ],
    ),
    "the rate that a voucher was taken at": (
        one("merchants_redemption", "fen_per_point = 11", REDEEMED),
        ["vouchers: merchants_redemption <row>: it was taken at 11 fen a point"],
    ),
    "the version of a voucher's contract": (
        one("merchants_redemption", "terms_version = 2", REDEEMED),
        ["vouchers: merchants_redemption <row>: version 2 of its contract did not count on"],
    ),
    "who handed out": (
        one("merchants_redemption", f"redeemed_by_id = {ANOTHER}", REDEEMED),
        ["handed_out: merchants_redemption <row>: … handed it out, the scan says …"],
    ),
    "a refund's amount_fen": (
        one("merchants_refund", "amount_fen = amount_fen + 1"),
        ["refunds: merchants_refund <row>: amount_fen is 301, should be 300"],
    ),
    "a refund's points": (
        one("merchants_refund", "points = points - 1"),
        [
            "refunds: merchants_refund <row>: points is 29, should be 30",
            "sources: points_reversal …: it is of 30, refund:… of 29",
        ],
    ),
    "who refunded": (
        one("merchants_refund", f"refunded_by_id = {ANOTHER}"),
        ["refunds: merchants_refund <row>: … refunded 1 pieces for 30 points, and the trail"],
    ),
    "a line in a statement of another period": (
        one(
            "merchants_redemption",
            f"statement_id = (SELECT id FROM merchants_statement WHERE {OF}"
            " ORDER BY period_end LIMIT 1)",
            f"{REDEEMED} AND statement_id IS NULL",
        ),
        ["lines: merchants_redemption <row>: it is of …, its statement … ends on 2024-02-01"],
    ),
    "a line in no statement": (
        "WITH later AS (UPDATE merchants_statement"
        f" SET drafted_at = {moved('drafted_at', '7 h')})"
        + one("merchants_redemption", "statement_id = NULL", REDEEMED),
        [
            "lines: merchants_redemption <row>: it is in no statement, and one of its partner until"
            " a later day was drafted"
        ],
    ),
    "a draft's amount": (
        one("merchants_statement", "amount_fen = amount_fen * 1000", "status = 'questioned'"),
        [
            "decisions: merchants_statement <row>: it says 30 points and 300000 fen, it was drafted"
            " with 30 and 300"
        ],
    ),
    "who approved a statement": (
        one("merchants_statement", f"approved_by_id = {ANOTHER}", "status = 'approved'"),
        ["decisions: merchants_statement <row>: it was approved by …, the trail says …"],
    ),
    "a draft that nobody approved": (
        one(
            "merchants_statement",
            f"status = 'approved', approved_at = now(), approved_by_id ="
            f" {ANOTHER}, number_year = 2024, number_in_year = 9, digest = repeat('0', 64)",
            "status = 'questioned'",
        ),
        ["decisions: merchants_statement <row>: it is approved, the trail says draft"],
    ),
    "who paid a statement": (
        one("merchants_statement", f"paid_by_id = {ANOTHER}", "status = 'paid'"),
        ["decisions: merchants_statement <row>: it was paid by …, the trail says …"],
    ),
    "a statement more in a batch for the bank": (
        f"""
            INSERT INTO merchants_bankbatchline (id, community_id, batch_id, statement_id, payee,
                bank, account_encrypted)
            SELECT uuid7(), b.community_id, b.id, {A_STATEMENT}, '周', '', ''
            FROM merchants_bankbatch b WHERE b.{OF} RETURNING batch_id
        """,
        ['bank_batches: merchants_bankbatch <row>: it is of statements ["…", "…"], the trail says'],
    ),
    "a batch's statement that is due more": (
        one("merchants_statement", "carried_fen = -1", "status = 'paid'"),
        [
            "bank_batches: merchants_bankbatch …: its statements come to 299 fen, the bank was told"
            " 300"
        ],
    ),
    "who made a batch": (
        one("merchants_bankbatch", f"made_by_id = {ANOTHER}"),
        ["bank_batches: merchants_bankbatch <row>: it was made by …, the trail says …"],
    ),
    "a line of a batch that is freed": (
        one("merchants_bankbatchline", "freed_at = now()"),
        ['bank_batches: merchants_bankbatch …: statements ["…"] are freed, the trail says []'],
    ),
    "a payout's amount": (
        one("payouts_payout", "amount_fen = amount_fen * 10"),
        [
            "payouts: payouts_payout <row>: it pays 3000 fen for statement:…, it was ordered with",
            "statement_payouts: payouts_payout <row>: amount_fen is 3000, statement:… is due 300",
        ],
    ),
    "a payout's amount, and the trail with it": (
        f"""
            WITH told AS (
                UPDATE audit_auditentry SET after = after || '{{"amount_fen": 3000}}'
                WHERE action = 'payout.order'
            )
            UPDATE payouts_payout SET amount_fen = 3000 WHERE {OF} RETURNING id
        """,
        [
            "payouts: payouts_payout <row>: WeChat was told number … and 300 fen, should be",
            "statement_payouts: payouts_payout <row>: amount_fen is 3000, statement:… is due 300",
        ],
    ),
    "what WeChat is told": (
        one(
            "payouts_payout",
            "sent_parameters = jsonb_set(sent_parameters, '{transfer_amount}', '3000')",
        ),
        ["payouts: payouts_payout <row>: WeChat was told number … and 3000 fen, should be"],
    ),
    "the WeChat account that is paid": (
        one("payouts_payout", "openid = 'o6_somebody'"),
        ["payouts: payouts_payout <row>: it goes to a WeChat account that is not its payee's"],
    ),
    "who is paid": (
        one("payouts_payout", f"payee_id = {ANOTHER}"),
        ["statement_payouts: payouts_payout <row>: its payee … was no owner of merchant …"],
    ),
    "whose a payout is": (
        one("payouts_payout", "holder = 'merchant:1'"),
        ["statement_payouts: payouts_payout <row>: it is for merchant:1, statement:… of merchant"],
    ),
    "who ordered a payout": (
        one("payouts_payout", f"ordered_by_id = {ANOTHER}"),
        ["payouts: payouts_payout <row>: it was ordered by …, the trail says …"],
    ),
    "a payout that is said to have ended": (
        one(
            "payouts_payout",
            "status = 'succeeded', openid = '', sent_parameters = '{}',"
            " package_info = '', finished_at = now(), next_at = NULL",
        ),
        [
            "payouts: payouts_payout <row>: it is succeeded, the trail says that it has not ended",
            "statement_payouts: payouts_payout <row>: it succeeded, and statement:… is approved",
        ],
    ),
    "a contract's rate": (
        one(
            "merchants_terms",
            "fen_per_point = 15",
            f"version = 1 AND partnership_id = (SELECT"
            f" partnership_id FROM merchants_redemption WHERE {REDEEMED} LIMIT 1)",
        ),
        [
            "rates: merchants_terms <row>: it is per_point from the first day, with 15 fen a point"
            " and a share of nothing; the trail says per_point from the first day, with 10",
            "vouchers: merchants_redemption …: it was taken at 10 fen a point, version 1 of its"
            " contract says 15",
        ],
    ),
    "a contract's day": (
        one("merchants_terms", "valid_from = '2099-01-01'", "version = 2"),
        ["rates: merchants_terms <row>: it is donated from 2099-01-01, with no fen a point"],
    ),
    "a price in the past": (
        one("merchants_offerprice", "price_points = 31", "price_points = 30"),
        [
            "prices: merchants_offer …: it is 30 points, worth nothing, settled with no fen; its",
            "prices: merchants_offerprice <row>: it is 31 points",
            "vouchers: merchants_redemption …: it costs 30 points and amount_fen is 300, should be"
            " 31 and 310",
            "vouchers: merchants_redemption …: it costs 90 points and amount_fen is 900, should be"
            " 93 and 930",
        ],
    ),
    "two amounts that cancel each other in the sums": (
        f"""
            UPDATE merchants_redemption r SET amount_fen = CASE n WHEN 1 THEN 310 ELSE 290 END
            FROM (
                SELECT id, row_number() OVER (ORDER BY id) AS n FROM merchants_redemption
                WHERE {REDEEMED} AND amount_fen = 300 LIMIT 2
            ) AS two WHERE two.id = r.id RETURNING r.id
        """,
        [
            f"vouchers: merchants_redemption <row>: it costs 30 points and amount_fen is {fen},"
            " should be 30 and 300"
            for fen in (290, 310)
        ],
    ),
    "what an offer costs now": (
        one("merchants_offer", "price_points = 1", "price_points = 30 AND status = 'listed'"),
        ["prices: merchants_offer <row>: it is 1 points, worth nothing, settled with no fen; its"],
    ),
    "a wish's price": (
        one("merchants_wish", "price_points = 49", "status = 'published'"),
        ["giving: merchants_wish <row>: it costs 49 points, the trail says 50"],
    ),
    "who decided on a wish": (
        one("merchants_wish", f"decided_by_id = {ANOTHER}", "status = 'published'"),
        ["giving: merchants_wish <row>: it was decided by …, the trail says …"],
    ),
    "who spent a campaign's points": (
        one("merchants_disbursement", f"disbursed_by_id = {ANOTHER}"),
        ["giving: merchants_disbursement <row>: … spent 1 points, and the trail does not say so"],
    ),
    "what a gift was worth": (
        one("merchants_sponsorship", "value_fen = 100"),
        ["giving: merchants_sponsorship <row>: it was worth 100 fen, recorded by …; the trail"],
    ),
    # --- hours, reports and adjustments ----------------------------------------------------------
    "worked minutes": (
        one("volunteers_attendance", "worked_minutes = worked_minutes + 60", "status = 'voided'"),
        ["hours: volunteers_attendance <row>: worked_minutes is 180, should be 120"],
    ),
    "worked minutes and the times with them": (
        one(
            "volunteers_attendance",
            "worked_minutes = worked_minutes - 30, checked_in_at ="
            f" {moved('checked_in_at', '30 minutes')}",
            "status = 'voided'",
        ),
        ["hours: volunteers_attendance <row>: worked_minutes is 90, 120 were verified"],
    ),
    "who verified hours": (
        one("volunteers_attendance", f"verified_by_id = {ANOTHER}", "status = 'voided'"),
        ["hours: volunteers_attendance <row>: it was decided on by …, the trail says …"],
    ),
    "who voided hours": (
        one("volunteers_attendance", f"voided_by_id = {ANOTHER}", "status = 'voided'"),
        ["hours: volunteers_attendance <row>: it was voided by …, the trail says …"],
    ),
    "hours that nobody verified": (
        one(
            "volunteers_attendance",
            f"status = 'verified', verified_at = now(), verified_by_id = {ANOTHER}",
            "status = 'checked_out' AND id NOT IN (SELECT attendance_id FROM volunteers_objection)",
        ),
        ["hours: volunteers_attendance <row>: it is verified, the trail says that nobody decided"],
    ),
    "hours that somebody else attested": (
        one("volunteers_attendance", f"checked_in_by_id = {ANOTHER}", "status = 'verified'"),
        ["hours: volunteers_attendance <row>: it was attested by ["],
    ),
    "a correction of times": (
        one("volunteers_correction", f"was_in_at = {moved('was_in_at', '1 hour')}"),
        ["hours: volunteers_correction <row>: the trail has other times"],
    ),
    "an appeal's decision": (
        one("volunteers_objection", "status = 'dismissed'", "status = 'upheld'"),
        ["objections: volunteers_objection <row>: it is dismissed, the trail says upheld"],
    ),
    "a void that is undone": (
        one(
            "volunteers_attendance",
            "status = 'verified', voided_at = NULL, voided_by_id = NULL",
            "status = 'voided'",
        ),
        ["hours: volunteers_attendance <row>: it is verified, the trail says voided"],
    ),
    "the shift of hours": (
        "WITH shift AS (UPDATE volunteers_shift"
        f" SET ends_at = {moved('ends_at', '-1 hour')} WHERE id = (SELECT shift_id"
        f" FROM volunteers_attendance WHERE {OF} AND status = 'voided' LIMIT 1) RETURNING id)"
        " SELECT a.id FROM volunteers_attendance a JOIN shift ON shift.id = a.shift_id"
        f" WHERE a.{OF} AND a.status = 'voided'",
        ["hours: volunteers_attendance <row>: worked_minutes is 120, should be 60"],
    ),
    "a report's verdict": (
        one(
            "volunteers_report",
            f"status = 'rejected', closed_at = now(), closed_by_id = {ANOTHER}",
            "status = 'submitted'",
        ),
        ["reports: volunteers_report <row>: it is rejected, the trail says submitted"],
    ),
    "a report's category": (
        one("volunteers_report", "category = 'dispute'", "status = 'voided'"),
        ["reports: volunteers_report <row>: its category is dispute, it was closed as hazard"],
    ),
    "whose report it was": (
        one("volunteers_report", f"reporter_id = {ANOTHER}", "status = 'voided'"),
        ["reports: volunteers_report <row>: its reporter is …, it was closed as one of …"],
    ),
    "who closed a report": (
        one("volunteers_report", f"closed_by_id = {ANOTHER}", "status = 'voided'"),
        ["reports: volunteers_report <row>: it was closed by …, the trail says …"],
    ),
    "an adjustment's amount": (
        one("points_adjustment", "amount = -8", "kind = 'correction'"),
        [
            "adjustments: points_adjustment <row>: it is a correction of -8 until ever, the trail"
            " says correction of -7"
        ],
    ),
    "who approved an adjustment": (
        one("points_adjustment", f"decided_by_id = {ANOTHER}", "kind = 'opening'"),
        ["adjustments: points_adjustment <row>: it was decided by …, the trail says …"],
    ),
    "who proposed an adjustment": (
        one("points_adjustment", f"proposed_by_id = {ANOTHER}", "kind = 'opening'"),
        ["adjustments: points_adjustment <row>: it was proposed by …, the trail says …"],
    ),
}
MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d[\d:.+]*")
UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}")


def told(finding, rows) -> str:
    """A finding with a row that was changed as <row>, other ids and moments as …"""
    named = "<row>" if finding.row in rows else "…"
    because = MOMENT.sub("…", UUID_TEXT.sub("…", finding.because))
    return f"{finding.check}: {finding.table} {named}: {because}"


# The checks that this table is about; others find some of it as well.
LOOKED_INTO = {said.partition(":")[0] for _, expected in TAMPERING.values() for said in expected}


def test_what_was_changed_behind_the_back_is_named(lake, subtests):
    """Each change is found, the row is named and what it should be; undone, nothing is found.

    The short proof asks those checks that find something, and some of the others.
    """
    here = Scope(lake)
    for turn, (name, (statement, expected)) in enumerate(TAMPERING.items()):
        asked = LOOKED_INTO & looked_into(expected, turn)
        checks = [one for one in registered() if one.name in asked]
        with subtests.test(name), transaction.atomic():
            with triggers_off() as cursor:
                cursor.execute(statement)
                rows = {str(row) for (row,) in cursor.fetchall()}
            found = sorted({told(one, rows) for check in checks for one in check.findings(here)})
            transaction.set_rollback(True)
            assert len(found) == len(expected), found
            for said, due in zip(found, expected, strict=True):
                assert said.startswith(due)
    assert found_in(lake) == []
