"""Plays a year of a community through the services that the API calls, in the order of time.

A scenario is a folder of spreadsheets and two JSON files, as docs/scenarios.md describes them; any
of them may be missing. The outcome is read from the ledger and the tables, and compared with
``expected.json``.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import connection, transaction
from django.db.models import Sum

from backend.accounts.models import User
from backend.accounts.phones import digest, mask
from backend.accounts.services.people import put_on_record
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.errors import Refusal
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError, open_table
from backend.imports.run import BatchOutcome
from backend.imports.sheet import Sheet
from backend.names import of_thing
from backend.text import is_tidy
from merchants.catalogue.sheets import OffersSheet
from merchants.models import Merchant, MerchantMember, Offer, Statement
from merchants.partners.services import partnerships as partners
from merchants.partners.sheets import MerchantsSheet
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement
from points.funds import services as funds
from points.funds.selectors import funds_in, with_figures
from points.kinds import AccountKind, Unit
from points.ledger import selectors as points
from points.rules import services as rules
from points.rules.errors import RuleInvalid, RuleMissing
from volunteers.activities import services as activities
from volunteers.attendance.services import hours, presence, sign_ups
from volunteers.attendance.sheets import HoursSheet
from volunteers.models import Activity, Attendance, Report, Volunteer
from volunteers.people.services.people import enrol
from volunteers.people.sheets import PHONE, VolunteersSheet
from volunteers.reports.reward_selectors import rewards_in
from volunteers.reports.reward_states import RewardState, reward_states
from volunteers.reports.services import red_packets
from volunteers.reports.sheets import NAMES, ReportersSheet, ReportsSheet

KNOWN_FILES = {
    "volunteers.csv",
    "reporters.csv",
    "reports.csv",
    "hours.csv",
    "merchants.csv",
    "offers.csv",
    "redemptions.csv",
    "rules.json",
    "expected.json",
}
KNOWN_KEYS = {"community", "timezone", "unit", "rounding", "service", "reports"}
KNOWN_KEYS |= {"fund_fen", "report_rewards_fen"}
FUND = "网格红包"  # which pays what rules.json rewards in fen
# In the same minute: check-outs first, so that points are earned, redemptions, reports, check-ins.
LEAVES, REDEEMS, REPORTS, ARRIVES = range(4)


class ScenarioError(Exception):
    """The error of a folder that can not be played; the text says why."""


@contextmanager
def _unrefused(
    row: Row, refusals: type[Refusal] = Refusal, *, file: str = "hours.csv"
) -> Iterator[None]:
    """End the replay if ``row`` is refused; it can only be undone as a whole.

    So there are no savepoints: thousands in one transaction make PostgreSQL twice as slow.
    """
    connection.features.uses_savepoints = False
    try:
        yield
    except refusals as refusal:
        raise ScenarioError(
            f"{file}, line {row.line}: {refusal.code}: {refusal.title}"
        ) from refusal
    finally:
        connection.features.uses_savepoints = True


@dataclass(frozen=True, order=True)
class Event:
    """An event at a moment; of two at the same, ``rank`` and ``order`` decide."""

    at: datetime
    rank: int
    order: tuple[str, int]
    number: int  # the row's place in its file


class Replay:
    """One scenario, played into the fresh community ``code``.

    ``tell`` is called with lines for people; ``watch`` wraps the events, for a progress bar. Raises
    ScenarioError, and TableError for a file that can not be read.
    """

    def __init__(
        self,
        folder: Path,
        *,
        code: str,
        tell: Callable[[str], object] = lambda line: None,
        watch: Callable[[list[Event]], Iterator[Event]] = iter,
    ) -> None:
        self.folder = folder
        self.code = code
        self.results: list[str] = []  # of each attempt to redeem, in order
        self._tell = tell
        self._watch = watch
        self._settings = self._read_json("rules.json")
        self._attendances: dict[int, Attendance] = {}
        self._clerks: dict[UUID, User] = {}  # by merchant
        self._people: dict[str, User] = {}  # by phone
        self._planned: dict[tuple[str, str], Activity] = {}

    @transaction.atomic
    def play(self) -> dict[str, Any]:
        """Play all of it, or nothing. Returns the figures, as in expected.json."""
        self._found_community()
        self._take(VolunteersSheet(self.community), "volunteers.csv")
        if self._has("reporters.csv"):
            self._take(ReportersSheet(self.community, self.approver), "reporters.csv")
        self._take(MerchantsSheet(self.community), "merchants.csv")
        self._attended = _once(self._read(HoursSheet(self.community), "hours.csv"))
        if not self._has("volunteers.csv"):  # whoever served is one
            for row in self._attended:
                self._enrol(row.values["phone"], row.values["name"])
        if not self._has("merchants.csv"):
            self._list_who_offers()
        self._take(OffersSheet(self.community), "offers.csv")
        self._attempts = self._read(RedemptionsSheet(self.community), "redemptions.csv")
        self._reports = ReportsSheet(self.community, handler=self.verifier)
        self._reported = self._read(self._reports, "reports.csv")
        self._open_fund()
        play = {
            LEAVES: self._leave,
            REDEEMS: self._redeem,
            REPORTS: self._report,
            ARRIVES: self._arrive,
        }
        for event in self._watch(sorted(self._events())):
            play[event.rank](event.number)
        self._settle()
        return self.figures()

    # --- before the first day -----------------------------------------------------------------

    def _found_community(self) -> None:
        if not self.folder.is_dir():
            raise ScenarioError(f"{self.folder} is not a folder.")
        names = {path.name for path in self.folder.iterdir()}
        for name in sorted(names - KNOWN_FILES):
            self._tell(f"{name}: not a file replay knows; ignored.")
        if not names & (KNOWN_FILES - {"expected.json"}):
            raise ScenarioError(f"There is nothing to play in {self.folder}.")
        for key in sorted(self._settings.keys() - KNOWN_KEYS):
            self._tell(f"rules.json, {key}: not a setting replay knows; ignored.")
        if Community.objects.filter(code=self.code).exists():
            raise ScenarioError(f"The community {self.code} exists; replay wants a fresh one.")
        timezone = self._settings.get("timezone", "Asia/Shanghai")
        try:
            ZoneInfo(timezone)
        except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):  # "Asia" is a folder
            raise ScenarioError(f"rules.json: {timezone!r} is not a timezone.") from None
        name = self._settings.get("community", self.code)
        if not isinstance(name, str) or not is_tidy(name) or len(name) > 60:
            raise ScenarioError("rules.json: community is not a name of 1 to 60 characters.")
        self.community = places.found(code=self.code, name=name, timezone=timezone)
        try:
            rules.publish_all(
                community=self.community,
                written=self._settings | self._rewards(),
                valid_from=date(2000, 1, 1),  # from before the scenario's first day
            )
        except RuleInvalid as refusal:
            raise ScenarioError(f"rules.json: {refusal.code} {refusal.facts}") from refusal

    def _rewards(self) -> dict[str, Any]:
        """Return the rules for reports, if rules.json rewards them in fen."""
        tariff = self._settings.get("report_rewards_fen", {})
        if not tariff:
            return {}
        return {
            "reports": {
                NAMES.get(name, name): {"reward_fen": fen, "fund": FUND}
                for name, fen in tariff.items()
            }
        }

    def _open_fund(self) -> None:
        """Open the fund of the year of the first report, and fill it."""
        if not self._settings.get("fund_fen") or not self._reported:
            return
        first = min(row.values["at"] for row in self._reported)
        fund = funds.open_fund(
            community=self.community,
            name=FUND,
            year=first.astimezone(self.community.clock).year,
            unit=Unit.FEN,
            opened_by=self.approver,
        )
        amount = self._settings["fund_fen"]
        funds.top_up(fund=fund, amount=amount, reason="rules.json", topped_up_by=self.approver)

    @cached_property
    def verifier(self) -> User:
        """The member of staff who verifies all hours."""
        return self._appointed(Role.STAFF, "社工")

    @cached_property
    def approver(self) -> User:
        """The manager who approves all statements."""
        return self._appointed(Role.MANAGER, "书记")

    def clerk_of(self, merchant: Merchant) -> User:
        """Return the clerk who scans at ``merchant``, employed on the first scan."""
        if merchant.pk not in self._clerks:
            user = self._member_of_staff(f"clerk{len(self._clerks) + 1:02}", "店员")
            partners.employ(merchant=merchant, user=user, role=MerchantMember.Role.CLERK)
            self._clerks[merchant.pk] = user
        return self._clerks[merchant.pk]

    def _appointed(self, role: Role, name: str) -> User:
        user = self._member_of_staff(role.value, name)
        roles.give(user=user, community=self.community, role=role)
        return user

    def _member_of_staff(self, role: str, name: str) -> User:
        user = User(username=f"{self.code}.{role}", name=name)
        user.set_unusable_password()
        user.save(force_insert=True)
        return user

    def _list_who_offers(self) -> None:
        """List everybody who offers something as a merchant, on unknown terms: 0 fen a point."""
        listed = self._read(OffersSheet(self.community), "offers.csv")
        names = {of_thing(row.values["merchant"]): row.values["merchant"] for row in listed}
        for name in sorted(names.values()):
            partners.sign_contract(
                community=self.community, name=name, trade="", fen_per_point=0, is_donated=False
            )

    # --- the year -----------------------------------------------------------------------------

    def _events(self) -> Iterator[Event]:
        for number, row in enumerate(self._attended):
            order = (row.values["phone"], number)
            yield Event(row.values["checked_in_at"], ARRIVES, order, number)
            yield Event(row.values["checked_out_at"], LEAVES, order, number)
        for number, row in enumerate(self._attempts):
            yield Event(row.values["at"], REDEEMS, ("", number), number)
        for number, row in enumerate(self._reported):
            yield Event(row.values["at"], REPORTS, ("", number), number)

    def _arrive(self, number: int) -> None:
        row = self._attended[number]
        user = self._person(row.values["phone"])
        if user is None:
            raise ScenarioError(
                f"hours.csv, line {row.line}: nobody with this phone is in volunteers.csv."
            )
        starts_at, ends_at = row.values["checked_in_at"], row.values["checked_out_at"]
        with _unrefused(row):
            shift = activities.plan_shift(
                activity=self._activity(row.values["activity"], row.values["category"]),
                starts_at=starts_at,
                ends_at=ends_at,
            )
            attendance = sign_ups.sign_up(shift=shift, volunteer=user, now=starts_at)
            self._attendances[number] = presence.check_in(
                attendance=attendance, now=starts_at, is_replayed=True
            )

    def _leave(self, number: int) -> None:
        row = self._attended[number]
        if number not in self._attendances:
            raise ScenarioError(
                f"hours.csv, line {row.line}: the check-out is not after the check-in."
            )
        attendance, moment = self._attendances[number], row.values["checked_out_at"]
        with _unrefused(row, RuleMissing):
            attendance = presence.check_out(attendance=attendance, now=moment)
            hours.verify(attendance=attendance, verifier=self.verifier, now=moment)

    def _redeem(self, number: int) -> None:
        values = self._attempts[number].values
        user = self._person(values["phone"]) or self._enrol(values["phone"], mask(values["phone"]))
        offer = (
            Offer.objects.filter(community=self.community, code=values["code"])
            .select_related("partnership__merchant", "community")
            .first()
        )
        if offer is None:
            self.results.append("offer_unknown")
            return
        try:
            voucher = redemption.take(
                offer=offer, volunteer=user, quantity=values["quantity"] or 1, now=values["at"]
            )
            merchant = offer.partnership.merchant
            redemption.scan(
                merchant_id=merchant.pk,
                clerk=self.clerk_of(merchant),
                code=voucher.code,
                now=values["at"],
            )
        except Refusal as refusal:
            self.results.append(refusal.code)
        else:
            self.results.append("redeemed")

    def _report(self, number: int) -> None:
        row = self._reported[number]
        reporter = self._person(row.values["phone"]) or self._enrol(
            row.values["phone"], mask(row.values["phone"])
        )
        with _unrefused(row, file="reports.csv"):
            report, _is_new = self._reports.record(row.values, reporter)
            self._pay_reward(report)

    def _pay_reward(self, report: Report) -> None:
        """Pay what the report earned by hand, by two people: nobody in a scenario has WeChat."""
        found = rewards_in(self.community).filter(subject=report.award_source, is_payable=True)
        if reward := found.first():
            paid = red_packets.pay_by_hand(
                reward=reward, reference=report.code or "", recorded_by=self.verifier
            )
            red_packets.confirm(payment=paid, confirmed_by=self.approver, now=report.submitted_at)

    def _settle(self) -> None:
        """Draft every month from the first redemption to the last, as the nightly task does, and
        have two people approve and pay it."""
        clock = self.community.clock
        days = {row.values["at"].astimezone(clock).date().replace(day=1) for row in self._attempts}
        if not days:
            return
        month = min(days)
        while month <= max(days):
            start, month = month, (month + timedelta(days=31)).replace(day=1)
            drafted = settlement.draft(
                community=self.community, period_start=start, period_end=month
            )
            self._pay(drafted, is_last=month > max(days))

    def _pay(self, statements: list[Statement], *, is_last: bool) -> None:
        """Approve and pay the statements of a month; ``is_last`` if it is the scenario's last."""
        for statement in statements:
            settlement.approve(statement=statement, approver=self.approver)
            settlement.mark_paid(statement=statement, payer=self.verifier)

    # --- what came of it ----------------------------------------------------------------------

    def figures(self) -> dict[str, Any]:
        """Return the figures from the tables and the ledger, in the shape of expected.json."""
        kinds = points.totals_by_kind(self.community)
        verified = Attendance.objects.filter(
            community=self.community, status=Attendance.Status.VERIFIED
        )
        statements = (
            Statement.objects.filter(community=self.community)
            .values_list("partnership__name")
            .annotate(Sum("redemptions_count"), Sum("points"), Sum("amount_fen"))
        )
        owed = {
            name: {"redemptions": count, "points": redeemed, "amount_fen": fen}
            for name, count, redeemed, fen in statements
        }
        reported = self._figures_of_reports() if self._reported else {}
        return reported | {
            "volunteers": Volunteer.objects.filter(community=self.community).count(),
            "service_minutes": verified.aggregate(sum=Sum("worked_minutes"))["sum"] or 0,
            "records": verified.count(),
            "points_issued": -kinds[AccountKind.ISSUANCE],
            "redemptions": dict(sorted(Counter(self.results).items())),
            "redemption_results": self.results,
            "points_redeemed": kinds[AccountKind.MERCHANT] + kinds[AccountKind.SETTLED],
            "points_outstanding": kinds[AccountKind.WALLET],
            "balances": self._balances(),
            "settlement": owed,
            "settlement_total_fen": sum(line["amount_fen"] for line in owed.values()),
            "stock_left": dict(
                Offer.objects.filter(community=self.community).values_list("code", "stock")
            ),
        }

    def _figures_of_reports(self) -> dict[str, Any]:
        names = {code: name for name, code in NAMES.items()}
        reports = list(Report.objects.filter(community=self.community))
        ended = Counter(report.status for report in reports)
        states = reward_states(self.community.pk, reports)
        rewarded = Counter(
            names.get(report.category, report.category)
            for report in reports
            if states[report.pk] == RewardState.PAID
        )
        fund: Any = with_figures(funds_in(self.community)).first()
        return {
            "reports": len(reports),
            "rewarded": dict(rewarded),
            "duplicates": ended[Report.Status.DUPLICATE],
            "rejected": ended[Report.Status.REJECTED],
            "paid_fen": fund.spent if fund else 0,
            "fund_left_fen": fund.left if fund else 0,
            "cash_by_phone": self._cash(),
        }

    def _cash(self) -> dict[str, int]:
        """Return the fen that reached each person, by phone; without those who got none."""
        found = points.accounts_in(self.community).filter(kind=AccountKind.PAYOUT)
        paid = {account.holder: points.balance(account) for account in found}
        volunteers = Volunteer.objects.filter(community=self.community).select_related("user")
        by_phone = {one.user.phone: paid.get(f"person:{one.user_id}", 0) for one in volunteers}
        return {phone: fen for phone, fen in sorted(by_phone.items()) if fen}

    def _balances(self) -> dict[str, int]:
        wallets = {
            wallet.holder: wallet.credits - wallet.debits
            for wallet in points.accounts_in(self.community).filter(kind=AccountKind.WALLET)
        }
        volunteers = Volunteer.objects.filter(community=self.community).select_related("user")
        return {
            volunteer.user.phone: wallets.get(f"person:{volunteer.user_id}", 0)
            for volunteer in volunteers
        }

    def expected(self) -> dict[str, Any]:
        """Return the contents of expected.json; empty without one."""
        return self._read_json("expected.json")

    # --- reading ------------------------------------------------------------------------------

    def _has(self, name: str) -> bool:
        return (self.folder / name).is_file()

    def _read_json(self, name: str) -> dict[str, Any]:
        if not self._has(name):
            return {}
        try:
            content = json.loads((self.folder / name).read_bytes())
        except ValueError as error:
            raise ScenarioError(f"{name} is not JSON: {error}") from error
        if not isinstance(content, dict):
            raise ScenarioError(f"{name} is not a JSON object.")
        return content

    def _read(self, sheet: Sheet, name: str) -> list[Row]:
        """Return all rows of a file, none if it is missing. Tells unknown columns."""
        if not self._has(name):
            return []
        table = open_table(self.folder / name, sheet.columns)
        if table.ignored_columns:
            self._tell(f"{name}: columns not known, ignored: {', '.join(table.ignored_columns)}.")
        found = list(table)
        self._stop_at(name, [item for item in found if isinstance(item, RowError)])
        return [item for item in found if isinstance(item, Row)]

    def _take(self, sheet: Sheet, name: str) -> None:
        if rows := self._read(sheet, name):
            self._stop_at(name, sheet.take(rows).errors)

    def _stop_at(self, name: str, errors: list[RowError]) -> None:
        for error in errors:
            self._tell(f"{name}, line {error.line}, {error.column}: {error.code}: {error.reason}")
        if errors:
            raise ScenarioError(f"{name} has {len(errors)} errors; nothing was played.")

    # --- who and what -------------------------------------------------------------------------

    def _person(self, phone: str) -> User | None:
        if phone not in self._people:
            of_phone = Volunteer.objects.filter(
                community=self.community, user__phone_digest=digest(phone)
            )
            if (volunteer := of_phone.select_related("user").first()) is None:
                return None
            self._people[phone] = volunteer.user
        return self._people[phone]

    def _enrol(self, phone: str, name: str) -> User:
        user = put_on_record(name=name, phone=phone)
        enrol(user=user, community=self.community, kind=Volunteer.Kind.RESIDENT)
        return user

    def _activity(self, title: str, category: str) -> Activity:
        key = of_thing(title), of_thing(category)
        if key not in self._planned:
            self._planned[key] = activities.plan_activity(
                community=self.community, title=title, category=category
            )
        return self._planned[key]


