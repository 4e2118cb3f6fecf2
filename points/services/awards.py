"""Awards: a record earns points by a rule, once, and can always say why."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from backend.communities.models import Community
from points import selectors
from points.errors import AwardSourceReused, RuleMissing
from points.models import Account, AccountKind, Award, Rule, RuleVersion
from points.services import ledger
from points.services.rules import HoursRule, ReportRule, hours_to_points


@transaction.atomic
def award_hours(
    *,
    community: Community,
    person_id: UUID,
    source: str,
    category: str,
    checked_in_at: datetime,
    checked_out_at: datetime,
) -> Award:
    """What ``checked_in_at`` to ``checked_out_at`` of service earns, posted to the wallet.

    Once per ``source``: again, it answers the first award. The rule and the day of its cap are
    those of the check-in, by the community's clock. Earning nothing is an award as well, of 0.
    Raises RuleMissing, AwardSourceReused.
    """
    clock = community.clock
    local_day = checked_in_at.astimezone(clock).date()
    version = _rule(community, Rule.Subject.HOURS, category, local_day)
    wallet = _locked_wallet(community, person_id)
    inputs = {
        "category": category,
        "checked_in_at": checked_in_at.astimezone(UTC).isoformat(),
        "checked_out_at": checked_out_at.astimezone(UTC).isoformat(),
        "timezone": community.timezone,
    }
    if known := _known(wallet, source, inputs):
        return known
    points, arithmetic = hours_to_points(
        HoursRule.read(version.parameters),
        checked_in_at,
        checked_out_at,
        clock,
        selectors.points_awarded_that_day(wallet, version.rule_id, local_day),
    )
    return _put_down(
        community,
        wallet,
        _Earned(source, version, local_day, checked_out_at, points, inputs, arithmetic),
    )


@transaction.atomic
def award_report(
    *, community: Community, person_id: UUID, source: str, category: str, verified_at: datetime
) -> Award:
    """The fixed reward of a verified report of ``category``, posted to the wallet.

    Once per ``source``: again, it answers the first award. Raises RuleMissing,
    AwardSourceReused.
    """
    local_day = verified_at.astimezone(community.clock).date()
    version = _rule(community, Rule.Subject.REPORT, category, local_day)
    wallet = _locked_wallet(community, person_id)
    inputs = {"category": category, "verified_at": verified_at.astimezone(UTC).isoformat()}
    if known := _known(wallet, source, inputs):
        return known
    points = ReportRule.read(version.parameters).reward_points
    return _put_down(
        community,
        wallet,
        _Earned(source, version, local_day, verified_at, points, inputs, {"points": points}),
    )


@dataclass(frozen=True)
class _Earned:
    """All that is known of an award about to be put down."""

    source: str
    version: RuleVersion
    local_day: date
    occurred_at: datetime
    points: int
    inputs: dict[str, Any]
    arithmetic: dict[str, Any]


def _rule(community: Community, subject: Rule.Subject, category: str, day: date) -> RuleVersion:
    version = selectors.rule_for(community, subject, category, day)
    if version is None:
        raise RuleMissing(category=category, day=day.isoformat())
    return version


def _locked_wallet(community: Community, person_id: UUID) -> Account:
    """Awards of one person queue here, so that each sees what the day has brought before it."""
    wallet = ledger.wallet(community=community, person_id=person_id)
    return Account.objects.select_for_update(no_key=True).get(pk=wallet.pk)


def _known(wallet: Account, source: str, inputs: dict[str, Any]) -> Award | None:
    known = (
        Award.objects.filter(community_id=wallet.community_id, source=source)
        .select_related("transfer")
        .first()
    )
    if known and (known.account_id, known.explanation["inputs"]) != (wallet.pk, inputs):
        raise AwardSourceReused
    return known


def _put_down(community: Community, wallet: Account, earned: _Earned) -> Award:
    rule = earned.version.rule
    explanation = {
        "rule": {
            "id": str(rule.pk),
            "subject": rule.subject,
            "category": rule.category,
            "version": earned.version.number,
        },
        "inputs": earned.inputs,
        "arithmetic": earned.arithmetic,
    }
    transfer = None
    if earned.points:
        transfer = ledger.post(
            ledger.Movement(
                debit=ledger.account(community=community, kind=AccountKind.ISSUANCE),
                credit=wallet,
                amount=earned.points,
                key=earned.source,
                reason=rule.subject,
                source=earned.source,
                explanation=explanation,
                occurred_at=earned.occurred_at,
            )
        )
    return Award.objects.create(
        community=community,
        source=earned.source,
        account=wallet,
        rule_version=earned.version,
        local_day=earned.local_day,
        points=earned.points,
        transfer=transfer,
        explanation_of_nothing=None if transfer else explanation,
    )
