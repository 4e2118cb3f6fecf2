"""Awards: a record earns by a rule, once, can always say why, and can be voided as a whole."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from django.db import transaction

from backend.communities.models import Community
from backend.errors import Refusal
from backend.ids import new_id
from points.awards import selectors
from points.awards.errors import AdjustmentNotVoided, AwardSourceReused, AwardUnknown, PayerInvalid
from points.awards.kinds import Facts, Kind
from points.awards.models import Adjustment, Award, Void
from points.expiry import services as expiry
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger
from points.ledger.errors import InsufficientPoints
from points.ledger.models import Account
from points.rules import services as rules
from points.rules.errors import RuleMissing
from points.rules.models import Rule, RuleVersion
from points.rules.selectors import rules_for


@dataclass(frozen=True, kw_only=True, slots=True)
class Earning:
    """A record that may earn: whose it is, its source, and its facts."""

    person_id: UUID
    source: str
    facts: Facts


@transaction.atomic
def award(
    kind: Kind, *, community: Community, payer: Account | None = None, **earning: Any
) -> Award:
    """Post what one record earns, as ``award_many`` does with its ``Earning``.

    Raises PayerInvalid, RuleMissing, AwardSourceReused, and InsufficientPoints if the fund has too
    little, or the wallet if the award takes points.
    """
    (outcome,) = award_many(kind, community=community, earnings=[Earning(**earning)], payer=payer)
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


@transaction.atomic
def award_many(
    kind: Kind,
    *,
    community: Community,
    earnings: Sequence[Earning],
    payer: Account | None = None,
) -> list[Award | Refusal]:
    """Post what records earn to their people's wallets, in order, in the kind's unit.

    ``payer`` is the fund that pays, None if the kind's points are issued. Idempotent by ``source``:
    answers with the first award, whatever versions the kind's inputs have had since. The rule and
    the day of its cap are those of ``facts.counts_from``; reversed points leave the cap free. A
    record that earns nothing has an award of 0. One that is refused (RuleMissing,
    AwardSourceReused, InsufficientPoints) has its refusal instead, and the others their awards.
    Takes a posting for each, and for all of them a few statements and one for each day. Raises
    PayerInvalid.
    """
    payer = _payer(kind, community, payer)
    under = [(one.facts.category, _local_day(one, community)) for one in earnings]
    versions: dict[tuple[str, date], RuleVersion] = {}
    if kind.subject is not None:
        versions = rules_for(community, kind.subject, under)
    # Awards of one person queue here, so that each sees the day's awards before it.
    wallets = ledger.wallets(
        community=community, person_ids={one.person_id for one in earnings}, unit=kind.unit
    )
    known = selectors.awards_of(community.pk, [one.source for one in earnings])
    brought: Counter[tuple[UUID, UUID, date]] = Counter()
    if any(one.parameters.get("daily_cap_points") is not None for one in versions.values()):
        brought.update(
            selectors.points_awarded(community.pk, wallets.values(), {day for _, day in under})
        )
    lasting = cache(lambda day: expiry.lasting(community=community, served_on=day))
    outcomes: list[Award | Refusal] = []
    for earning, (category, local_day) in zip(earnings, under, strict=True):
        wallet, facts = wallets[earning.person_id], earning.facts
        version = versions.get((category, local_day))
        if kind.subject is not None and version is None:
            outcomes.append(RuleMissing(category=category, day=local_day.isoformat()))
            continue
        if first := known.get(earning.source):
            why = first.explanation
            said = (first.kind, first.account_id, why["inputs"], why.get("payer"))
            inputs = inputs_of(kind, first.inputs_version, facts, community)
            is_said = said == (kind.name, wallet.pk, inputs, paid_by(payer))
            outcomes.append(first if is_said else AwardSourceReused())
            continue
        under_cap = (wallet.pk, version.rule_id, local_day) if version else None
        amount, why = reckon(
            kind,
            len(kind.versions),
            community,
            facts,
            version,
            brought[under_cap] if under_cap else 0,
        )
        if payer.kind == AccountKind.FUND:
            why["payer"] = paid_by(payer)
        made = Award(
            id=new_id(),
            community=community,
            source=earning.source,
            kind=kind.name,
            inputs_version=len(kind.versions),
            account=wallet,
            rule_version=version,
            local_day=local_day,
            unit=kind.unit,
            amount=amount,
        )
        if amount:
            expires_on = facts.expires_on
            if version is not None and kind.unit == Unit.POINTS:
                why["expiry"] = lasting(local_day).explanation()
                expires_on = lasting(local_day).expires_on
            debit, credit = (payer, wallet) if amount > 0 else (wallet, payer)
            try:
                made.transfer = ledger.post(
                    ledger.Movement(
                        debit=debit,
                        credit=credit,
                        amount=abs(amount),
                        key=earning.source,
                        reason=kind.name,
                        source=earning.source,
                        explanation=why,
                        occurred_at=facts.occurred_at,
                        expires_on=expires_on,
                    )
                )
            except InsufficientPoints as refusal:
                outcomes.append(refusal)
                continue
        else:
            made.explanation_of_nothing = why
        known[earning.source] = made
        if under_cap:
            brought[under_cap] += amount
        outcomes.append(made)
    # In the order in which they were reckoned: the cap of a day is derived anew in that order.
    Award.objects.bulk_create(one for one in known.values() if one._state.adding)
    return outcomes


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


def _local_day(earning: Earning, community: Community) -> date:
    return earning.facts.counts_from.astimezone(community.clock).date()


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
