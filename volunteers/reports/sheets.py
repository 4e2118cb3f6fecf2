"""The spreadsheets of reports, and of who makes them."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.accounts.services.people import put_on_record
from backend.communities.models import Community
from backend.errors import Refusal
from backend.imports import cells
from backend.imports.reader import Column, Row, RowError
from backend.imports.run import BatchOutcome, Made
from backend.imports.sheet import Sheet
from backend.names import of_thing
from volunteers.people.models import Volunteer
from volunteers.people.services.people import enrol
from volunteers.people.sheets import NAME, PHONE, phone_error, volunteers_named
from volunteers.reports import errors
from volunteers.reports.categories import names_of
from volunteers.reports.models.reports import Report, Source
from volunteers.reports.services import groups, handling, submitting

# What lists call the default categories, whatever language the community reads.
NAMES = {
    "安全隐患": "hazard",
    "环境脏乱": "environment",
    "设施损坏": "facility",
    "邻里纠纷": "dispute",
    "市长热线": "hotline",
    "帮扶救助": "assistance",
    "金点子": "suggestion",
}
OUTCOMES = {
    "属实已办结": Report.Status.CLOSED,
    "重复": Report.Status.DUPLICATE,
    "不属实": Report.Status.REJECTED,
}
# Names of groups of reporters in lists, and the codes by which rules know them.
FIRST_DAY = date(2000, 1, 1)  # of groups that have no other: before the first report
GROUPS = {"网格员": "grid_worker", "新阶层人士": "new_stratum"}


class ReportsSheet(Sheet):
    """编号, 时间, 手机号, 类别, 描述; 地点, 纬度, 经度, 办理结果 (optional): one report a row.

    A number is one report, however often the list comes. With a ``handler`` those with an outcome
    end by it as of the moment they were made, for a list has no other, and closed ones earn their
    reward; 重复 is a duplicate of the row before.
    """

    def __init__(
        self, community: Community, by: User | None = None, *, handler: User | None = None
    ) -> None:
        super().__init__(community, by)
        self._handler = handler
        own = {of_thing(name): code for code, name in names_of(community.pk).items()}
        self._categories = {of_thing(name): code for name, code in NAMES.items()} | own
        self._before: Report | None = None

    @property
    def columns(self) -> Sequence[Column]:
        moment = cells.local_datetime(self.community.timezone)
        return (
            Column(
                header="编号",
                name="code",
                parse=cells.code(max_length=30),
                about=gettext_lazy("Number of the report in the list, once"),
                example="2026-001",
            ),
            Column(
                header="时间",
                name="at",
                parse=moment,
                about=gettext_lazy("When it was reported, to the minute"),
                example="2026-03-01 07:00",
            ),
            PHONE,
            Column(
                header="类别",
                name="category",
                parse=cells.text(max_length=40),
                about=gettext_lazy("Category, by its name or code"),
                example="安全隐患",
            ),
            Column(
                header="描述",
                name="text",
                parse=cells.text(max_length=1000),
                about=gettext_lazy("What was seen"),
                example="井盖松动",
            ),
            Column(
                header="地点",
                name="place",
                parse=cells.text(max_length=120),
                required=False,
                about=gettext_lazy("Where, in words"),
                example="3号楼门前",
            ),
            Column(
                header="纬度",
                name="latitude",
                parse=cells.degrees(90),
                required=False,
                about=gettext_lazy("Degrees north, kept if the reporter agreed"),
                example="39.386872",
            ),
            Column(
                header="经度",
                name="longitude",
                parse=cells.degrees(180),
                required=False,
                about=gettext_lazy("Degrees east, kept if the reporter agreed"),
                example="112.434567",
            ),
            Column(
                header="办理结果",
                name="outcome",
                parse=cells.choice(OUTCOMES),
                required=False,
                about=gettext_lazy("How it ended; on the screen it stays open for staff to handle"),
                example="",
            ),
        )

    def take(self, rows: list[Row]) -> BatchOutcome:
        known = volunteers_named(self.community, rows)
        created, unchanged = 0, 0
        wrong: list[RowError] = []
        made: list[Made] = []
        for row in rows:
            volunteer = known.get(digest(row.values["phone"]))
            if volunteer is None:
                reason = _("Nobody with this phone number volunteers here.")
                wrong.append(phone_error(row, "volunteer_unknown", reason))
                continue
            try:
                with transaction.atomic():
                    report, is_new = self.record(row.values, volunteer.user)
            except Refusal as refusal:
                wrong.append(_error(row, refusal))
            else:
                created, unchanged = created + is_new, unchanged + (not is_new)
                if is_new:
                    made.append(Made(row.line, "report", report.pk))
        return BatchOutcome(created, unchanged, wrong, made)

    def record(self, values: dict[str, Any], reporter: User) -> tuple[Report, bool]:
        """Return the report of a row, as it is known or now made, and whether it is new.

        Raises CategoryUnknown, ReportCodeReused, OriginalUnknown, and what submitting and handling
        raise.
        """
        category = self._categories.get(of_thing(values["category"]), values["category"])
        report = Report.objects.filter(community=self.community, code=values["code"]).first()
        is_new = report is None
        if report is None:
            report = submitting.submit(
                community=self.community,
                reporter=reporter,
                source=Source.IMPORTED,
                category=category,
                text=values["text"],
                place=values["place"] or "",
                latitude=values["latitude"],
                longitude=values["longitude"],
                now=values["at"],
            )
            report.save_with(code=values["code"])
        said = (report.reporter_id, report.category, report.submitted_at)
        if said != (reporter.pk, category, values["at"]):
            raise errors.ReportCodeReused
        if self._handler and values["outcome"] and report.status in Report.OPEN:
            report = self._end(report, values["outcome"], self._handler)
        self._before = report
        return report, is_new

    def _end(self, report: Report, outcome: Report.Status, handler: User) -> Report:
        how: dict[str, Any] = {"report": report, "handler": handler, "now": report.submitted_at}
        if outcome == Report.Status.CLOSED:
            closed, _award = handling.close(**how)
            return closed
        if outcome == Report.Status.REJECTED:
            return handling.reject(**how, answer="不属实")
        if self._before is None:
            raise errors.OriginalUnknown
        return handling.mark_duplicate(**how, original=self._before)


class ReportersSheet(Sheet):
    """姓名, 手机号, 身份: who reports in which group, one a row; 身份 is a name of the group."""

    def __init__(self, community: Community, made_by: User) -> None:
        super().__init__(community)
        self._made_by = made_by

    columns = (NAME, PHONE, Column(header="身份", name="group", parse=cells.choice(GROUPS)))

    def take(self, rows: list[Row]) -> BatchOutcome:
        created = 0
        for row in rows:
            name, phone, code = (row.values[field] for field in ("name", "phone", "group"))
            user = put_on_record(name=name, phone=phone)
            enrol(user=user, community=self.community, kind=Volunteer.Kind.RESIDENT)
            shown = next(name for name, known in GROUPS.items() if known == code)
            group = groups.make(
                community=self.community, code=code, name=shown, made_by=self._made_by
            )
            groups.add(group=group, person=user, added_by=self._made_by, since=FIRST_DAY)
            created += 1
        return BatchOutcome(created, 0, [])


def _error(row: Row, refusal: Refusal) -> RowError:
    column = {
        errors.CategoryUnknown: "类别",
        errors.ReportCodeReused: "编号",
        errors.OriginalUnknown: "办理结果",
    }.get(type(refusal), "编号")
    return RowError(row.line, column, refusal.code, str(refusal.title))
