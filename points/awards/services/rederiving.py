"""Awards derived anew from their records, and compared with what is in the books.

Nothing that an award says of itself is believed: the rule comes from the versions that were
published by then, the cap from the awards before it that day, the arithmetic from both and from the
version of its kind's inputs that it was made under.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from django.db.models import Exists, F, OuterRef, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThan
from django.utils import timezone

from backend.communities.models import Community
from backend.communities.selectors import lineage
from backend.registries.checks import Scope
from points.awards.kinds import Facts, Record, kind_of, registered
from points.awards.models import Award, Void
from points.awards.selectors import points_by_source
from points.awards.services import awards as awarding
from points.expiry import services as expiry
from points.expiry.models import ExpiryPolicy
from points.expiry.selectors import UNWRITTEN, expiry_policies_known_in
from points.kinds import RECEIVES, AccountKind, Unit
from points.ledger.models import Account, Reversal, Transfer
from points.rules import selectors
from points.rules import services as rules
from points.rules.errors import RuleInvalid
from points.rules.models import RuleVersion

AT_ONCE = 1_000  # awards in memory
# An award reads its rule a moment before it is made, so it may have missed a version that others
# were publishing just then.
BEING_PUBLISHED = timedelta(minutes=1)
BEING_VOIDED = timedelta(minutes=1)  # a record is read a moment before the voids
NEVER = datetime.min.replace(tzinfo=UTC)

Published = TypeVar("Published", RuleVersion, ExpiryPolicy)


@dataclass(frozen=True)
class Difference:
    """A difference: what is found under an award's source and what should be, for JSON.

    ``table`` and ``row`` are the award's, or the record's if that has none.
    """

    table: str
    row: str
    source: str
    found: dict[str, Any]
    expected: dict[str, Any]

    def __str__(self) -> str:
        facts = (
            f"{name} is {there}, should be {self.expected[name]}"
            for name, there in self.found.items()
        )
        return f"{self.source}: {'; '.join(facts)}"


class Recomputation:
    """Iterator over the awards that differ from their records, and records without an award.

    Looks at all awards, or at those of the days on which something was awarded or taken back since
    then, and at records that came to earn since then.
    Takes at most nine SQL statements for ``at_once`` awards, besides one for the records of each
    kind, and two for as many records that must have an award. Writes nothing, never reads more than
    ``at_once`` awards into memory, and may run while others post. ``awards`` counts the awards
    looked at so far.
    """

    def __init__(
        self, community: Community, *, scope: Scope | None = None, at_once: int = AT_ONCE
    ) -> None:
        self.community, self._scope = community, scope or Scope(community)
        self.awards = 0
        self._at_once = at_once

    def __iter__(self) -> Iterator[Difference]:
        self.awards = 0
        for difference in self._awarded():
            self.awards += 1
            if difference:
                yield difference
        for kind in registered():
            earning = kind.records.earning(self._scope)
            if earning is not None:
                yield from self._without_award(earning)

    def _awarded(self) -> Iterator[Difference | None]:
        """Yield for each award how it differs, or None: by wallet and day, in order of awarding."""
        day: tuple[UUID, date] | None = None
        before: list[_Brought] = []  # that day, to that wallet
        for awards in _in_order(self._awards(), self._at_once):
            # Records are read before voids and reversals, so if one is seen as voided, so are they.
            records = self._records(awards)
            evidence = _Evidence(self.community, awards)
            for award in awards:
                if day != (award.account_id, award.local_day):
                    day, before = (award.account_id, award.local_day), []
                yield evidence.difference(award, records.get(award.source), before)
                before.append(evidence.brought(award))

    def _awards(self) -> QuerySet[Award]:
        """Return the awards to look at: whole days of a wallet, for what a day's cap cut."""
        awards = Award.objects.filter(community=self.community).select_related(
            "transfer", "claim__fund"
        )
        if self._scope.since is None:
            return awards
        made_since = {"community": self.community, "pk__gte": self._scope.since_id}
        voids = Void.objects.filter(**made_since)
        taken_back = Award.objects.filter(
            community=self.community,
            transfer__in=Reversal.objects.filter(**made_since).values("transfer"),
        )
        new = Award.objects.filter(**made_since).values("pk")
        touched = Award.objects.filter(
            community=self.community,
            pk__in=new.union(voids.values("award"), taken_back.values("pk")),
            account=OuterRef("account"),
            local_day=OuterRef("local_day"),
        )
        return awards.filter(Exists(touched))

    def _records(self, awards: list[Award]) -> dict[str, Record]:
        sources: dict[str, list[str]] = defaultdict(list)
        for award in awards:
            sources[award.source.partition(":")[0]].append(award.source)
        records: dict[str, Record] = {}
        for name, theirs in sources.items():
            if kind := kind_of(name):
                records |= kind.records.by_source(self.community, theirs)
        return records

    def _without_award(self, earning: QuerySet[Any]) -> Iterator[Difference]:
        rest = earning = earning.order_by("-id")
        while some := list(rest[: self._at_once]):
            of_source = {record.award_source: record for record in some}
            # Read after the records, so that the award of one verified meanwhile is seen.
            awarded = points_by_source([self.community.pk], of_source)
            for source, record in of_source.items():
                if source not in awarded:
                    yield Difference(
                        record._meta.db_table,
                        str(record.pk),
                        source,
                        {"award": None},
                        {"award": "given"},
                    )
            if len(some) < self._at_once:
                return
            rest = earning.filter(pk__lt=some[-1].pk)


