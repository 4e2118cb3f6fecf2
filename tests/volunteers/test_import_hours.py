"""``manage.py import_hours``: the real file, and files that staff get wrong."""

import csv
import json
import re
from datetime import date, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db.models import Sum
from django.utils import timezone, translation

from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.accounts.services import phone
from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.privacy.services import erasure
from points.ledger.selectors import public_figures, wallet_of
from points.models import Account, Award, Rule
from points.rules import services as rules
from tests.long import IS_LONG
from volunteers.attendance.errors import OwnHours
from volunteers.attendance.services import hours, sign_ups
from volunteers.models import Activity, Attendance, Shift, Volunteer
from volunteers.people.services import joining, people

BISHAHU = settings.BASE_DIR / "backend" / "top" / "scenarios" / "bishahu"
HEADER = "活动,类别,姓名,手机号,签到,签退\n"


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def take(tmp_path):
    """Imports a file, or lines below the header, into the lake.

    Answers what the command printed, on standard output and error, and why it failed.
    """

    def run(what: Path | str, *arguments: str, community="lake") -> tuple[str, list[str], str]:
        path = what
        if isinstance(what, str):
            path = tmp_path / "hours.csv"
            path.write_text(HEADER + what)
        out, err, failure = StringIO(), StringIO(), ""
        try:
            call_command(
                "import_hours",
                str(path),
                f"--community={community}",
                *arguments,
                stdout=out,
                stderr=err,
                no_color=True,
            )
        except CommandError as error:
            failure = str(error)
        return out.getvalue().strip(), err.getvalue().splitlines(), failure

    return run


@pytest.fixture
def line(wang):
    """A row of Wang's: ``line("2024-03-01 07:00", "2024-03-01 09:00")``."""

    def write(
        checked_in, checked_out, *, category="邻里服务", activity="清洁楼道", user=wang, name=None
    ):
        return (
            f"{activity},{category},{name or user.name},{user.phone},{checked_in},{checked_out}\n"
        )

    return write


