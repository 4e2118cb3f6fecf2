"""Checks of statements and of what leaves the house: lines, people, batches for the bank, payouts.

Each query is one statement, which sees one moment, so people may redeem and settle meanwhile. What
each line is worth is checked where it is made (merchants/redemption/checks.py).
"""

# ruff: noqa: S608  # SQL made of constants

from collections.abc import Iterator

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.audit.entries import latest, said_by
from backend.registries.checks import (
    SPAN,
    Check,
    Finding,
    Kind,
    Scope,
    made_at,
    queried,
    register,
)
from merchants.settlement.models.bank import BankBatchLine
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import proving

LINES, DECISIONS, BATCHES, RECEIVERS, PAID_OUT = (
    "lines",
    "decisions",
    "bank_batches",
    "bank_receivers",
    "statement_payouts",
)

_STATEMENTS = """
    WITH stated AS (
        SELECT s.id, s.redemptions_count, s.refunds_count, s.points, s.amount_fen, s.carried_fen,
            s.drafted_at, s.approved_at, s.paid_at,
            coalesce(lag(least(0, s.amount_fen + s.carried_fen)) OVER (
                PARTITION BY s.partnership_id ORDER BY s.period_start
            ), 0) AS carried
        FROM merchants_statement s WHERE s.community_id = %(community)s
    ), new AS (
        SELECT * FROM stated WHERE greatest(drafted_at, approved_at, paid_at) >= %(since)s
    ), redeemed AS (
        SELECT r.statement_id AS id, count(*) AS lines, sum(r.price_points) AS points,
            sum(r.amount_fen) AS fen
        FROM new JOIN merchants_redemption r ON r.statement_id = new.id
        WHERE r.community_id = %(community)s GROUP BY r.statement_id
    ), given AS (
        SELECT g.statement_id AS id, count(*) AS lines, sum(g.points) AS points,
            sum(g.amount_fen) AS fen
        FROM new JOIN merchants_refund g ON g.statement_id = new.id
        WHERE g.community_id = %(community)s GROUP BY g.statement_id
    )
    SELECT 'merchants_statement', new.id,
        format('%%s says %%s, its lines %%s', figure.name, figure.written, figure.summed)
    FROM new
    LEFT JOIN redeemed USING (id)
    LEFT JOIN given USING (id)
    CROSS JOIN LATERAL (VALUES
        ('redemptions', new.redemptions_count, coalesce(redeemed.lines, 0)),
        ('refunds', new.refunds_count, coalesce(given.lines, 0)),
        ('points', new.points, coalesce(redeemed.points, 0) - coalesce(given.points, 0)),
        ('amount_fen', new.amount_fen, coalesce(redeemed.fen, 0) - coalesce(given.fen, 0)),
        ('carried_fen', new.carried_fen, new.carried)
    ) AS figure (name, written, summed)
    WHERE figure.written <> figure.summed
"""

_NUMBERS = """
    SELECT 'merchants_statement', numbered.id,
        format('of %%s a number is missing before %%s', numbered.year, numbered.number)
    FROM (
        SELECT s.id, s.number_year AS year, s.number_in_year AS number,
            lag(s.number_in_year, 1, 0) OVER (
                PARTITION BY s.number_year ORDER BY s.number_in_year
            ) AS before
        FROM merchants_statement s
        WHERE s.community_id = %(community)s AND s.number_year IS NOT NULL
    ) AS numbered
    WHERE numbered.number <> numbered.before + 1
"""

