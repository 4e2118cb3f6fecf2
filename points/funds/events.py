"""Top-ups, claims, and the end of a fund's year as events."""

from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from backend.registries.events import Kind, Told, register, told
from points.funds.models import Claim, Fund, Recovery, TopUp


def _top_ups(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    return {
        one.pk: Told(one.reason, {"fund_id": one.fund_id})
        for one in TopUp.objects.filter(community_id=community_id, pk__in=ids)
    }


def _claims(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    claims = list(Claim.objects.filter(community_id=community_id, pk__in=ids))
    about = told(community_id, (claim.subject for claim in claims))
    return {
        claim.pk: Told(
            _("Paid: %(what)s")
            % {"what": about[claim.subject].words if claim.subject in about else claim.subject},
            {"fund_id": claim.fund_id, "claim_id": claim.pk},
        )
        for claim in claims
    }


def _recoveries(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    recoveries = Recovery.objects.filter(community_id=community_id, pk__in=ids)
    return {
        one.pk: Told(
            _("Given back: %(reference)s") % {"reference": one.reference}
            if one.reference
            else _("Set off against a later payment"),
            {"claim_id": one.claim_id},
        )
        for one in recoveries
    }


def _carried_over(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    funds = Fund.objects.filter(community_id=community_id, pk__in=ids)
    return {
        fund.pk: Told(_("Carried over from %(year)s") % {"year": fund.year}, {"fund_id": fund.pk})
        for fund in funds
    }


def _returned(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    words = _("Returned at the end of the year")
    return {pk: Told(words, {"fund_id": pk}) for pk in ids}


def _ended(ending: Fund.Ending, credit: str, **how: Any) -> Kind:
    return Kind(
        name=f"fund_{ending}",
        table="points_fund",
        relation=f"""
            SELECT f.id, 'fund_{ending}:' || f.id AS source, 'fund_{ending}:' || f.id AS key,
                f.ended_amount > 0 AS moves, NULL::uuid AS named, f.ended_amount AS amount,
                a.unit, 'fund' AS debit_kind, 'fund:' || f.id AS debit_holder, {credit},
                '{ending}' AS reason, NULL::timestamptz AS at, f.ended_at >= %(since)s AS is_new
            FROM points_fund f
            LEFT JOIN points_account a ON a.community_id = %(community)s AND a.id = f.account_id
            WHERE f.community_id = %(community)s AND f.ending = '{ending}'
        """,  # noqa: S608
        **how,
    )


register(
    Kind(
        name="fund_top_up",
        table="points_topup",
        relation="""
            SELECT u.id, 'fund_top_up:' || u.id AS source, 'fund_top_up:' || u.id AS key,
                true AS moves, NULL::uuid AS named, u.amount, a.unit,
                'issuance' AS debit_kind, '' AS debit_holder, 'fund' AS credit_kind,
                'fund:' || u.fund_id AS credit_holder, 'top_up' AS reason,
                NULL::timestamptz AS at, u.topped_up_at >= %(since)s AS is_new
            FROM points_topup u
            LEFT JOIN points_fund f ON f.community_id = %(community)s AND f.id = u.fund_id
            LEFT JOIN points_account a ON a.community_id = %(community)s AND a.id = f.account_id
            WHERE u.community_id = %(community)s
        """,
        tells=_top_ups,
    ),
    Kind(
        name="fund_claim",
        table="points_claim",
        relation="""
            SELECT c.id, 'fund_claim:' || c.id AS source, 'fund_claim:' || c.id AS key,
                c.status = 'committed' AS moves, NULL::uuid AS named, c.amount, p.unit,
                'fund' AS debit_kind, 'fund:' || c.fund_id AS debit_holder,
                p.kind AS credit_kind, p.holder AS credit_holder, c.reason,
                NULL::timestamptz AS at,
                greatest(c.claimed_at, c.resolved_at) >= %(since)s AS is_new
            FROM points_claim c
            LEFT JOIN points_account p ON p.community_id = %(community)s AND p.id = c.payee_id
            WHERE c.community_id = %(community)s
        """,
        tells=_claims,
        reserves=True,
    ),
    Kind(
        name="recovery",
        table="points_recovery",
        relation="""
            SELECT v.id, 'recovery:' || v.id AS source, 'recovery:' || v.id AS key, true AS moves,
                NULL::uuid AS named, v.amount, p.unit, p.kind AS debit_kind,
                p.holder AS debit_holder, 'fund' AS credit_kind,
                'fund:' || c.fund_id AS credit_holder, 'recovery' AS reason,
                NULL::timestamptz AS at, v.recovered_at >= %(since)s AS is_new
            FROM points_recovery v
            LEFT JOIN points_claim c ON c.community_id = %(community)s AND c.id = v.claim_id
            LEFT JOIN points_account p ON p.community_id = %(community)s AND p.id = c.payee_id
            WHERE v.community_id = %(community)s
        """,
        tells=_recoveries,
        takes_back=True,
    ),
    _ended(
        Fund.Ending.CARRIED_OVER,
        "'fund' AS credit_kind, 'fund:' || f.carried_into_id AS credit_holder",
        tells=_carried_over,
    ),
    _ended(
        Fund.Ending.RETURNED,
        "'issuance' AS credit_kind, '' AS credit_holder",
        tells=_returned,
    ),
)