def rows_of(name: str) -> list[dict[str, str]]:
    with (BISHAHU / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def bishahu(db, person, tmp_path):
    """碧沙湖 with its own rules and as many of its 240 volunteers: ``bishahu(25)``."""

    def found(volunteers):
        community = places.found(code="bishahu", name="碧沙湖")
        for category, parameters in json.loads((BISHAHU / "rules.json").read_text())[
            "service"
        ].items():
            rules.publish(
                community=community,
                subject=Rule.Subject.HOURS,
                category=category,
                parameters=parameters,
                valid_from=date(2020, 1, 1),
            )
        roles.give(user=person("qian"), community=community, role=Role.MANAGER)
        lines = (BISHAHU / "volunteers.csv").read_text().splitlines(keepends=True)
        assert len(lines) == 241
        (tmp_path / "volunteers.csv").write_text("".join(lines[: 1 + volunteers]))
        call_command(
            "import_volunteers",
            tmp_path / "volunteers.csv",
            "--community=bishahu",
            stdout=StringIO(),
        )
        return community

    return found


def created(count, unchanged=0, skipped=0):
    return f"Rows created: {count}, unchanged: {unchanged}, skipped: {skipped}."


def nothing(good, known=0, bad=1):
    return (
        f"Nothing was imported. Rows good and new: {good}, good and already there: {known}, "
        f"bad: {bad}."
    )


# --- the real file ------------------------------------------------------------------------


@pytest.mark.slow
def test_the_real_year_waits_for_verification(take, bishahu):
    """The short proof has that of the first 40 volunteers."""
    volunteers, count, minutes = (240, 1168, 144_000) if IS_LONG else (40, 196, 23_085)
    bishahu(volunteers)
    theirs = "".join(
        ",".join(row.values()) + "\n"
        for row in rows_of("hours.csv")
        if int(row["手机号"][-3:]) <= volunteers
    )
    assert take(theirs, "--dry-run", community="bishahu") == (nothing(count, bad=0), [], "")
    assert not Activity.objects.exists()
    assert not Attendance.objects.exists()

    assert take(theirs, community="bishahu") == (created(count), [], "")
    assert Attendance.objects.aggregate(minutes=Sum("worked_minutes")) == {"minutes": minutes}
    assert set(Attendance.objects.values_list("status", flat=True)) == {"checked_out"}
    assert not Award.objects.exists()
    figures = [model.objects.count() for model in (Activity, Shift, Attendance)]

    assert take(theirs, community="bishahu") == (created(0, unchanged=count), [], "")
    assert [model.objects.count() for model in (Activity, Shift, Attendance)] == figures


@pytest.mark.slow
def test_the_real_hours_verified_earn_every_point_once(take, bishahu):
    """Of the first 25 volunteers. That all 240 together earn 27,702 is part of the replay."""
    community = bishahu(25)
    answer = json.loads((BISHAHU / "expected.json").read_text())
    expected = dict(list(answer["balances"].items())[:25])
    # What they earned is what was left at the end of the year and what they redeemed.
    prices = {offer["编号"]: int(offer["积分"]) for offer in rows_of("offers.csv")}
    attempts = zip(rows_of("redemptions.csv"), answer["redemption_results"], strict=True)
    for attempt, result in attempts:
        if result == "redeemed" and attempt["手机号"] in expected:
            expected[attempt["手机号"]] += prices[attempt["编号"]] * int(attempt["数量"])
    theirs = [
        ",".join(row.values()) + "\n" for row in rows_of("hours.csv") if row["手机号"] in expected
    ]

    once = take("".join(theirs), "--verified-by=qian", community="bishahu")
    again = take("".join(theirs), "--verified-by=qian", community="bishahu")

    assert once == (created(len(theirs)), [], "")
    assert again == (created(0, unchanged=len(theirs)), [], "")
    assert {
        user.phone: wallet_of(community.pk, user.pk).available
        for user in User.objects.filter(phone_digest__in=map(digest, expected))
    } == expected
    assert public_figures(community)["issued"] == sum(expected.values())
    assert set(Attendance.objects.values_list("status", "verified_by__username")) == {
        ("verified", "qian")
    }


def test_excel_in_china_writes_gb18030_which_is_imported_alike(take, wang, line, tmp_path):
    lines = line("2024-03-01 07:00", "2024-03-01 09:00") + line("2024/3/2 7:00", "2024/3/2 9:00")
    copy = tmp_path / "导出.csv"
    copy.write_bytes((HEADER + lines).replace("\n", "\r\n").encode("gb18030"))

    assert take(copy) == (created(2), [], "")
    assert take(lines) == (created(0, unchanged=2), [], "")


# --- verified by somebody -----------------------------------------------------------------


def test_hours_verified_on_import_earn_what_the_rule_says(take, wang, zhao, lake, line):
    lines = line("2024-03-01 07:00", "2024-03-01 09:30", category="交通劝导")
    lines += line("2024-03-01 10:00", "2024-03-01 20:00")

    assert take(lines, "--verified-by=zhao") == (created(2), [], "")

    # 120 rush-hour minutes at one and a half and 30 plain ones; 100 points cut to the cap of 80.
    assert wallet_of(lake.pk, wang.pk).available == 35 + 80
    assert set(Attendance.objects.values_list("status", "verified_by__name")) == {
        ("verified", "赵社工")
    }


def test_hours_that_waited_are_verified_by_a_second_import(take, wang, zhao, lake, line):
    lines = line("2024-03-01 07:00", "2024-03-01 09:00")
    take(lines)

    assert take(lines, "--verified-by=zhao")[0] == created(0, unchanged=1)
    assert take(lines, "--verified-by=zhao")[0] == created(0, unchanged=1)

    assert wallet_of(lake.pk, wang.pk).available == 20


def test_a_dry_run_with_a_verifier_awards_nothing(take, wang, zhao, lake, line):
    lines = line("2024-03-01 07:00", "2024-03-01 09:00")

    assert take(lines, "--verified-by=zhao", "--dry-run") == (nothing(1, bad=0), [], "")

    assert not Award.objects.exists()
    assert not Account.objects.exists()


def test_only_who_may_verify_there_is_named_as_verifier(take, wang, line, hill, lake, person):
    lines = line("2024-03-01 07:00", "2024-03-01 09:00")
    roles.give(user=person("elsewhere"), community=hill, role=Role.MANAGER)
    roles.give(user=person("auditor"), community=lake, role=Role.AUDITOR)

    for username in ("nobody", "wang", "elsewhere", "auditor"):
        assert take(lines, f"--verified-by={username}", "--skip-bad") == (
            "",
            [],
            f"{username} may not verify hours in 碧沙湖社区.",
        )

    assert not Attendance.objects.exists()


def test_nobody_verifies_hours_of_their_own_by_importing_them(take, wang, zhao, lake, line):
    people.enrol(user=zhao, community=lake, kind=Volunteer.Kind.RESIDENT)
    lines = line("2024-03-01 07:00", "2024-03-01 09:00") + line(
        "2024-03-01 07:00", "2024-03-01 09:00", user=zhao
    )

    out, err, failure = take(lines, "--verified-by=zhao")
    assert err == [f"line 3, 签到: own_hours: {OwnHours.title}"]
    assert (out, failure) == ("", nothing(1))
    assert not Award.objects.exists()

    assert take(lines, "--verified-by=zhao", "--skip-bad")[0] == created(1, skipped=1)
    assert Attendance.objects.get().volunteer == wang


@pytest.mark.parametrize("then", ["signed_up", "cancelled"])
def test_a_refused_row_leaves_the_place_as_it_was(take, zhao, lake, line, signed_up, then):
    people.enrol(user=zhao, community=lake, kind=Volunteer.Kind.RESIDENT)
    place = signed_up(zhao, "2024-03-01 07:00", "2024-03-01 09:00", title="清洁楼道")
    if then == "cancelled":
        sign_ups.cancel(attendance=place, now=place.shift.starts_at)
    lines = line("2024-03-01 07:00", "2024-03-01 09:00", user=zhao)

    _, err, _ = take(lines, "--verified-by=zhao", "--skip-bad")

    assert err == [f"line 2, 签到: own_hours: {OwnHours.title}"]
    place.refresh_from_db()
    assert (place.status, place.checked_in_at, place.worked_minutes) == (then, None, None)


def test_hours_no_version_of_a_rule_covers_are_refused_though_they_stand_twice(
    take, wang, zhao, line
):
    # The lake's rules begin in 2020.
    early = line("2019-12-31 07:00", "2019-12-31 09:00")
    lines = early + line("2024-03-01 07:00", "2024-03-01 09:00") + early

    out, err, _ = take(lines, "--verified-by=zhao", "--skip-bad")

    reason = "类别: rule_missing: No rule of this community covers this category on that day."
    assert err == [f"line 2, {reason}", f"line 4, {reason}"]
    assert out == created(1, skipped=2)
    assert Attendance.objects.get().status == "verified"


def test_rejected_hours_are_not_verified_by_a_second_import(take, wang, zhao, lake, line):
    lines = line("2024-03-01 07:00", "2024-03-01 09:00")
    take(lines)
    hours.reject(attendance=Attendance.objects.get(), verifier=zhao, reason="不在场")

    assert take(lines) == (created(0, unchanged=1), [], "")
    _, err, _ = take(lines, "--verified-by=zhao", "--skip-bad")

    assert err[0].startswith("line 2, 签到: attendance_status_wrong: ")
    assert Attendance.objects.get().status == "rejected"
    assert not Award.objects.exists()


# --- files that are wrong -----------------------------------------------------------------


@pytest.mark.parametrize("column", ["活动", "类别", "姓名", "手机号", "签到", "签退"])
def test_a_file_without_one_of_its_columns_is_refused_whole(take, lake, tmp_path, column):
    file = tmp_path / "wrong.csv"
    file.write_text(HEADER.replace(column, "备注") + "a,b,c,d,e,f\n")

    out, err, failure = take(file, "--skip-bad")

    assert failure.startswith(f"{file}: columns_missing: Missing columns: {column}. Found: ")
    assert (out, err) == ("", [])


TIMES = "A shift ends after it begins, and lasts 24 hours at most."


@pytest.mark.parametrize(
    ("checked_in", "checked_out", "error"),
    [
        ("2024-03-01 09:00", "2024-03-01 07:00", f"签到: shift_times_invalid: {TIMES}"),
        ("2024-03-01 09:00", "2024-03-01 09:00", f"签到: shift_times_invalid: {TIMES}"),
        ("2024-03-01 09:00", "2024-03-02 09:01", f"签到: shift_times_invalid: {TIMES}"),
        ("2099-03-01 07:00", "2099-03-01 09:00", "签到: time_in_the_future: "),
        ("2023-02-29 07:00", "2023-03-01 07:00", "签到: date_invalid: There is no day 2023-02-29"),
        ("2024-03-01 24:01", "2024-03-02 09:00", "签到: date_invalid: There is no such time"),
        ("2024-03-01 07:00:30", "2024-03-01 09:00", "签到: date_seconds: Times are to the minute"),
        ("45352.29", "2024-03-01 09:00", "签到: date_seconds: Times are to the minute"),
        ("45352", "2024-03-01 09:00", "签到: date_serial: This is the spreadsheet's inner"),
        ("2024-03-01 07:00", "tomorrow", "签退: date_invalid: Write date and time as in"),
        ("2024-03-01 07:00", "", "签退: missing: The cell is empty."),
        ("2024-03-01 07:00", "=NOW()", "签退: formula: The cell is a formula"),
        ("2024-03-05 08:00", "2024-03-05 10:00", "签到: already_elsewhere: "),
        ("2024-03-05 07:00", "2024-03-05 08:59", "签到: already_elsewhere: "),
        ("2024-03-10 08:00", "2024-03-10 10:00", "签到: already_elsewhere: "),
    ],
)
def test_hours_that_can_not_be_are_named_and_nothing_is_imported_unless_told_to(
    take, wang, attended_on_the_tenth, line, checked_in, checked_out, error
):
    lines = (
        line("2024-03-05 07:00", "2024-03-05 09:00")
        + line(checked_in, checked_out)
        + line("2024-02-29 07:00", "2024-02-29 09:00")  # a day there is in 2024
    )

    out, err, failure = take(lines)

    assert (out, len(err), failure) == ("", 1, nothing(2))
    assert err[0].startswith(f"line 3, {error}")
    assert Attendance.objects.get() == attended_on_the_tenth

    out, err, failure = take(lines, "--skip-bad")

    assert (out, len(err), failure) == (created(2, skipped=1), 1, "")
    assert Attendance.objects.filter(worked_minutes=120).count() == 3


@pytest.fixture
def attended_on_the_tenth(served, wang):
    """Wang was there on 10 March from 7 to 9, by the app."""
    return served(wang, "2024-03-10 07:00", "2024-03-10 09:00")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"activity": "=HYPERLINK(1)"}, "活动: formula: "),
        ({"activity": "-1"}, "活动: formula: "),
        ({"category": "@x"}, "类别: formula: "),
        ({"activity": "长" * 81}, "活动: too_long: 81 characters"),
        ({"category": " "}, "类别: missing: "),
        ({"name": "王?"}, "姓名: character_lost: "),
        ({"activity": "清\ufffd楼道"}, "活动: character_lost: "),
    ],
)
def test_a_cell_that_can_not_be_is_named(take, wang, line, changed, error):
    lines = line("2024-03-01 07:00", "2024-03-01 09:00", **changed)

    out, err, failure = take(lines)

    assert (out, len(err), failure) == ("", 1, nothing(0))
    assert err[0].startswith(f"line 2, {error}")
    assert not Attendance.objects.exists()