def _once(attended: list[Row]) -> list[Row]:
    """Return the rows without repetitions, as an import takes them."""
    rows: dict[tuple[Any, ...], Row] = {}
    for row in attended:
        of = row.values
        what = of_thing(of["activity"]), of_thing(of["category"])
        rows.setdefault((of["phone"], *what, of["checked_in_at"], of["checked_out_at"]), row)
    return list(rows.values())


class RedemptionsSheet(Sheet):
    """A sheet of 时间, 手机号, 编号, 数量 (may be missing: 1): one attempt to redeem a row."""

    @property
    def columns(self) -> tuple[Column, ...]:
        return (
            Column(header="时间", name="at", parse=cells.local_datetime(self.community.timezone)),
            PHONE,
            Column(header="编号", name="code", parse=cells.code(max_length=30)),
            Column(
                header="数量",
                name="quantity",
                parse=cells.whole_number(minimum=1, maximum=100),
                required=False,
            ),
        )

    def take(self, rows: list[Row]) -> BatchOutcome:
        raise NotImplementedError("Attempts are played one by one.")


@dataclass(frozen=True)
class Comparison:
    """One figure beside the expected one. ``agrees`` is None if nothing was expected."""

    name: str
    ours: str
    expected: str
    agrees: bool | None
    differences: tuple[str, ...] = ()


