"""Awards derived anew from their records, and compared with what is in the books.

Nothing that an award says of itself is believed: the rule comes from the versions that were
published by then, the cap from the awards before it that day, the arithmetic from both.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import F
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan

from backend.communities.models import Community
from backend.communities.selectors import lineage
from points.awards.models import Award
from points.awards.services import awards as awarding
from points.expiry import services as expiry
from points.expiry.models import ExpiryPolicy
from points.expiry.selectors import UNWRITTEN, expiry_policies_known_in
from points.kinds import AccountKind, Unit
from points.ledger.models import Account, Reversal, Transfer
from points.rules import selectors
from points.rules.errors import RuleInvalid
from points.rules.models import RuleVersion

AT_ONCE = 1_000  # awards in memory
# An award reads its rule a moment before it is made, so it may have missed a version that others
# were publishing just then.
BEING_PUBLISHED = timedelta(minutes=1)
NEVER = datetime.min.replace(tzinfo=UTC)

Published = TypeVar("Published", RuleVersion, ExpiryPolicy)


@dataclass(frozen=True)
class Record:
    """The record behind an award, as the app that keeps it has it now."""

    person_id: UUID
    state: str  # theirs, to be shown
    facts: awarding.Hours | awarding.Report | None  # None unless it is verified


@dataclass(frozen=True)
class Difference:
    """A difference: what is found under an award's source and what should be, for JSON."""

    source: str
    found: dict[str, Any]
    expected: dict[str, Any]

    def __str__(self) -> str:
        facts = (
            f"{name} is {there}, should be {self.expected[name]}"
            for name, there in self.found.items()
        )
        return f"{self.source}: {'; '.join(facts)}"


def rederive(
    community: Community,
    records: Callable[[list[str]], Mapping[str, Record]],
    *,
    at_once: int = AT_ONCE,
) -> Iterator[Difference | None]:
    """Yield for each award how it differs, or None: by wallet and day, in the order of awarding.

    ``records`` returns the records of many sources, by source. Reads ``at_once`` awards in six
    statements at most, besides those of ``records``, and never more into memory. Writes nothing and
    may run while others post.
    """
    day: tuple[UUID, date] | None = None
    before: list[_Brought] = []  # that day, to that wallet
    for awards in _in_order(community, at_once):
        # Records are read before reversals, so if one is seen as voided, so is its reversal.
        standing_on = records([award.source for award in awards])
        evidence = _Evidence(community, awards)
        for award in awards:
            if day != (award.account_id, award.local_day):
                day, before = (award.account_id, award.local_day), []
            yield evidence.difference(award, standing_on.get(award.source), before)
            before.append(evidence.brought(award))


def _in_order(community: Community, at_once: int) -> Iterator[list[Award]]:
    place = ("account_id", "local_day", "awarded_at", "id")
    all_of_them = Award.objects.filter(community=community).select_related("transfer")
    rest = all_of_them.order_by(*place)
    while awards := list(rest[:at_once]):
        yield awards
        if len(awards) < at_once:
            return
        last = tuple(getattr(awards[-1], name) for name in place)
        rest = all_of_them.filter(TupleGreaterThan(Tuple(*map(F, place)), last)).order_by(*place)


class _Brought(NamedTuple):
    """The part of one award in its rule's daily cap."""

    rule_id: UUID | None
    points: int
    reversals: list[Reversal]

    def net(self, moment: datetime) -> int:
        taken = sum(one.amount for one in self.reversals if one.requested_at < moment)
        return self.points - taken