# What the ledger keeps for a merchant: the rollup of its last seal, and what is not sealed yet.
_KEPT = """
    WITH partners AS (
        SELECT p.id, p.merchant_id FROM merchants_partnership p
        WHERE p.community_id = %(community)s AND (
            %(whole)s
            OR p.id IN (
                SELECT r.partnership_id FROM merchants_redemption r
                WHERE r.community_id = %(community)s AND r.closed_at >= %(since)s
            )
            OR p.id IN (
                SELECT g.partnership_id FROM merchants_refund g
                WHERE g.community_id = %(community)s AND g.id >= %(since_id)s
            )
            OR p.id IN (
                SELECT s.partnership_id FROM merchants_statement s
                WHERE s.community_id = %(community)s AND s.paid_at >= %(since)s
            )
        )
    ), owed AS (
        SELECT id, sum(points) AS points FROM (
            SELECT p.id, r.price_points AS points
            FROM partners p JOIN merchants_redemption r ON r.partnership_id = p.id
            WHERE r.community_id = %(community)s AND r.status = 'redeemed'
            UNION ALL SELECT p.id, -g.points
            FROM partners p JOIN merchants_refund g ON g.partnership_id = p.id
            WHERE g.community_id = %(community)s
            UNION ALL SELECT p.id, -s.points
            FROM partners p JOIN merchants_statement s ON s.partnership_id = p.id
            WHERE s.community_id = %(community)s AND s.status = 'paid'
        ) AS lines GROUP BY id
    ), tail AS MATERIALIZED (
        SELECT sides.account_id, sum(sides.points) AS points
        FROM points_unsealed u
        JOIN points_transfer t ON t.community_id = u.community_id AND t.id = u.id
        CROSS JOIN LATERAL (
            VALUES (t.debit_id, -t.amount), (t.credit_id, t.amount)
        ) AS sides (account_id, points)
        WHERE u.community_id = %(community)s GROUP BY sides.account_id
    )
    SELECT 'merchants_partnership', p.id, format('the ledger keeps %%s points, redemptions less'
        ' payments are %%s', kept.points, coalesce(owed.points, 0))
    FROM partners p
    LEFT JOIN owed USING (id)
    LEFT JOIN points_account a ON a.community_id = %(community)s AND a.kind = 'merchant'
        AND a.unit = 'points' AND a.holder = 'merchant:' || p.merchant_id
    LEFT JOIN tail ON tail.account_id = a.id
    LEFT JOIN LATERAL (
        SELECT r.credits - r.debits AS points FROM points_rollup r
        WHERE r.community_id = %(community)s AND r.account_id = a.id
        ORDER BY r.number DESC LIMIT 1
    ) AS rolled ON true
    CROSS JOIN LATERAL (
        SELECT coalesce(rolled.points, 0) + coalesce(tail.points, 0) AS points
    ) AS kept
    WHERE kept.points <> coalesce(owed.points, 0)
"""


def _lines(table: str, at: str) -> str:
    """Return the query for lines that are in a statement where they do not belong."""
    return f"""
        SELECT '{table}', n.id, CASE
            WHEN s.id IS NULL THEN 'statement ' || n.statement_id || ' is gone'
            WHEN s.partnership_id <> n.partnership_id
                THEN format('it is of partner %%s, its statement %%s of %%s', n.partnership_id,
                    s.id, s.partnership_id)
            ELSE format('it is of %%s, its statement %%s ends on %%s', n.{at}, s.id, s.period_end)
        END
        FROM {table} n
        JOIN communities_community place ON place.id = n.community_id
        LEFT JOIN merchants_statement s ON s.community_id = %(community)s AND s.id = n.statement_id
        WHERE n.community_id = %(community)s AND n.statement_id IS NOT NULL
            AND (n.id >= %(since_id)s OR s.drafted_at >= %(since)s)
            AND (s.id IS NULL OR s.partnership_id <> n.partnership_id
                OR n.{at} >= s.period_end::timestamp AT TIME ZONE place.timezone)
    """


def _left_out(table: str, at: str, of_them: str) -> str:
    """Return the query for lines that are in no statement, though one was drafted for their day.

    Of each partner only those before its last period's end are read, which should be none.
    """
    return f"""
        SELECT '{table}', n.id,
            'it is in no statement, and one of its partner until a later day was drafted'
        FROM (
            SELECT d.partnership_id, max(d.drafted_at) AS drafted_at,
                max(d.period_end)::timestamp AT TIME ZONE place.timezone AS until_at
            FROM merchants_statement d
            JOIN communities_community place ON place.id = d.community_id
            WHERE d.community_id = %(community)s
            GROUP BY d.partnership_id, place.timezone
        ) AS last
        JOIN {table} n ON n.community_id = %(community)s
            AND n.partnership_id = last.partnership_id AND n.{at} < last.until_at
        WHERE n.statement_id IS NULL AND {of_them}
            AND greatest(n.{at}, {made_at("n.id")}) < last.drafted_at - {SPAN}
    """