def compare(ours: dict[str, Any], expected: dict[str, Any]) -> list[Comparison]:
    """Compare every figure of either side; in lists and tables, each entry that differs."""
    return [
        _compare_one(name, ours.get(name), expected.get(name))
        for name in [*ours, *sorted(expected.keys() - ours.keys())]
    ]


def _compare_one(name: str, ours: Any, expected: Any) -> Comparison:
    if expected is None:
        return Comparison(name, _shown(ours), "—", None)
    if ours is None:
        return Comparison(name, "—", _shown(expected), False, ("not a figure replay makes",))
    differences = tuple(_differences(ours, expected))
    return Comparison(name, _shown(ours), _shown(expected), not differences, differences)


def _differences(ours: Any, expected: Any) -> Iterator[str]:
    if isinstance(ours, list) and isinstance(expected, list):
        ours, expected = (dict(enumerate(side, 1)) for side in (ours, expected))
    if isinstance(ours, dict) and isinstance(expected, dict):
        for key in sorted(ours.keys() | expected.keys()):
            if ours.get(key) != expected.get(key):
                yield f"{key}: {ours.get(key)} instead of {expected.get(key)}"
    elif ours != expected:
        yield f"{ours} instead of {expected}"


def _shown(figure: Any) -> str:
    if isinstance(figure, dict) and len(figure) <= 3:
        return ", ".join(f"{key} {value}" for key, value in figure.items())
    if isinstance(figure, dict | list):
        return f"{len(figure)} entries"
    return str(figure)