def test_only_volunteers_of_the_community_have_hours_there(
    take, lake, wang, zhao, hill, line, person
):
    neighbour = person("neighbour", "山里人")
    people.enrol(user=neighbour, community=hill, kind=Volunteer.Kind.RESIDENT)
    nobody = "清洁楼道,邻里服务,无名,13900000000,2024-03-01 07:00,2024-03-01 09:00\n"
    lines = nobody + "".join(
        line("2024-03-01 07:00", "2024-03-01 09:00", user=user) for user in (zhao, neighbour)
    )

    _, err, failure = take(lines)

    reason = "手机号: volunteer_unknown: Nobody with this phone number volunteers here."
    assert err == [
        f"line 2, {reason} [139********]",
        f"line 3, {reason} [198********]",
        f"line 4, {reason} [198********]",
    ]
    assert failure == nothing(0, bad=3)


def test_a_category_no_rule_covers_is_refused_where_no_rule_is_for_all(take, hill, person):
    zhang = person("zhang", "张三")
    people.enrol(user=zhang, community=hill, kind=Volunteer.Kind.RESIDENT)
    rules.publish(
        community=hill,
        subject=Rule.Subject.HOURS,
        category="邻里服务",
        parameters={"points_per_hour": 10},
        valid_from=date(2020, 1, 1),
    )
    lines = "".join(
        f"活动,{category},张三,{zhang.phone},2024-03-0{n} 07:00,2024-03-0{n} 09:00\n"
        for n, category in enumerate(["邻里服务", "唱歌"], start=1)
    )

    _, err, failure = take(lines, community="hill")

    assert err == ["line 3, 类别: category_unknown: The community has no such category."]
    assert failure == nothing(1)


