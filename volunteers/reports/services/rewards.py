"""Rewards of reports: what a closed one earns, and how that is frozen and taken back.

What counts is what was known at the first closing: category, colour, the reporter's group on the
day of the report, and the activity at which it was made. It is kept in the report, so that a reward
can be derived anew, and a report that is opened and closed again is not rewarded twice.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.db import transaction

from backend.accounts.models import User
from backend.communities.selectors import staff_among
from points.awards.selectors import awards_of
from points.awards.services import awards
from points.funds import services as funds
from points.kinds import Unit
from points.ledger import services as ledger
from points.rules import services as rules
from points.rules.selectors import rules_for
from volunteers.reports import rounds
from volunteers.reports.awards import CONFIRMATION, REPORT, facts_of, facts_of_confirmation
from volunteers.reports.categories import ancestry
from volunteers.reports.models.confirmations import Confirmation
from volunteers.reports.models.reports import Report
from volunteers.reports.selectors import group_of
from volunteers.reports.services import red_packets

if TYPE_CHECKING:
    from points.models import Award


@transaction.atomic
def reward(*, report: Report) -> "Award | None":
    """Award what a closed report earns, and their shares to those who confirmed it first.

    Points reach the wallets at once; fen are claimed from the rule's fund, in order of the first
    closing. Idempotent: a report that is closed again keeps its award, which is no longer frozen.
    Returns the reporter's award, None if the report has no reporter. Raises RuleMissing,
    FundMissing, FundEnded.
    """
    if not report.ruled_as:
        _decide(report)
    shares = _rewarded(report)
    _lock(report, shares)
    given = None
    if report.reporter_id:
        given = awards.award(
            REPORT,
            community=report.community,
            person_id=report.reporter_id,
            source=report.award_source,
            facts=facts_of(report),
            decided_by=report.closed_by,
        )
    for share in shares:
        awards.award(
            CONFIRMATION,
            community=report.community,
            person_id=share.confirmer_id,
            source=share.award_source,
            facts=facts_of_confirmation(share),
            decided_by=report.closed_by,
        )
    for award in _awards(report):
        if award.claim is None:
            continue
        if award.claim.frozen_at:
            funds.thaw(claim=award.claim)
        red_packets.tell_waiting(subject=award.source, community=report.community)
    return given


@transaction.atomic
def freeze(*, report: Report) -> None:
    """Keep what a report earned from being paid, because it is opened again. Idempotent.

    What was paid, or is on its way, stays.
    """
    for award in _awards(report):
        if award.claim is not None:
            funds.freeze(claim=award.claim)


@transaction.atomic
def take_back(*, report: Report, reason: str, taken_back_by: User) -> None:
    """Take back what a report earned, and its confirmers' shares. Idempotent.

    Points that were spent are repaid by what is earned next. Fen that were not paid stay in the
    fund; those that were are owed, and somebody else than ``taken_back_by`` records how they came
    back.
    """
    given = list(_awards(report))
    for award in given:  # a payout is locked before whom it pays
        if award.claim is not None:
            red_packets.call_off(subject=award.source, community=report.community, by=taken_back_by)
    _lock(report, _rewarded(report))
    for award in given:
        awards.void(
            community=report.community,
            source=award.source,
            reason=reason,
            voided_by=taken_back_by,
        )


def _decide(report: Report) -> None:
    """Keep in the report what it is rewarded by, and number the confirmers who get a share."""
    assert report.closed_at is not None  # a check constraint
    community = report.community
    day = report.closed_at.astimezone(community.clock).date()
    codes = ancestry(community, report.category)
    found = rules_for(community, "report", [(code, day) for code in codes])
    own = [code for code in codes if (code, day) in found]
    ruled_as = next((code for code in own if found[code, day].rule.category == code), codes[0])
    report.save_with(
        ruled_as=ruled_as,
        reporter_group=group_of(report),
        made_during=rounds.made_during(report),
    )
    version = found.get((ruled_as, day))
    rule = rules.of(version) if version else None
    if isinstance(rule, rules.ReportRule) and rule.confirmer_share_bp:
        for number, confirmation in enumerate(_first(report), start=1):
            confirmation.save_with(rewarded_as=number)


def _first(report: Report) -> list[Confirmation]:
    """Return the first who confirmed the report before it was accepted, and are not staff."""
    confirmed = list(
        report.confirmations.filter(
            community=report.community_id, confirmed_at__lt=report.accepted_at or report.closed_at
        ).order_by("confirmed_at", "id")
    )
    not_paid = {report.reporter_id, report.closed_by_id}
    not_paid |= staff_among(report.community, [one.confirmer_id for one in confirmed])
    paid = [one for one in confirmed if one.confirmer_id not in not_paid]
    return paid[: Confirmation.MOST_REWARDED]


def _rewarded(report: Report) -> list[Confirmation]:
    return list(
        report.confirmations.filter(community=report.community_id, rewarded_as__isnull=False)
        .select_related("report__community")
        .order_by("rewarded_as")
    )


def _lock(report: Report, shares: list[Confirmation]) -> None:
    """Lock where each of the people receives, in one order, before the first fund is locked."""
    people = {share.confirmer_id for share in shares}
    if report.reporter_id:
        people.add(report.reporter_id)
    if len(people) > 1:
        for unit in Unit:
            ledger.receivers(community=report.community, person_ids=people, unit=unit)


def _awards(report: Report) -> "Iterator[Award]":
    """Yield what was awarded for the report: the reporter's first, then the shares in order."""
    sources = [report.award_source, *(share.award_source for share in _rewarded(report))]
    given = awards_of(report.community_id, sources)
    return (given[source] for source in sources if source in given)
