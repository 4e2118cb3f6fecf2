"""Awards as something that samples are drawn of, and the evidence of each."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend.communities.models import Community
from backend.sampling.subjects import Evidence, Subject
from points.awards.kinds import kind_of
from points.awards.models import Award, Void
from points.awards.selectors import version_told
from points.funds.selectors import payments_of
from points.kinds import Unit
from points.ledger.selectors import movements

_PERSON = "person:"  # begins a holder that is somebody


def _rows(community: Community) -> QuerySet[Award]:
    return Award.objects.filter(community=community)


def _evidence(community: Community, award_ids: Collection[UUID]) -> dict[UUID, Evidence]:
    return {award.pk: said for award, said in _read(community, Q(pk__in=award_ids))}


def evidence_by_source(community: Community, sources: Collection[str]) -> dict[str, Evidence]:
    """Return the evidence of the awards of some records, by their sources."""
    return {award.source: said for award, said in _read(community, Q(source__in=sources))}


def _read(community: Community, which: Q) -> list[tuple[Award, Evidence]]:
    awards = list(
        _rows(community)
        .filter(which)
        .select_related(
            *("account", "transfer", "claim", "rule_version__rule", "rule_version__community")
        )
    )
    paid = payments_of(community.pk, [one.claim for one in awards if one.claim])
    of_award = {one.pk: paid.get(one.claim_id) or one.transfer_id for one in awards}
    moved = movements(community.pk, list(of_award.values()))
    voids = {
        void.award_id: void
        for void in Void.objects.filter(community=community, award__in=awards).order_by()
    }
    return [(one, _said(one, moved[of_award[one.pk]], voids.get(one.pk))) for one in awards]


def _said(award: Award, moved: Any, void: Void | None) -> Evidence:
    why = award.explanation
    category = str(why.get("inputs", {}).get("category", ""))  # type: ignore[attr-defined]
    holder = award.account.holder
    return Evidence(
        at=award.awarded_at,
        what=f"{gettext(award.kind.capitalize())} {category}".strip(),
        person_id=UUID(holder.removeprefix(_PERSON)) if holder.startswith(_PERSON) else None,
        points=award.amount if award.unit == Unit.POINTS else None,
        amount_fen=award.amount if award.unit == Unit.FEN else None,
        basis=version_told(award.rule_version) if award.rule_version else {},
        arithmetic=dict(why.get("arithmetic", {})),  # type: ignore[call-overload]
        transfers=moved,
        more={
            "source": award.source,
            "kind": award.kind,
            "inputs_version": award.inputs_version,
            "local_day": award.local_day,
            "account_id": award.account_id,
            "explanation": why,
            "voided_at": void and void.voided_at,
        },
        passing={"reason": void.reason} if void else {},
        acts_on=[_record(award)],
    )


def _record(award: Award) -> tuple[str, str]:
    """Return what the audit trail calls the award's record, and the record's id."""
    kind = kind_of(award.kind)
    return (kind.noun if kind and kind.noun else award.kind), award.source.partition(":")[2]


AWARDS = Subject(title=_("Award"), rows=_rows, moment="awarded_at", evidence=_evidence)