def test_an_identical_row_is_one_record_wherever_it_stands(take, wang, line):
    row = line("2024-03-01 07:00", "2024-03-01 09:00")
    days = [date(2022, 1, 1) + timedelta(days=n) for n in range(600)]
    others = [line(f"{day} 07:00", f"{day} 08:00") for day in days]
    # Rows are taken 500 at a time: the second copy comes with the first, the third by itself.
    rows = [row, *others[:300], row, *others[300:], row]

    assert take("".join(rows)) == (created(601, unchanged=2), [], "")
    assert Attendance.objects.count() == 601


def test_hours_up_to_this_minute_are_taken_and_the_next_are_not(take, wang, lake, line):
    now = timezone.now().astimezone(lake.clock).replace(second=0, microsecond=0)
    hour = timedelta(hours=1)

    def rows(until):
        return line(*(f"{moment:%Y-%m-%d %H:%M}" for moment in (until - hour, until)))

    assert take(rows(now + 2 * hour))[1][0].startswith("line 2, 签到: time_in_the_future: ")
    assert take(rows(now)) == (created(1), [], "")


def test_no_message_tells_a_phone_number(take, wang, line):
    lines = (
        line("2024-03-01 09:00", "2024-03-01 07:00")
        + line("2024-03-01 07:00", "2024-03-01 09:00", name="别人")
        + "活动,邻里服务,无名,13912345678,2024-03-01 07:00,2024-03-01 09:00\n"
        + "活动,邻里服务,无名,139123456789,2024-03-01 07:00,2024-03-01 09:00\n"
        + "活动,邻里服务,无名,２３９１２３４５６７８,2024-03-01 07:00,2024-03-01 09:00\n"
        + "活动,13912345678,无名,=13912345678,13912345678,13912345678\n"
    )

    _, err, failure = take(lines)

    lines_at_fault = [re.match(r"line (\d+), ", message)[1] for message in err]
    assert lines_at_fault == ["2", "3", "4", "5", "6", "7", "7", "7"]
    assert failure.endswith("bad: 6.")
    assert re.search(r"[0-9０-９]{8}", "\n".join([*err, failure])) is None


