"""Adjustments: openings and corrections, which one person proposes and another approves."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.communities.services import roles
from backend.registries.events import Told
from backend.sql import constraint_of
from points.awards import errors, kinds
from points.awards.models import Adjustment
from points.awards.services import awards
from points.rules.services import MOST

Status = Adjustment.Status


@transaction.atomic
def propose(
    *,
    community: Community,
    kind: Adjustment.Kind,
    person: User,
    amount: int,
    reason: str,
    by: User,
    expires_on: date | None = None,
) -> Adjustment:
    """Propose to bring a volunteer's paper balance along, or to correct their points.

    ``amount`` is whole points, below zero for a correction that takes them. Points it brings can be
    spent until the end of ``expires_on``, or for good. Nothing moves before somebody else approves.
    Raises NotAVolunteerHere, AdjustmentInvalid, OwnBalance, OpeningBroughtAlready.
    """
    if person.pk == by.pk:
        raise errors.OwnBalance
    roles.require_volunteer(user_id=person.pk, community_id=community.pk)
    takes = kind == Adjustment.Kind.CORRECTION and amount < 0 and expires_on is None
    brings = amount > 0 and (expires_on is None or expires_on >= community.today)
    if not (takes or brings) or abs(amount) > MOST or not reason.strip():
        raise errors.AdjustmentInvalid
    try:
        with transaction.atomic():
            adjustment = Adjustment.objects.create(
                community=community,
                kind=kind,
                person=person,
                amount=amount,
                expires_on=expires_on,
                reason=reason,
                proposed_by=by,
            )
    except IntegrityError as error:
        if constraint_of(error) == "opening_once":
            raise errors.OpeningBroughtAlready from None
        raise
    _record("adjustment.propose", adjustment, by)
    return adjustment


@transaction.atomic
def decide(*, adjustment: Adjustment, accept: bool, by: User) -> Adjustment:
    """Approve an adjustment, which moves the points, or reject it.

    Idempotent for the same decider. Whoever proposed it may reject it. Raises OwnBalance if it is
    about the decider, OwnProposal, AdjustmentDecided, and InsufficientPoints or
    ShortfallOutstanding if the points that a correction takes are not there.
    """
    adjustment = adjustment.locked("community")
    status = Status.APPROVED if accept else Status.REJECTED
    if (adjustment.status, adjustment.decided_by_id) == (status, by.pk):
        return adjustment
    if adjustment.status != Status.PROPOSED:
        raise errors.AdjustmentDecided(current_status=adjustment.status)
    if adjustment.person_id == by.pk:
        raise errors.OwnBalance
    if accept and adjustment.proposed_by_id == by.pk:
        raise errors.OwnProposal
    adjustment.save_with(status=status, decided_by=by, decided_at=timezone.now())
    _record("adjustment.decide", adjustment, by)
    if accept:
        awards.award(
            KINDS[adjustment.kind],
            community=adjustment.community,
            person_id=adjustment.person_id,
            source=adjustment.award_source,
            facts=_facts(adjustment),
        )
    return adjustment


def _record(action: str, adjustment: Adjustment, by: User) -> None:
    facts = trail.facts_of(adjustment, "kind", "amount", "expires_on", "status")
    trail.record(action, actor=by, target=adjustment, after=facts)


# --- as kinds of awards -----------------------------------------------------------------------
def _facts(adjustment: Adjustment) -> kinds.Facts:
    assert adjustment.decided_at is not None  # a check constraint
    return kinds.Facts(
        counts_from=adjustment.decided_at,
        occurred_at=adjustment.decided_at,
        expires_on=adjustment.expires_on,
        more={
            "points": adjustment.amount,
            "expires_on": adjustment.expires_on and adjustment.expires_on.isoformat(),
            "proposed_by": str(adjustment.proposed_by_id),
            "approved_by": str(adjustment.decided_by_id),
        },
    )


def _told(adjustment: Adjustment) -> kinds.Record:
    is_approved = adjustment.status == Status.APPROVED
    return kinds.Record(
        adjustment.person_id, adjustment.status, _facts(adjustment) if is_approved else None
    )


def _inputs(facts: kinds.Facts, community: Community) -> dict[str, Any]:
    return dict(facts.more)


def _earns(inputs: dict[str, Any], rule: None) -> tuple[int, dict[str, Any]]:
    return inputs["points"], {}


def _words(community_id: UUID, ids: list[UUID]) -> dict[UUID, Told]:
    found = Adjustment.objects.filter(community_id=community_id, pk__in=ids)
    words = {"opening": _("Opening balance"), "correction": _("Correction")}
    return {
        pk: Told(words[kind], {"adjustment_id": pk}) for pk, kind in found.values_list("pk", "kind")
    }


KINDS = {
    str(name): kinds.Kind(
        name=name,
        noun="adjustment",
        versions=[kinds.Version(_inputs, _earns)],
        records=kinds.Rows(
            Adjustment.objects.filter(kind=name), _told, Q(status=Status.APPROVED), "decided_at"
        ),
        tells=_words,
    )
    for name in Adjustment.Kind.values
}
