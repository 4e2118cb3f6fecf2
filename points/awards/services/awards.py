"""Awards: a record earns by a rule, once, can always say why, and can be voided as a whole."""

from typing import Any
from uuid import UUID

from django.db import transaction

from backend.communities.models import Community
from backend.ids import new_id
from points.awards import selectors
from points.awards.errors import AdjustmentNotVoided, AwardSourceReused, AwardUnknown, PayerInvalid
from points.awards.kinds import Facts, Kind
from points.awards.models import Adjustment, Award, Void
from points.expiry import services as expiry
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger
from points.ledger.models import Account
from points.rules import services as rules
from points.rules.errors import RuleMissing
from points.rules.models import Rule, RuleVersion
from points.rules.selectors import rule_for


@transaction.atomic
def award(
    kind: Kind,
    *,
    community: Community,
    person_id: UUID,
    source: str,
    facts: Facts,
    payer: Account | None = None,
) -> Award:
    """Post what a record earns to the person's wallet in the kind's unit.

    ``payer`` is the fund that pays, None if the kind's points are issued. Idempotent by ``source``:
    answers with the first award, whatever versions the kind's inputs have had since. The rule and
    the day of its cap are those of ``facts.counts_from``; reversed points leave the cap free. A
    record that earns nothing has an award of 0. Raises PayerInvalid, RuleMissing,
    AwardSourceReused, and InsufficientPoints if the fund has too little, or the wallet if the award
    takes points.
    """
    payer = _payer(kind, community, payer)
    local_day = facts.counts_from.astimezone(community.clock).date()
    version = None
    if kind.subject is not None:
        version = rule_for(community, kind.subject, facts.category, local_day)
        if version is None:
            raise RuleMissing(category=facts.category, day=local_day.isoformat())
    # Awards of one person queue here, so that each sees the day's awards before it.
    wallet = ledger.wallet(community=community, person_id=person_id, unit=kind.unit, is_locked=True)
    if known := selectors.award_of(community.pk, source):
        why = known.explanation
        if (known.kind, known.account_id, why["inputs"], why.get("payer")) != (
            kind.name,
            wallet.pk,
            inputs_of(kind, known.inputs_version, facts, community),
            paid_by(payer),
        ):
            raise AwardSourceReused
        return known
    awarded_that_day = 0
    if version is not None and version.parameters.get("daily_cap_points") is not None:
        awarded_that_day = selectors.points_awarded_that_day(wallet, version.rule_id, local_day)
    amount, why = reckon(kind, len(kind.versions), community, facts, version, awarded_that_day)
    if payer.kind == AccountKind.FUND:
        why["payer"] = paid_by(payer)
    transfer = None
    if amount:
        expires_on = facts.expires_on
        if version is not None and kind.unit == Unit.POINTS:
            lasting = expiry.lasting(community=community, served_on=local_day)
            why["expiry"] = lasting.explanation()
            expires_on = lasting.expires_on
        debit, credit = (payer, wallet) if amount > 0 else (wallet, payer)
        transfer = ledger.post(
            ledger.Movement(
                debit=debit,
                credit=credit,
                amount=abs(amount),
                key=source,
                reason=kind.name,
                source=source,
                explanation=why,
                occurred_at=facts.occurred_at,
                expires_on=expires_on,
            )
        )
    return Award.objects.create(
        community=community,
        source=source,
        kind=kind.name,
        inputs_version=len(kind.versions),
        account=wallet,
        rule_version=version,
        local_day=local_day,
        unit=kind.unit,
        amount=amount,
        transfer=transfer,
        explanation_of_nothing=None if transfer else why,
    )


@transaction.atomic
def void(*, community: Community, source: str, reason: str) -> Void:
    """Take back the whole award of the record ``source``.

    What the wallet has spent of it is its shortfall, which the next awards repay; points of the
    day's cap are free again. Idempotent: answers with the first void. Raises AwardUnknown,
    AdjustmentNotVoided, and TransferReversed if all of it was taken back otherwise.
    """
    award = selectors.award_of(community.pk, source)
    if award is None:
        raise AwardUnknown
    if award.kind in Adjustment.Kind.values:
        raise AdjustmentNotVoided
    _locked(award.account)
    if known := selectors.void_of(award):
        return known
    made = Void(id=new_id(), community=community, award=award, reason=reason)
    if award.transfer is not None:
        made.reversal = ledger.reverse(
            community_id=community.pk,
            transfer_id=award.transfer.pk,
            key=f"void:{source}",
            reason="void",
            source=f"void:{made.pk}",
        )
    made.save(force_insert=True)
    return made


def reckon(
    kind: Kind,
    inputs_version: int,
    community: Community,
    facts: Facts,
    version: RuleVersion | None,
    awarded_that_day: int,
) -> tuple[int, dict[str, Any]]:
    """Return what the facts earn in the kind's unit, and why, without how long it lasts.

    ``awarded_that_day`` is what the rule has already brought for that day. Raises RuleInvalid.
    """
    earns = kind.versions[inputs_version - 1].earns
    inputs = inputs_of(kind, inputs_version, facts, community)
    why: dict[str, Any] = {"kind": {"name": kind.name, "inputs": inputs_version}}
    if version is None:
        amount, steps = earns(inputs, None)
        arithmetic = steps | {kind.unit.value: amount}
    else:
        why["rule"] = {
            "id": str(version.rule_id),
            "subject": version.rule.subject,
            "category": version.rule.category,
            "version": version.number,
        }
        rule = rules.READERS[Rule.Subject(version.rule.subject)](version.parameters)
        earned, steps = earns(inputs, rule)
        amount, arithmetic = rules.limited(
            rule,
            earned,
            steps,
            unit=kind.unit,
            awarded_that_day=awarded_that_day,
            during=facts.during,
        )
    return amount, why | {"inputs": inputs, "arithmetic": arithmetic}


def inputs_of(
    kind: Kind, inputs_version: int, facts: Facts, community: Community
) -> dict[str, Any]:
    """Return what that version of the kind's inputs reads of the facts, for JSON."""
    inputs = kind.versions[inputs_version - 1].inputs(facts, community)
    return inputs | ({"during": facts.during} if facts.during else {})


def paid_by(payer: Account) -> str | None:
    """Return the id of the fund that pays, None for issuance, of which there is one."""
    return str(payer.pk) if payer.kind == AccountKind.FUND else None


def _payer(kind: Kind, community: Community, payer: Account | None) -> Account:
    if payer is None and kind.payer == AccountKind.ISSUANCE:
        return ledger.account(community=community, kind=AccountKind.ISSUANCE)
    if payer is None or (payer.community_id, payer.kind, payer.unit) != (
        community.pk,
        kind.payer,
        kind.unit,
    ):
        raise PayerInvalid
    return payer


def _locked(wallet: Account) -> Account:
    return Account.objects.select_for_update(no_key=True).get(
        community=wallet.community_id, pk=wallet.pk
    )