# --- what people did since ----------------------------------------------------------------
def test_who_renamed_themselves_or_gave_the_number_up_spoils_no_list(take, wang, li, line):
    lines = line("2024-03-01 07:00", "2024-03-01 09:00") + line(
        "2024-03-01 07:00", "2024-03-01 09:00", user=li
    )
    nobody = line("2024-03-01 10:00", "2024-03-01 11:00", user=wang)
    wang.name = "王大明"
    wang.save(update_fields=["name"])
    phone.unbind(user=li)

    _, err, failure = take(lines + nobody)

    assert [told.split(": ")[1] for told in err] == [
        "phone_belongs_to_another",
        "phone_withdrawn",
        "phone_belongs_to_another",
    ]
    assert failure == ""
    assert not Attendance.objects.exists()


@pytest.mark.parametrize(
    ("act", "code"),
    [
        ("has another name", "phone_belongs_to_another"),
        ("asked to be erased", "volunteer_left"),
        ("took their request back", "volunteer_left"),
    ],
)
def test_who_is_known_and_was_never_enrolled_spoils_no_list(
    take, wang, lake, person, line, act, code
):
    sun = person("sun", "孙师傅")
    if act == "asked to be erased":
        erasure.ask(user=sun)
    elif act == "took their request back":
        asked, _ = joining.join(user=sun, community=lake, kind=Volunteer.Kind.RESIDENT)
        joining.withdraw(join_request=asked)
    hours_of = {"name": "周阿姨"} if act == "has another name" else {}
    lines = line("2024-03-01 07:00", "2024-03-01 09:00", user=sun, **hours_of)

    out, err, failure = take(lines + line("2024-03-01 07:00", "2024-03-01 09:00"))

    assert (out, failure) == (created(1, skipped=1), "")
    assert [told.split(": ")[1] for told in err] == [code]