class _Evidence:
    """Everything needed to derive a few awards anew, read at once."""

    def __init__(self, community: Community, awards: list[Award]) -> None:
        self.community = community
        transfers = [award.transfer for award in awards if award.transfer]
        self.accounts = Account.objects.in_bulk(
            {award.account_id for award in awards}
            | {transfer.debit_id for transfer in transfers}
            | {transfer.credit_id for transfer in transfers}
        )
        self.reversals: dict[UUID | None, list[Reversal]] = defaultdict(list)
        for reversal in Reversal.objects.filter(
            community=community, transfer__in=[award.transfer_id for award in awards]
        ):
            self.reversals[reversal.transfer_id].append(reversal)
        self.places = [place.pk for place in lineage(community)]
        self.versions = (
            RuleVersion.objects.filter(community__in=self.places)
            .select_related("rule", "community")
            .in_bulk()
        )
        # The last was never published: what holds where there is no policy.
        unwritten = ExpiryPolicy(kind=UNWRITTEN, published_at=NEVER, valid_from=date.min)
        self.policies = [*reversed(expiry_policies_known_in(community)), unwritten]
        self._ranked: dict[tuple[str, str], list[RuleVersion]] = {}

    def brought(self, award: Award) -> _Brought:
        version = self.versions.get(award.rule_version_id)
        return _Brought(
            version.rule_id if version else None,
            award.points,
            self.reversals[award.transfer_id],
        )

    def difference(
        self, award: Award, record: Record | None, before: list[_Brought]
    ) -> Difference | None:
        if record is None:
            return Difference(award.source, {"record": None}, {"record": "verified"})
        if record.facts is None:
            reversed_points = sum(one.amount for one in self.reversals[award.transfer_id])
            if reversed_points == award.points:
                return None
            return Difference(award.source, {"record": record.state}, {"record": "verified"})

        version = self._version(award, record.facts)
        if version is None:
            return Difference(
                award.source,
                {"version": _wording(self.versions.get(award.rule_version_id))},
                {"version": None},
            )
        awarded_that_day = sum(
            one.net(award.awarded_at) for one in before if one.rule_id == version.rule_id
        )
        try:
            points, arithmetic = record.facts.reckon(self.community, version, awarded_that_day)
        except RuleInvalid as refusal:
            return Difference(
                award.source,
                {"version": f"{_wording(version)}: {refusal.code}"},
                {"version": _wording(version)},
            )
        facts, transfer = record.facts, award.transfer
        local_day = self._local_day(facts)
        wallet = f"{AccountKind.WALLET} {Unit.POINTS} person:{record.person_id}"
        explanation = awarding.explanation(version, facts.inputs(self.community), arithmetic)
        expires_on = None
        if transfer and points:
            lasting = self._lasting(transfer, local_day)
            explanation["expiry"] = lasting.explanation()
            expires_on = lasting.expires_on
        # By name: what is found, and what is expected.
        compared: dict[str, tuple[Any, Any]] = {
            "wallet": (self._name(award.account_id), wallet),
            "local_day": (_iso(award.local_day), _iso(local_day)),
            "version": (_wording(self.versions.get(award.rule_version_id)), _wording(version)),
            "points": (award.points, points),
            "transfer.amount": (transfer.amount if transfer else None, points or None),
        }
        said = transfer.explanation if transfer else award.explanation_of_nothing
        if said is not None:  # else it is gone with the transfer
            there, due = _flat(said), _flat(explanation)
            compared |= {name: (there.get(name), due.get(name)) for name in {**due, **there}}
        if transfer and points:
            issuance = f"{AccountKind.ISSUANCE} {Unit.POINTS}"
            reverses = str(transfer.reverses_id) if transfer.reverses_id else None
            compared |= {
                "transfer.debit": (self._name(transfer.debit_id), issuance),
                "transfer.credit": (self._name(transfer.credit_id), wallet),
                "transfer.key": (transfer.key, award.source),
                "transfer.source": (transfer.source, award.source),
                "transfer.reason": (transfer.reason, facts.subject),
                "transfer.occurred_at": (_iso(transfer.occurred_at), _iso(facts.occurred_at)),
                "transfer.expires_on": (_iso(transfer.expires_on), _iso(expires_on)),
                "transfer.reverses": (reverses, None),
            }
        wrong = {name: both for name, both in compared.items() if both[0] != both[1]}
        if not wrong:
            return None
        found, expected = ({name: both[side] for name, both in wrong.items()} for side in (0, 1))
        return Difference(award.source, found, expected)

    def _version(self, award: Award, facts: awarding.Hours | awarding.Report) -> RuleVersion | None:
        """Return what ``selectors.rule_for`` answered when the award was made."""
        falls_under = (facts.subject, facts.category)
        if falls_under not in self._ranked:
            self._ranked[falls_under] = sorted(
                (
                    version
                    for version in self.versions.values()
                    if version.rule.subject == facts.subject
                    and version.rule.category in (facts.category, "*")
                ),
                key=selectors.rule_precedence(self.places),
            )
        day = self._local_day(facts)
        return _in_force(
            (
                version
                for version in self._ranked[falls_under]
                if version.valid_from <= day
                and (version.valid_to is None or day <= version.valid_to)
            ),
            award.awarded_at,
            lambda version: version.pk == award.rule_version_id,
        )

    def _lasting(self, transfer: Transfer, served_on: date) -> expiry.Lasting:
        """Return what ``expiry.lasting`` answered when the transfer was posted.

        Where several answers were possible at that moment, the one that the transfer names counts.
        """
        said = transfer.explanation.get("expiry", {})
        clock = self.community.clock
        posted_on, *before = (
            moment.astimezone(clock).date()
            for moment in (transfer.posted_at, transfer.posted_at - BEING_PUBLISHED)
        )
        if said.get("posted_on") in map(_iso, before):
            posted_on = date.fromisoformat(said["posted_on"])

        def in_force(day: date, *terms: tuple[str, str]) -> ExpiryPolicy:
            policy = _in_force(
                (policy for policy in self.policies if policy.valid_from <= day),
                transfer.posted_at,
                lambda policy: all(getattr(policy, name) == said.get(key) for name, key in terms),
            )
            assert policy  # the last holds always
            return policy

        served = in_force(served_on, ("kind", "policy"), ("months", "months"))
        posted = in_force(posted_on, ("at_least_days", "at_least_days"))
        return expiry.Lasting(served_on, posted_on, served, posted.at_least_days)

    def _local_day(self, facts: awarding.Hours | awarding.Report) -> date:
        return facts.counts_from.astimezone(self.community.clock).date()

    def _name(self, account_id: UUID) -> str | None:
        account = self.accounts.get(account_id)
        if account is None:
            return None
        name = f"{account.kind} {account.unit} {account.holder}".strip()
        if account.community_id != self.community.pk:
            return f"{name} of {account.community_id}"
        return name


def _in_force(
    ranked: Iterable[Published], moment: datetime, is_on_record: Callable[[Published], bool]
) -> Published | None:
    """Return the first published by ``moment``, of those published just then the one on record."""
    published = [one for one in ranked if one.published_at <= moment]
    for one in published:
        if is_on_record(one):
            return one
        if one.published_at < moment - BEING_PUBLISHED:
            break
    return next(iter(published), None)


def _wording(version: RuleVersion | None) -> str | None:
    """Return the version's name with place and rule: ``lake hours * 1``."""
    if version is None:
        return None
    rule = version.rule
    return f"{version.community.code} {rule.subject} {rule.category} {version.number}"


def _flat(said: Any, name: str = "") -> dict[str, Any]:
    """Return an explanation's leaves by their paths: ``{"arithmetic.minutes": 205}``."""
    if not isinstance(said, dict):
        return {name: said}
    return {
        path: leaf
        for key, inner in said.items()
        for path, leaf in _flat(inner, f"{name}.{key}" if name else key).items()
    }


def _iso(moment: datetime | date | None) -> str | None:
    if isinstance(moment, datetime):
        return moment.astimezone(UTC).isoformat()
    return moment.isoformat() if moment else None