# Who drafted, approved and paid each statement, and for how much, as the trail has it.
_DECISIONS = f"""
    SELECT 'merchants_statement', s.id, wrong.because
    FROM merchants_statement s
    {latest("s", "drafted", "statement.draft")}
    {latest("s", "approved", "statement.approve")}
    {latest("s", "paid", "statement.pay")}
    CROSS JOIN LATERAL (SELECT CASE
        WHEN drafted.id IS NULL THEN 'the trail does not tell that it was drafted'
        WHEN (drafted.after ->> 'points', drafted.after ->> 'amount_fen')
                <> (s.points::text, s.amount_fen::text)
            THEN format('it says %%s points and %%s fen, it was drafted with %%s and %%s', s.points,
                s.amount_fen, drafted.after ->> 'points', drafted.after ->> 'amount_fen')
        {said_by("s.drafted_by_id", "drafted", "drafted")}
        WHEN (s.status IN ('approved', 'paid')) <> (approved.id IS NOT NULL)
                OR (s.status = 'paid') <> (paid.id IS NOT NULL)
            THEN format('it is %%s, the trail says %%s', s.status, CASE
                WHEN paid.id IS NOT NULL THEN 'paid'
                WHEN approved.id IS NOT NULL THEN 'approved' ELSE 'draft' END)
        {said_by("s.approved_by_id", "approved", "approved")}
        {said_by("s.paid_by_id", "paid", "paid")}
        WHEN s.approved_by_id IN (s.drafted_by_id, s.paid_by_id)
            THEN 'who approved it also drafted or paid it'
    END AS because) AS wrong
    WHERE s.community_id = %(community)s AND wrong.because IS NOT NULL
        AND greatest(s.drafted_at, s.approved_at, s.paid_at) >= %(since)s
"""

# A batch says no amounts: its file has those of its statements, and the trail what they came to.
_BATCHES = f"""
    SELECT 'merchants_bankbatch', b.id, wrong.because
    FROM merchants_bankbatch b
    {latest("b", "made", "bank_batch.make")}
    {latest("b", "cancelled", "bank_batch.cancel")}
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(greatest(0, s.amount_fen + s.carried_fen)), 0) AS due_fen,
            coalesce(jsonb_agg(n.statement_id::text ORDER BY n.statement_id), '[]') AS statements,
            coalesce(jsonb_agg(n.statement_id::text ORDER BY n.statement_id)
                FILTER (WHERE n.freed_at IS NOT NULL), '[]') AS freed
        FROM merchants_bankbatchline n
        LEFT JOIN merchants_statement s
            ON s.community_id = %(community)s AND s.id = n.statement_id
        WHERE n.community_id = %(community)s AND n.batch_id = b.id
    ) AS its
    CROSS JOIN LATERAL (SELECT CASE
        WHEN made.id IS NULL THEN 'the trail does not tell that it was made'
        {said_by("b.made_by_id", "made", "made")}
        WHEN NOT (its.statements @> (made.after -> 'statements')
                AND its.statements <@ (made.after -> 'statements'))
            THEN format('it is of statements %%s, the trail says %%s', its.statements,
                made.after -> 'statements')
        WHEN its.due_fen::text <> made.after ->> 'amount_fen'
            THEN format('its statements come to %%s fen, the bank was told %%s', its.due_fen,
                made.after ->> 'amount_fen')
        {said_by("b.cancelled_by_id", "cancelled", "cancelled")}
        WHEN NOT (its.freed @> coalesce(cancelled.after -> 'freed', '[]')
                AND its.freed <@ coalesce(cancelled.after -> 'freed', '[]'))
            THEN format('statements %%s are freed, the trail says %%s', its.freed,
                coalesce(cancelled.after -> 'freed', '[]'))
    END AS because) AS wrong
    WHERE b.community_id = %(community)s AND wrong.because IS NOT NULL
        AND (b.id >= %(since_id)s OR b.cancelled_at >= %(since)s)
"""