def test_hours_until_somebody_left_are_taken_and_later_ones_named(take, wang, li, lake, line):
    for user, when in ((wang, "2024-03-01T01:00+00:00"), (li, "2024-03-01T00:59+00:00")):
        volunteer = Volunteer.objects.get(user=user)
        people.leave(volunteer=volunteer)
        Volunteer.objects.filter(pk=volunteer.pk).update(left_at=when)
    lines = "".join(line("2024-03-01 07:00", "2024-03-01 09:00", user=user) for user in (wang, li))

    out, err, failure = take(lines)

    assert (out, failure) == (created(1, skipped=1), "")
    assert err == [
        "line 3, 手机号: volunteer_left: They have left, or no longer want to join. "
        "They can join again by themselves. [198********]"
    ]
    assert Attendance.objects.get().volunteer == wang


@pytest.mark.parametrize(
    ("activity", "category", "name"),
    [
        ("清洁楼道(一)", "邻里服务", "王小明"),
        ("清洁 楼道【一】", "邻里\u3000服务", "王\u3000小明"),
        ("清洁楼道（一）", "邻里服\u200b务", "\ufeff王小明"),
        ("清洁楼道\uff08一)", " 邻里服务", "王·小•明"),
    ],
)
def test_another_width_or_bracket_is_no_other_shift(take, wang, line, activity, category, name):
    first = line("2024-03-01 07:00", "2024-03-01 09:00", activity="清洁楼道（一）")
    again = line(
        "2024年3月1日 上午7:00", "2024.3.1 9:00:00",
        activity=activity, category=category, name=name,
    )  # fmt: skip

    assert take(first + again) == (created(1, unchanged=1), [], "")
    assert take(again) == (created(0, unchanged=1), [], "")
    assert take(again.replace("3.1", "3.2").replace("3月1", "3月2"))[0] == created(1)
    assert list(Activity.objects.values_list("title", "category")) == [
        ("清洁楼道（一）", "邻里服务")
    ]


def test_a_category_is_the_rules_however_wide_it_is_written(take, hill, zhao, person, line):
    zhang = person("zhang", "张三")
    people.enrol(user=zhang, community=hill, kind=Volunteer.Kind.RESIDENT)
    for category in ("*", "A类(急)"):
        rules.publish(
            community=hill,
            subject=Rule.Subject.HOURS,
            category=category,
            parameters={"points_per_hour": 10 if category == "*" else 30},
            valid_from=date(2020, 1, 1),
        )
    roles.give(user=zhao, community=hill, role=Role.STAFF)
    row = line("2024-03-01 07:00", "2024-03-01 09:00", category="Ａ类（急）", user=zhang)

    take(row, "--verified-by=zhao", community="hill")

    assert wallet_of(hill.pk, zhang.pk).available == 60
