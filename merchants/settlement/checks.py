"""Checks of settlement: redemptions against the ledger, statements against their lines.

Each query is one statement, which sees one moment, so people may redeem and settle meanwhile.
"""

from collections.abc import Iterator

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from backend.registries.checks import Check, Finding, Kind, Scope, queried, register
from merchants.settlement.models.statements import Statement
from merchants.settlement.services import proving

_MOVED = """
    SELECT 'merchants_redemption', r.id, CASE
        WHEN t.id IS NULL THEN 'its transfer is gone'
        ELSE format('its transfer is of another amount or account: %%s points from a %%s to a %%s,'
            ' should be %%s from a wallet to a merchant', t.amount, d.kind, c.kind, r.price_points)
    END
    FROM merchants_redemption r
    LEFT JOIN points_transfer t ON t.community_id = r.community_id AND t.id = r.transfer_id
    LEFT JOIN points_account d ON d.community_id = t.community_id AND d.id = t.debit_id
    LEFT JOIN points_account c ON c.community_id = t.community_id AND c.id = t.credit_id
    WHERE r.community_id = %(community)s AND r.status = 'redeemed' AND r.closed_at >= %(since)s
        AND (t.amount, d.kind, c.kind) IS DISTINCT FROM (r.price_points, 'wallet', 'merchant')
"""

_GIVEN_BACK = """
    SELECT 'merchants_refund', g.id, format('the ledger took back another amount: %%s, should be'
        ' %%s of the redemption''s transfer', back.amount, g.points)
    FROM merchants_refund g
    LEFT JOIN points_reversal back
        ON back.community_id = g.community_id AND back.id = g.reversal_id
    LEFT JOIN merchants_redemption r ON r.community_id = g.community_id AND r.id = g.redemption_id
    WHERE g.community_id = %(community)s AND g.id >= %(since_id)s
        AND (back.amount, back.transfer_id) IS DISTINCT FROM (g.points, r.transfer_id)
"""

_COUNTED = """
    SELECT 'merchants_redemption', r.id,
        format('its refunds are other pieces than it counts: %%s, it counts %%s',
            coalesce(given.back, 0), r.refunded_quantity)
    FROM merchants_redemption r
    LEFT JOIN (
        SELECT g.redemption_id, sum(g.quantity) AS back FROM merchants_refund g
        WHERE g.community_id = %(community)s GROUP BY g.redemption_id
    ) AS given ON given.redemption_id = r.id
    WHERE r.community_id = %(community)s
        AND (r.closed_at >= %(since)s OR r.id IN (
            SELECT g.redemption_id FROM merchants_refund g
            WHERE g.community_id = %(community)s AND g.id >= %(since_id)s
        ))
        AND coalesce(given.back, 0) <> r.refunded_quantity
"""

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


register(
    Check(
        name="redemptions",
        kind=Kind.SETTLEMENTS,
        promise=_("Each redemption and refund moved the points that it says."),
        advice=_(
            "What the merchant handed over and what the volunteer paid differ. Ask both, and refund"
            " or correct the difference before the next statement is approved."
        ),
        tables=("merchants_redemption", "merchants_refund"),
        findings=queried("redemptions", _MOVED, _GIVEN_BACK, _COUNTED),
    ),
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
)
