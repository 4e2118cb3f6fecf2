"""Checks of awards: against their transfers and rule versions, and derived anew from records."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from backend.registries.checks import Check, Finding, Kind, Scope, queried, register
from points.awards.services.rederiving import Recomputation

_AWARDS = """
    SELECT 'points_award', w.id, wrong.because
    FROM points_award w
    LEFT JOIN points_account a ON a.community_id = %(community)s AND a.id = w.account_id
    LEFT JOIN points_transfer t ON t.community_id = %(community)s AND t.id = w.transfer_id
    LEFT JOIN points_claim c ON c.community_id = %(community)s AND c.id = w.claim_id
    LEFT JOIN points_ruleversion v ON v.id = w.rule_version_id
    CROSS JOIN LATERAL (
        SELECT coalesce(t.explanation, c.explanation, w.explanation_of_nothing) AS said
    ) AS why
    CROSS JOIN LATERAL (SELECT CASE
        WHEN w.transfer_id IS NULL AND w.claim_id IS NULL AND w.amount <> 0
            THEN format('it earned %%s, and there is no transfer', w.amount)
        WHEN w.transfer_id IS NOT NULL AND w.claim_id IS NOT NULL
            THEN 'it has both a transfer and a claim'
        WHEN w.claim_id IS NOT NULL AND c.id IS NULL
            THEN 'claim ' || w.claim_id || ' is gone'
        WHEN (c.subject, c.payee_id, c.amount) <> (w.source, w.account_id, w.amount)
            THEN format('claim %%s is of %%s for %%s to %%s', c.id, c.amount, c.subject, c.payee_id)
        WHEN w.transfer_id IS NOT NULL AND t.id IS NULL
            THEN 'transfer ' || w.transfer_id || ' is gone'
        WHEN t.id IS NOT NULL
            AND (t.key, CASE WHEN w.amount < 0 THEN t.debit_id ELSE t.credit_id END)
                IS DISTINCT FROM (w.source, w.account_id)
            THEN 'transfer ' || t.id || ' is not to its wallet or under its name'
        WHEN a.unit IS DISTINCT FROM w.unit
            THEN format('it is in %%s, its wallet in %%s', w.unit, a.unit)
        WHEN t.amount <> abs(w.amount)
            THEN format('it earned %%s, transfer %%s moves %%s', w.amount, t.id, t.amount)
        WHEN w.rule_version_id IS NOT NULL AND v.id IS NULL
            THEN 'rule version ' || w.rule_version_id || ' is gone'
        WHEN (why.said #>> '{rule,id}', why.said #>> '{rule,version}')
            IS DISTINCT FROM (v.rule_id::text, v.number::text)
            THEN format('it stands on version %%s of rule %%s, its explanation on %%s of %%s',
                v.number, v.rule_id, why.said #>> '{rule,version}', why.said #>> '{rule,id}')
        WHEN (why.said #>> '{kind,name}', why.said #>> '{kind,inputs}')
            IS DISTINCT FROM (w.kind, w.inputs_version::text)
            THEN format('it is of %%s %%s, its explanation of %%s %%s', w.kind, w.inputs_version,
                why.said #>> '{kind,name}', why.said #>> '{kind,inputs}')
        WHEN why.said #>> ARRAY['arithmetic', w.unit] IS DISTINCT FROM w.amount::text
            THEN format('it earned %%s, its arithmetic comes to %%s',
                w.amount, why.said #>> ARRAY['arithmetic', w.unit])
    END AS because) AS wrong
    WHERE w.community_id = %(community)s AND w.id >= %(since_id)s AND wrong.because IS NOT NULL
"""

_VOIDS = """
    SELECT 'points_void', x.id, wrong.because
    FROM points_void x
    LEFT JOIN points_award w ON w.community_id = %(community)s AND w.id = x.award_id
    LEFT JOIN points_claim c ON c.community_id = %(community)s AND c.id = w.claim_id
    LEFT JOIN points_reversal r ON r.community_id = %(community)s AND r.id = x.reversal_id
    CROSS JOIN LATERAL (
        SELECT sum(whole.amount) AS amount FROM points_reversal whole
        WHERE whole.community_id = %(community)s AND whole.transfer_id = w.transfer_id
    ) AS back
    CROSS JOIN LATERAL (SELECT CASE
        WHEN w.id IS NULL THEN 'award ' || x.award_id || ' is gone'
        WHEN EXISTS (
            SELECT FROM points_void other
            WHERE other.community_id = %(community)s AND other.award_id = w.id
                AND other.id < x.id
        ) THEN 'its award was voided before'
        WHEN w.transfer_id IS NOT NULL AND r.id IS NULL THEN 'no reversal takes back its award'
        WHEN c.status <> 'released' AND c.taken_back_at IS NULL
            THEN 'claim ' || c.id || ' of its award was not taken back'
        WHEN r.id IS NOT NULL AND (r.transfer_id, r.key)
            IS DISTINCT FROM (w.transfer_id, 'void:' || w.source)
            THEN 'reversal ' || r.id || ' is not of its award'
        WHEN back.amount <> abs(w.amount)
            THEN format('%%s of %%s are taken back', back.amount, abs(w.amount))
    END AS because) AS wrong
    WHERE x.community_id = %(community)s AND x.id >= %(since_id)s AND wrong.because IS NOT NULL
"""

_VOIDING = """
    SELECT 'points_reversal', r.id, 'nothing was voided by it'
    FROM points_reversal r
    WHERE r.community_id = %(community)s AND r.id >= %(since_id)s AND r.reason = 'void'
        AND starts_with(r.key, 'void:')
        AND NOT EXISTS (
            SELECT FROM points_void x
            WHERE x.community_id = %(community)s AND x.reversal_id = r.id
        )
"""

_TAKING_BACK = """
    SELECT 'points_claim', c.id, 'it was taken back, and the award that claimed it was not'
    FROM points_claim c
    JOIN points_award w ON w.community_id = %(community)s AND w.claim_id = c.id
    WHERE c.community_id = %(community)s AND w.community_id = %(community)s
        AND (c.status = 'released' OR c.taken_back_at IS NOT NULL)
        AND (c.id >= %(since_id)s OR greatest(c.resolved_at, c.taken_back_at) >= %(since)s)
        AND NOT EXISTS (
            SELECT FROM points_void x
            WHERE x.community_id = %(community)s AND x.award_id = w.id
        )
"""


def _derived(scope: Scope) -> Iterator[Finding]:
    for difference in Recomputation(scope.community, scope=scope):
        yield Finding("rederived", difference.table, difference.row, str(difference))


register(
    Check(
        name="awards",
        kind=Kind.AWARDS,
        promise=_("Each award has its transfer, and names the rule version that it stands on."),
        advice=_(
            "An award and the transfer under it say different things. See which of the two the"
            " record behind it bears out; void the award, and award the record anew."
        ),
        tables=("points_award",),
        findings=queried("awards", _AWARDS),
    ),
    Check(
        name="voids",
        kind=Kind.AWARDS,
        promise=_("Each void takes back one award, whole, and each award is voided once."),
        advice=_(
            "An award was taken back in part, twice, or without anybody saying so. Compare it with"
            " the record, and correct what the volunteer has too much or too little."
        ),
        tables=("points_void",),
        findings=queried("voids", _VOIDS, _VOIDING, _TAKING_BACK),
    ),
    Check(
        name="rederived",
        kind=Kind.AWARDS,
        promise=_("Each award, derived anew from its record and the rules of then, is the same."),
        advice=_(
            "The record, the rule or the award was changed afterwards. Open the record: who"
            " verified it, and which minutes does the paper say? If the record is right, correct"
            " the points; if it is not, void it."
        ),
        tables=("points_award",),
        findings=_derived,
    ),
)
