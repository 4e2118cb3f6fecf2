"""Redemptions as something that samples are drawn of, and the evidence of each."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.models import Community
from backend.sampling.subjects import Evidence, Subject
from merchants.partners.models.partnerships import Terms
from merchants.partners.selectors import worked_at
from merchants.redemption.events import of_redemptions
from merchants.redemption.models import Redemption, Refund, ScanAttempt
from points.ledger.selectors import movements

_FROZEN = ("quantity", "price_points", "fen_per_point", "amount_fen", "refunded_quantity")
_SAID = ("offer_id", "partnership_id", "taken_at", "expires_at", "redeemed_by_id")
_TERMS = ("version", "kind", "fen_per_point", "share_bp", "valid_from", "agreed_at")
_REFUND = ("id", "quantity", "points", "amount_fen", "refunded_at", "refunded_by_id")
_SCAN = ("id", "outcome", "clerk_id", "scanned_at", "device_time", "counts_at", "clock_mark")


def _rows(community: Community) -> QuerySet[Redemption]:
    return Redemption.objects.filter(community=community, status=Redemption.Status.REDEEMED)


def _evidence(community: Community, redemption_ids: Collection[UUID]) -> dict[UUID, Evidence]:
    found = list(_rows(community).filter(pk__in=redemption_ids))
    ids = [one.pk for one in found]
    words = of_redemptions(community.pk, ids)
    moved = movements(community.pk, [one.transfer_id for one in found])
    refunds, scans = (
        _by_redemption(rows.objects.filter(community=community, redemption__in=ids), names)
        for rows, names in ((Refund, (*_REFUND, "reason")), (ScanAttempt, _SCAN))
    )
    terms = {
        (one.partnership_id, one.version): {name: getattr(one, name) for name in _TERMS}
        for one in Terms.objects.filter(
            community=community, partnership__in={one.partnership_id for one in found}
        )
    }
    said = {}
    for one in found:
        assert one.closed_at is not None  # a check constraint
        reasons = [refund.pop("reason") for refund in refunds[one.pk]]
        people = [
            one.redeemed_by_id,
            *(refund["refunded_by_id"] for refund in refunds[one.pk]),
            *(scan["clerk_id"] for scan in scans[one.pk]),
        ]
        said[one.pk] = Evidence(
            at=one.closed_at,
            what=words[one.pk].words,
            person_id=one.volunteer_id,
            points=one.price_points,
            amount_fen=one.amount_fen,
            basis=terms.get((one.partnership_id, one.terms_version), {}),
            arithmetic={name: getattr(one, name) for name in _FROZEN},
            transfers=moved[one.transfer_id],
            more={name: getattr(one, name) for name in _SAID}
            | {"refunds": refunds[one.pk], "scans": scans[one.pk]},
            passing={"statement_id": one.statement_id, "reasons": reasons},
            acts_on=[("redemption", str(one.pk))],
            people=frozenset(filter(None, people)),
        )
    return said


def _by_redemption(rows: QuerySet[Any], names: tuple[str, ...]) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    for row in rows.order_by("id").values("redemption_id", *names):
        found[row.pop("redemption_id")].append(row)
    return found


def _is_theirs(user: User, community: Community, redemption_id: UUID) -> bool:
    """Tell whether ``user`` works at the shop, or did within 90 days or since the redemption."""
    found = _rows(community).filter(pk=redemption_id).select_related("partnership").first()
    if found is None or found.closed_at is None:
        return False
    return worked_at(user, found.partnership, found.closed_at.astimezone(community.clock).date())


REDEMPTIONS = Subject(
    title=_("Redemption"),
    rows=_rows,
    moment="closed_at",
    evidence=_evidence,
    is_theirs=_is_theirs,
)