# What WeChat was asked for is what the statement is due, to an owner; and paid once.
_PAID_OUT = f"""
    SELECT 'payouts_payout', o.id, wrong.because
    FROM payouts_payout o
    LEFT JOIN merchants_statement s ON s.community_id = %(community)s
        AND s.id = substr(o.subject, length('statement:') + 1)::uuid
    LEFT JOIN merchants_partnership p
        ON p.community_id = %(community)s AND p.id = s.partnership_id
    CROSS JOIN LATERAL (SELECT greatest(0, s.amount_fen + s.carried_fen) AS fen) AS due
    CROSS JOIN LATERAL (SELECT CASE
        WHEN s.id IS NULL THEN 'there is no ' || o.subject
        WHEN s.number_in_year IS NULL THEN o.subject || ' was never approved'
        WHEN o.amount_fen <> due.fen
            THEN format('amount_fen is %%s, %%s is due %%s', o.amount_fen, o.subject, due.fen)
        WHEN o.holder <> 'merchant:' || p.merchant_id
            THEN format('it is for %%s, %%s of merchant %%s', o.holder, o.subject, p.merchant_id)
        WHEN right(o.title, 10) !~ (s.number_year || '-' || lpad(s.number_in_year::text, 4, '0'))
            THEN format('its title is %%s, the number of %%s is %%s-%%s', o.title, o.subject,
                s.number_year, lpad(s.number_in_year::text, 4, '0'))
        WHEN NOT EXISTS (
            SELECT FROM merchants_merchantmember m
            WHERE m.merchant_id = p.merchant_id AND m.user_id = o.payee_id AND m.role = 'owner'
                AND m.since_at <= o.ordered_at + {SPAN}
                AND coalesce(m.ended_at, 'infinity') >= o.ordered_at - {SPAN}
        ) THEN format('its payee %%s was no owner of merchant %%s', o.payee_id, p.merchant_id)
        WHEN s.approved_by_id IN (o.ordered_by_id, o.payee_id)
            THEN 'who approved the statement ordered it, or is paid by it'
        WHEN o.status = 'succeeded' AND o.next_at IS NULL AND o.given_up_at IS NULL
                AND s.status <> 'paid'
            THEN format('it succeeded, and %%s is %%s', o.subject, s.status)
        WHEN o.status = 'succeeded' AND s.status = 'paid'
                AND (s.paid_by_id, s.payment_reference) <> (o.ordered_by_id, o.transfer_bill_no)
            THEN format('%%s was paid by %%s as %%s, this by %%s as %%s', o.subject, s.paid_by_id,
                s.payment_reference, o.ordered_by_id, o.transfer_bill_no)
        WHEN o.status NOT IN ('failed', 'cancelled') AND EXISTS (
            SELECT FROM merchants_bankbatchline n
            WHERE n.community_id = %(community)s AND n.statement_id = s.id AND n.freed_at IS NULL
        ) THEN o.subject || ' is paid by the bank as well'
    END AS because) AS wrong
    WHERE o.community_id = %(community)s AND starts_with(o.subject, 'statement:')
        AND (o.id >= %(since_id)s OR o.finished_at >= %(since)s) AND wrong.because IS NOT NULL
"""


def _receivers(scope: Scope) -> Iterator[Finding]:
    """Yield lines whose bank or account is not the merchant's, if that has not changed since."""
    lines = BankBatchLine.objects.filter(
        community=scope.community, pk__gte=scope.values["since_id"]
    ).select_related("batch", "statement__partnership__merchant__bank_account")
    for line in lines.order_by("pk").iterator(chunk_size=1000):
        account = getattr(line.statement.partnership.merchant, "bank_account", None)
        if account is None or account.changed_at > line.batch.made_at:
            continue
        told = (line.payee, line.bank, line.account)
        if told != (account.holder, account.bank, account.number):
            yield Finding(
                RECEIVERS,
                BankBatchLine._meta.db_table,
                str(line.pk),
                f"the bank was told {line.payee}, {line.bank}, ****{line.account[-4:]}, should be"
                f" {account.holder}, {account.bank}, {account.masked_number}",
            )


