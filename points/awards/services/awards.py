"""Awards: a record earns by a rule, once, can always say why, and can be voided as a whole."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.errors import Refusal
from backend.ids import new_id
from backend.notices import services as notices
from points.awards import selectors
from points.awards.errors import AdjustmentNotVoided, AwardSourceReused, AwardUnknown
from points.awards.kinds import Facts, Kind
from points.awards.models import Adjustment, Award, Void
from points.expiry import services as expiry
from points.funds import services as funds
from points.funds.errors import FundEnded, FundMissing
from points.funds.models import Claim
from points.funds.selectors import fund_named
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger
from points.ledger.errors import InsufficientPoints
from points.ledger.models import Account
from points.rules import services as rules
from points.rules.errors import RuleMissing
from points.rules.models import RuleVersion
from points.rules.selectors import rules_for


@dataclass(frozen=True, kw_only=True, slots=True)
class Earning:
    """A record that may earn: whose it is, its source, its facts, and who decided on it.

    ``decided_by`` asks for the money of a record that earns fen.
    """

    person_id: UUID
    source: str
    facts: Facts
    decided_by: User | None = None


@transaction.atomic
def award(kind: Kind, *, community: Community, **earning: Any) -> Award:
    """Award what one record earns, as ``award_many`` does with its ``Earning``.

    Raises RuleMissing, FundMissing, FundEnded, AwardSourceReused, and InsufficientPoints if the
    award takes points that the wallet does not have.
    """
    (outcome,) = award_many(kind, community=community, earnings=[Earning(**earning)])
    if isinstance(outcome, Refusal):
        raise outcome
    return outcome


@transaction.atomic
def award_many(
    kind: Kind, *, community: Community, earnings: Sequence[Earning]
) -> list[Award | Refusal]:
    """Award what records earn to their people, in order, in the units of their rules.

    Points are posted to wallets; fen are claimed from the rule's fund, with the record as the
    subject. Idempotent by ``source``: answers with the first award, whatever versions the kind's
    inputs have had since. The rule and the day of its cap are those of ``facts.counts_from``; what
    was reversed or voided leaves the cap free. A record that earns nothing has an award of 0. One
    that is refused (RuleMissing, FundMissing, FundEnded, AwardSourceReused, InsufficientPoints) has
    its refusal instead, and the others their awards. Takes a posting for each, and for all of them
    a few statements and one for each day. Whoever earned points is told, unless their app does.
    """
    under = [(one.facts.category, local_day(one.facts, community)) for one in earnings]
    versions: dict[tuple[str, date], RuleVersion] = {}
    if kind.subject is not None:
        versions = rules_for(community, kind.subject, under)
    terms = {falls_under: rules.of(version) for falls_under, version in versions.items()}
    units = [terms[one].unit if one in terms else Unit.POINTS for one in under]
    # Awards of one person queue here, so that each sees the day's awards before it.
    accounts: dict[tuple[UUID, Unit], Account] = {}
    for unit in Unit:
        people = {one.person_id for one, of in zip(earnings, units, strict=True) if of == unit}
        if people:
            theirs = ledger.receivers(community=community, person_ids=people, unit=unit)
            accounts |= {(person_id, unit): account for person_id, account in theirs.items()}
    known = selectors.awards_of(community.pk, [one.source for one in earnings])
    brought: Counter[tuple[UUID, UUID, date]] = Counter()
    if any(one.daily_cap is not None for one in terms.values()):
        days = {day for _, day in under}
        brought.update(selectors.amounts_awarded(community.pk, accounts.values(), days))
    lasting = cache(lambda day: expiry.lasting(community=community, served_on=day))
    issuance = cache(lambda: ledger.account(community=community, kind=AccountKind.ISSUANCE))
    outcomes: list[Award | Refusal] = []
    for earning, (category, day), unit in zip(earnings, under, units, strict=True):
        account, facts = accounts[earning.person_id, unit], earning.facts
        version = versions.get((category, day))
        if kind.subject is not None and version is None:
            outcomes.append(RuleMissing(category=category, day=day.isoformat()))
            continue
        if first := known.get(earning.source):
            said = (first.kind, first.account.holder, first.explanation["inputs"])
            inputs = inputs_of(kind, first.inputs_version, facts, community)
            is_said = said == (kind.name, account.holder, inputs)
            outcomes.append(first if is_said else AwardSourceReused())
            continue
        under_cap = (account.pk, version.rule_id, day) if version else None
        amount, why = reckon(
            kind,
            len(kind.versions),
            community,
            facts,
            version,
            brought[under_cap] if under_cap else 0,
        )
        made = Award(
            id=new_id(),
            community=community,
            source=earning.source,
            kind=kind.name,
            inputs_version=len(kind.versions),
            account=account,
            rule_version=version,
            local_day=day,
            unit=unit,
            amount=amount,
        )
        try:
            if amount == 0:
                made.explanation_of_nothing = why
            elif unit == Unit.FEN:
                made.claim = _claimed(made, earning, why)
            else:
                expires_on = facts.expires_on
                if version is not None:
                    why["expiry"] = lasting(day).explanation()
                    expires_on = lasting(day).expires_on
                debit, credit = (issuance(), account) if amount > 0 else (account, issuance())
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
        except (FundEnded, FundMissing, InsufficientPoints) as refusal:
            outcomes.append(refusal)
            continue
        known[earning.source] = made
        if under_cap:
            brought[under_cap] += amount
        outcomes.append(made)
    # In the order in which they were reckoned: the cap of a day is derived anew in that order.
    given = [one for one in known.values() if one._state.adding]
    Award.objects.bulk_create(given)
    if not kind.is_told:
        _tell(community, given)
    return outcomes


def _tell(community: Community, given: Sequence[Award]) -> None:
    """Owe whoever earned points a notice of each award."""
    earned = [one for one in given if one.transfer is not None and one.amount > 0]
    notices.owe_many(
        community=community,
        kind="points_earned",
        owed=(
            notices.Owed(
                key=f"points-earned:{one.source}",
                recipient_id=UUID(one.account.holder.removeprefix("person:")),
                facts={"points": one.amount, "community": community.name},
                target_id=one.transfer_id,
            )
            for one in earned
        ),
        due_at=timezone.now(),
    )


def _claimed(award: Award, earning: Earning, why: dict[str, Any]) -> Claim:
    """Claim an award in fen from the fund that its explanation names, in order of the record."""
    assert earning.decided_by is not None, "Somebody decides on what earns money."
    return funds.claim(
        fund=fund_named(award.community, **why["fund"]),
        subject=award.source,
        payee=award.account.holder,
        amount=award.amount,
        closed_at=earning.facts.occurred_at,
        reason=award.kind,
        asked_by=earning.decided_by,
        explanation=why,
    )


@transaction.atomic
def void(*, community: Community, source: str, reason: str, voided_by: User | None = None) -> Void:
    """Take back the whole award of the record ``source``.

    What the wallet has spent of it is its shortfall, which the next awards repay. Fen that have
    left are owed by whoever got them; ``voided_by`` then says who else has to be told that they
    came back. The day's cap is free again. Idempotent: answers with the first void. Raises
    AwardUnknown, AdjustmentNotVoided, and TransferReversed if all of it was taken back otherwise.
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
    if award.claim is not None:
        assert voided_by is not None, "Somebody answers for money that is taken back."
        funds.take_back(claim=award.claim, taken_back_by=voided_by)
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
    """Return what the facts earn in the rule's unit, and why, without how long it lasts.

    ``awarded_that_day`` is what the rule has already brought for that day. Raises RuleInvalid.
    """
    earns = kind.versions[inputs_version - 1].earns
    inputs = inputs_of(kind, inputs_version, facts, community)
    why: dict[str, Any] = {"kind": {"name": kind.name, "inputs": inputs_version}}
    if version is None:
        amount, steps = earns(inputs, None)
        arithmetic = steps | {Unit.POINTS.value: amount}
    else:
        why["rule"] = {
            "id": str(version.rule_id),
            "subject": version.rule.subject,
            "category": version.rule.category,
            "version": version.number,
        }
        rule = rules.of(version)
        if rule.fund:
            why["fund"] = {"name": rule.fund, "year": local_day(facts, community).year}
        earned, steps = earns(inputs, rule)
        amount, arithmetic = rules.limited(
            rule,
            earned,
            steps,
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


def local_day(facts: Facts, community: Community) -> date:
    """Return the day whose rule and cap count, by the community's clock."""
    return facts.counts_from.astimezone(community.clock).date()


def _locked(wallet: Account) -> Account:
    return Account.objects.select_for_update(no_key=True).get(
        community=wallet.community_id, pk=wallet.pk
    )
