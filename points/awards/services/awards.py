"""Awards: a record earns points by a rule, once, and can always say why."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction

from backend.communities.models import Community
from points.awards import selectors
from points.awards.errors import AwardSourceReused
from points.awards.models import Award
from points.expiry import services as expiry
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.models import Account
from points.rules.errors import RuleMissing
from points.rules.models import Rule, RuleVersion
from points.rules.selectors import rule_for
from points.rules.services import HoursRule, ReportRule, hours_to_points


@dataclass(frozen=True)
class Hours:
    """The facts of a record of service. Its rule and its cap are those of the check-in's day."""

    subject: ClassVar = Rule.Subject.HOURS
    category: str
    checked_in_at: datetime
    checked_out_at: datetime

    @property
    def counts_from(self) -> datetime:
        return self.checked_in_at

    @property
    def occurred_at(self) -> datetime:
        return self.checked_out_at

    def inputs(self, community: Community) -> dict[str, Any]:
        return {
            "category": self.category,
            "checked_in_at": self.checked_in_at.astimezone(UTC).isoformat(),
            "checked_out_at": self.checked_out_at.astimezone(UTC).isoformat(),
            "timezone": community.timezone,
        }

    def reckon(
        self, community: Community, version: RuleVersion, awarded_that_day: int
    ) -> tuple[int, dict[str, Any]]:
        """Return the points, with every step of the arithmetic. Raises RuleInvalid."""
        return hours_to_points(
            HoursRule.read(version.parameters),
            self.checked_in_at,
            self.checked_out_at,
            community.clock,
            awarded_that_day,
        )


@dataclass(frozen=True)
class Report:
    """The facts of a verified report."""

    subject: ClassVar = Rule.Subject.REPORT
    category: str
    verified_at: datetime

    @property
    def counts_from(self) -> datetime:
        return self.verified_at

    occurred_at = counts_from

    def inputs(self, community: Community) -> dict[str, Any]:
        return {
            "category": self.category,
            "verified_at": self.verified_at.astimezone(UTC).isoformat(),
        }

    def reckon(
        self, community: Community, version: RuleVersion, awarded_that_day: int
    ) -> tuple[int, dict[str, Any]]:
        """Return the fixed reward, whatever was awarded that day. Raises RuleInvalid."""
        points = ReportRule.read(version.parameters).reward_points
        return points, {"points": points}


def award_hours(
    *,
    community: Community,
    person_id: UUID,
    source: str,
    category: str,
    checked_in_at: datetime,
    checked_out_at: datetime,
) -> Award:
    """Post what service from ``checked_in_at`` to ``checked_out_at`` earns to the person's wallet.

    Idempotent by ``source``: answers with the first award. The rule and the day of its cap are
    those of the check-in, by the community's clock; reversed points leave the cap free. A record
    that earns nothing has an award of 0. Raises RuleMissing, AwardSourceReused.
    """
    return _award(community, person_id, source, Hours(category, checked_in_at, checked_out_at))


def award_report(
    *, community: Community, person_id: UUID, source: str, category: str, verified_at: datetime
) -> Award:
    """Post the fixed reward of a verified report of ``category`` to the person's wallet.

    Idempotent by ``source``: answers with the first award. Raises RuleMissing, AwardSourceReused.
    """
    return _award(community, person_id, source, Report(category, verified_at))


def explanation(
    version: RuleVersion, inputs: dict[str, Any], arithmetic: dict[str, Any]
) -> dict[str, Any]:
    """Return an award's explanation, without how long its points last."""
    return {
        "rule": {
            "id": str(version.rule_id),
            "subject": version.rule.subject,
            "category": version.rule.category,
            "version": version.number,
        },
        "inputs": inputs,
        "arithmetic": arithmetic,
    }


@transaction.atomic
def _award(community: Community, person_id: UUID, source: str, record: Hours | Report) -> Award:
    local_day = record.counts_from.astimezone(community.clock).date()
    version = rule_for(community, record.subject, record.category, local_day)
    if version is None:
        raise RuleMissing(category=record.category, day=local_day.isoformat())
    wallet = ledger.wallet(community=community, person_id=person_id)
    # Awards of one person queue here, so that each sees the day's awards before it.
    wallet = Account.objects.select_for_update(no_key=True).get(pk=wallet.pk)
    inputs = record.inputs(community)
    if known := selectors.award_of(community.pk, source):
        if (known.account_id, known.explanation["inputs"]) != (wallet.pk, inputs):
            raise AwardSourceReused
        return known
    awarded_that_day = 0
    if isinstance(record, Hours):
        awarded_that_day = selectors.points_awarded_that_day(wallet, version.rule_id, local_day)
    points, arithmetic = record.reckon(community, version, awarded_that_day)
    why = explanation(version, inputs, arithmetic)
    transfer = None
    if points:
        lasting = expiry.lasting(community=community, served_on=local_day)
        why["expiry"] = lasting.explanation()
        transfer = ledger.post(
            ledger.Movement(
                debit=ledger.account(community=community, kind=AccountKind.ISSUANCE),
                credit=wallet,
                amount=points,
                key=source,
                reason=record.subject,
                source=source,
                explanation=why,
                occurred_at=record.occurred_at,
                expires_on=lasting.expires_on,
            )
        )
    return Award.objects.create(
        community=community,
        source=source,
        account=wallet,
        rule_version=version,
        local_day=local_day,
        points=points,
        transfer=transfer,
        explanation_of_nothing=None if transfer else why,
    )