def _digests(scope: Scope) -> Iterator[Finding]:
    approved = Statement.objects.filter(community=scope.community).exclude(digest="")
    if scope.since is not None:
        since = scope.values["since"]
        approved = approved.filter(Q(approved_at__gte=since) | Q(paid_at__gte=since))
    for pk in list(approved.order_by("pk").values_list("pk", flat=True)):
        statement = approved.get(pk=pk)
        if statement.digest != proving.digest(statement):
            because = f"{statement.number}: its digest is of something else"
            yield Finding("digests", "merchants_statement", str(pk), because)


_ADVICE = _("Pay nothing on account of it until two people have compared it with the contract.")
register(
    Check(
        name="statements",
        kind=Kind.SETTLEMENTS,
        promise=_("Each statement is the sum of its lines, and no number is missing."),
        advice=_(
            "Do not approve or pay this statement. Count its lines by hand, ask the merchant for"
            " theirs, and tell the operator what differs."
        ),
        tables=("merchants_statement", "merchants_redemption", "merchants_refund"),
        findings=queried("statements", _STATEMENTS, _NUMBERS),
    ),
    Check(
        name="digests",
        kind=Kind.SETTLEMENTS,
        promise=_("An approved statement says what it said when it was approved."),
        advice=_(
            "The statement, or a line of it, was changed after it was approved. The copy that the"
            " merchant has is right if its digest is this one. Do not pay until it is clear."
        ),
        tables=("merchants_statement",),
        findings=_digests,
    ),
    Check(
        name="merchants",
        kind=Kind.SETTLEMENTS,
        promise=_("The ledger keeps for each merchant what was redeemed and is not paid yet."),
        advice=_(
            "Points reached the merchant's account without a redemption, or left it without a"
            " payment. Look through the entries of the account since the last statement."
        ),
        tables=("merchants_partnership", "merchants_redemption", "merchants_refund"),
        findings=queried("merchants", _KEPT),
    ),
    Check(
        name=LINES,
        kind=Kind.SETTLEMENTS,
        promise=_("Each redemption and refund is in the statement of its partner and its period."),
        advice=_ADVICE,
        tables=("merchants_redemption", "merchants_refund"),
        findings=queried(
            LINES,
            _lines("merchants_redemption", "closed_at"),
            _lines("merchants_refund", "refunded_at"),
            _left_out("merchants_redemption", "closed_at", "n.status = 'redeemed'"),
            _left_out("merchants_refund", "refunded_at", "true"),
        ),
    ),
    Check(
        name=DECISIONS,
        kind=Kind.SETTLEMENTS,
        promise=_(
            "Statements were drafted, approved and paid by whom the trail names, as it says."
        ),
        advice=_ADVICE,
        tables=("merchants_statement",),
        findings=queried(DECISIONS, _DECISIONS),
    ),
    Check(
        name=BATCHES,
        kind=Kind.SETTLEMENTS,
        promise=_("A batch for the bank has the statements and the sum with which it was made."),
        advice=_ADVICE,
        tables=("merchants_bankbatch", "merchants_bankbatchline"),
        findings=queried(BATCHES, _BATCHES),
    ),
    Check(
        name=RECEIVERS,
        kind=Kind.SETTLEMENTS,
        promise=_("The bank is told the account that the merchant's owner gave."),
        advice=_("Ask the owner for the account before the bank pays, or call the bank."),
        tables=("merchants_bankbatchline",),
        findings=_receivers,
    ),
    Check(
        name=PAID_OUT,
        kind=Kind.SETTLEMENTS,
        promise=_("WeChat pays an owner what is due on the statement, once."),
        advice=_ADVICE,
        tables=("payouts_payout",),
        findings=queried(PAID_OUT, _PAID_OUT),
    ),
)