def _in_order(rows: QuerySet[Award], at_once: int) -> Iterator[list[Award]]:
    place = ("account_id", "local_day", "awarded_at", "id")
    rest = rows.order_by(*place)
    while awards := list(rest[:at_once]):
        yield awards
        if len(awards) < at_once:
            return
        last = tuple(getattr(awards[-1], name) for name in place)
        rest = rows.filter(TupleGreaterThan(Tuple(*map(F, place)), last)).order_by(*place)


class _Brought(NamedTuple):
    """The part of one award in its rule's daily cap."""

    rule_id: UUID | None
    amount: int
    taken_back: list[tuple[datetime, int]]

    def net(self, moment: datetime) -> int:
        return self.amount - sum(amount for at, amount in self.taken_back if at < moment)


class _Evidence:
    """Everything needed to derive a few awards anew, read at once."""

    def __init__(self, community: Community, awards: list[Award]) -> None:
        self.community = community
        transfers = [award.transfer for award in awards if award.transfer]
        self.accounts = Account.objects.filter(community=community).in_bulk(
            {award.account_id for award in awards}
            | {award.claim.payee_id for award in awards if award.claim}
            | {transfer.debit_id for transfer in transfers}
            | {transfer.credit_id for transfer in transfers}
        )
        self.reversals: dict[UUID | None, list[Reversal]] = defaultdict(list)
        for reversal in Reversal.objects.filter(
            community=community, transfer__in=[award.transfer_id for award in awards]
        ):
            self.reversals[reversal.transfer_id].append(reversal)
        self.voided = dict(
            Void.objects.filter(community=community, award__in=awards).values_list(
                "award_id", "voided_at"
            )
        )
        self.read_at = timezone.now()
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
        taken_back = [(one.requested_at, one.amount) for one in self.reversals[award.transfer_id]]
        if award.claim_id and award.pk in self.voided:
            taken_back.append((self.voided[award.pk], award.amount))
        return _Brought(version.rule_id if version else None, award.amount, taken_back)

    def difference(
        self, award: Award, record: Record | None, before: list[_Brought]
    ) -> Difference | None:
        if record is None:
            return _of(award, {"record": None}, {"record": "verified"})
        is_back = sum(one.amount for one in self.reversals[award.transfer_id]) == abs(award.amount)
        if claim := award.claim:
            is_back = claim.status == claim.Status.RELEASED or claim.taken_back_at is not None
        if (record.facts is None or record.is_voided) and not is_back:
            return _of(award, {"record": record.state}, {"record": "verified"})
        if record.facts is None:
            return None
        voided_at = self.voided.get(award.pk)
        if record.is_voided and voided_at is None:
            return _of(award, {"voided": False}, {"voided": True})
        if not record.is_voided and voided_at and voided_at < self.read_at - BEING_VOIDED:
            return _of(award, {"voided": True}, {"voided": False})

        kind = kind_of(award.kind)
        if kind is None or not 0 < award.inputs_version <= len(kind.versions):
            unknown = f"{award.kind} {award.inputs_version}"
            return _of(award, {"kind": unknown}, {"kind": None})
        version = None
        if kind.subject is not None:
            version = self._version(award, kind.subject, record.facts)
            if version is None:
                return _of(
                    award,
                    {"version": _wording(self.versions.get(award.rule_version_id))},
                    {"version": None},
                )
        awarded_that_day = sum(
            one.net(award.awarded_at)
            for one in before
            if version and one.rule_id == version.rule_id
        )
        try:
            amount, explanation = awarding.reckon(
                kind, award.inputs_version, self.community, record.facts, version, awarded_that_day
            )
        except RuleInvalid as refusal:
            return _of(
                award,
                {"version": f"{_wording(version)}: {refusal.code}"},
                {"version": _wording(version)},
            )
        facts, transfer = record.facts, award.transfer
        local_day = awarding.local_day(facts, self.community)
        unit = rules.of(version).unit if version else Unit.POINTS
        receiver = f"{RECEIVES[unit]} {unit} person:{record.person_id}"
        issuance = f"{AccountKind.ISSUANCE} {Unit.POINTS}"
        is_posted, is_claimed = amount and unit == Unit.POINTS, amount and unit == Unit.FEN
        expires_on = facts.expires_on
        if transfer and is_posted and version:
            lasting = self._lasting(transfer, local_day)
            explanation["expiry"] = lasting.explanation()
            expires_on = lasting.expires_on
        # By name: what is found, and what is expected.
        compared: dict[str, tuple[Any, Any]] = {
            "account": (self._name(award.account_id), receiver),
            "local_day": (_iso(award.local_day), _iso(local_day)),
            "version": (_wording(self.versions.get(award.rule_version_id)), _wording(version)),
            "unit": (award.unit, unit.value),
            unit.value: (award.amount, amount),
            "transfer.amount": (
                transfer.amount if transfer else None,
                abs(amount) if is_posted else None,
            ),
            "claim.amount": (claim.amount if claim else None, amount if is_claimed else None),
        }
        carrier = transfer or claim
        said = carrier.explanation if carrier else award.explanation_of_nothing
        if said not in (None, explanation):  # None: it is gone with the transfer
            there, due = _flat(said), _flat(explanation)
            compared |= {name: (there.get(name), due.get(name)) for name in {**due, **there}}
        if transfer and is_posted:
            debit, credit = (issuance, receiver) if amount > 0 else (receiver, issuance)
            reverses = str(transfer.reverses_id) if transfer.reverses_id else None
            compared |= {
                "transfer.debit": (self._name(transfer.debit_id), debit),
                "transfer.credit": (self._name(transfer.credit_id), credit),
                "transfer.key": (transfer.key, award.source),
                "transfer.source": (transfer.source, award.source),
                "transfer.reason": (transfer.reason, kind.name),
                "transfer.occurred_at": (_iso(transfer.occurred_at), _iso(facts.occurred_at)),
                "transfer.expires_on": (_iso(transfer.expires_on), _iso(expires_on)),
                "transfer.reverses": (reverses, None),
            }
        if claim and is_claimed:
            fund = explanation["fund"]  # or a later year's, into which it was carried over
            year = max(fund["year"], claim.fund.year)
            compared |= {
                "claim.fund": (f"{claim.fund}", f"{fund['name']} {year}"),
                "claim.payee": (self._name(claim.payee_id), receiver),
                "claim.subject": (claim.subject, award.source),
                "claim.reason": (claim.reason, kind.name),
                "claim.closed_at": (_iso(claim.closed_at), _iso(facts.occurred_at)),
            }
        wrong = {name: both for name, both in compared.items() if both[0] != both[1]}
        if not wrong:
            return None
        found, expected = ({name: both[side] for name, both in wrong.items()} for side in (0, 1))
        return _of(award, found, expected)

    def _version(self, award: Award, subject: str, facts: Facts) -> RuleVersion | None:
        """Return what ``selectors.rules_for`` answered when the award was made."""
        falls_under = (subject, facts.category)
        if falls_under not in self._ranked:
            self._ranked[falls_under] = sorted(
                (
                    version
                    for version in self.versions.values()
                    if version.rule.subject == subject
                    and version.rule.category in (facts.category, "*")
                ),
                key=selectors.rule_precedence(self.places),
            )
        day = awarding.local_day(facts, self.community)
        return _in_force(
            (version for version in self._ranked[falls_under] if version.is_valid_on(day)),
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

    def _name(self, account_id: UUID) -> str | None:
        account = self.accounts.get(account_id)
        if account is None:
            return None
        name = f"{account.kind} {account.unit} {account.holder}".strip()
        if account.community_id != self.community.pk:
            return f"{name} of {account.community_id}"
        return name


def _of(award: Award, found: dict[str, Any], expected: dict[str, Any]) -> Difference:
    return Difference("points_award", str(award.pk), award.source, found, expected)


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
