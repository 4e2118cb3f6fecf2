"""``manage.py import_reports``, and the year of 乌珠尔 that comes by such lists."""

import csv
import io
import json
import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from backend.communities.models import Community
from backend.outbox import services as outbox
from backend.payouts.models import Payout
from backend.top import scenarios
from backend.top.scenarios.replay import Replay
from points.funds import selectors as funds
from points.models import Award, Claim, Transfer
from tests.forks import forked
from tests.long import IS_LONG
from tests.verified import found_in
from volunteers.models import HandPayment, Report
from volunteers.reports.services import red_packets

WUZHUER = Path(scenarios.__file__).parent / "wuzhuer"
SHARED = Path(__file__).parents[3] / "shared" / "scenarios" / "wuzhuer"
EXPECTED = json.loads((WUZHUER / "expected.json").read_text(encoding="utf-8"))
REPORTS_AGAIN = 20 if IS_LONG else 4
HEADER = "编号,时间,手机号,类别,纬度,经度,描述,办理结果"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared scenarios do not lie beside us")
def test_our_copy_of_the_year_is_the_shared_one():
    for path in SHARED.iterdir():
        assert (WUZHUER / path.name).read_bytes() == path.read_bytes()


def replayed(folder: Path = WUZHUER, **options) -> str:
    out = io.StringIO()
    call_command("replay", str(folder), stdout=out, stderr=io.StringIO(), **options)
    return out.getvalue()


def beginning_of_the_year(folder: Path, reports: int) -> Path:
    """Write the scenario of the first reports alone, and what is expected of these."""
    shutil.copytree(WUZHUER, folder)
    lines = (folder / "reports.csv").read_text("utf-8").splitlines(keepends=True)
    (folder / "reports.csv").write_text("".join(lines[: 1 + reports]), "utf-8")
    (folder / "expected.json").write_text(json.dumps(expected_of(folder)), "utf-8")
    return folder


def expected_of(folder: Path):
    """Return what becomes of a scenario's reports by the tariff."""
    rules = json.loads((folder / "rules.json").read_text("utf-8"))
    with (folder / "reports.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    ended = Counter(row["办理结果"] for row in rows)
    rewarded = [row for row in rows if row["办理结果"] == "属实已办结"]
    cash = Counter()
    for row in rewarded:
        cash[row["手机号"]] += rules["report_rewards_fen"][row["类别"]]
    return {
        "reports": len(rows),
        "rewarded": Counter(row["类别"] for row in rewarded),
        "duplicates": ended["重复"],
        "rejected": ended["不属实"],
        "paid_fen": cash.total(),
        "fund_left_fen": rules["fund_fen"] - cash.total(),
        "cash_by_phone": cash,
    }


def counts(community):
    models = (Report, Award, Claim, HandPayment, Transfer)
    return [model.objects.filter(community=community).count() for model in models]


def test_what_is_expected_of_the_beginning_is_for_all_what_was_computed_independently():
    assert expected_of(WUZHUER) == EXPECTED


@pytest.mark.slow
def test_the_year_of_wuzhuer_comes_out_to_the_fen_and_nothing_doubles(db, tmp_path):
    """The short proof has the first 42 reports, among which a duplicate and one that is wrong."""
    year = WUZHUER if IS_LONG else beginning_of_the_year(tmp_path / "year", reports=42)
    expected = expected_of(year)
    said = replayed(year, community="wuzhuer")

    for name in expected:
        (line,) = (line for line in said.splitlines() if line.startswith(f"{name}  "))
        assert line.endswith("="), line
    there = Community.objects.get(code="wuzhuer")
    duplicates = Report.objects.filter(status="duplicate", duplicate_of__status="closed")
    assert duplicates.count() == expected["duplicates"] > 0
    assert found_in(there) == []
    before = counts(there)

    staff = "wuzhuer.staff"
    for _again in range(2 if IS_LONG else 1):
        out = io.StringIO()
        call_command(
            "import_reports",
            str(year / "reports.csv"),
            community="wuzhuer",
            handled_by=staff,
            stdout=out,
        )
        assert f"{expected['reports']}" in out.getvalue()

    assert counts(there) == before
    (fund,) = funds.with_figures(funds.funds_in(there))
    assert (fund.spent, fund.left) == (expected["paid_fen"], expected["fund_left_fen"])

    # The beginning in another community: the same becomes of the same reports, and none is shared.
    beginning = beginning_of_the_year(tmp_path / "beginning", reports=REPORTS_AGAIN)
    replayed(beginning, community="wuzhuer-again")
    again = Community.objects.get(code="wuzhuer-again")
    became = dict(Report.objects.filter(community=again).values_list("code", "status"))
    assert len(became) == REPORTS_AGAIN
    assert (
        became.items()
        <= dict(Report.objects.filter(community=there).values_list("code", "status")).items()
    )
    paid = Claim.objects.filter(community=again, status=Claim.Status.COMMITTED).count()
    assert paid == sum(status == "closed" for status in became.values()) > 0
    assert found_in(again) == []
    assert counts(there) == before


# --- the list ---------------------------------------------------------------------------------
@pytest.fixture
def imported(lake, tmp_path):
    """Imports the rows as a list: ``imported("A1,2024-03-01 07:00,…", handled_by="zhao")``."""

    def run(*rows, **options) -> str:
        file = tmp_path / "reports.csv"
        file.write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command(
                "import_reports", str(file), community="lake", stdout=out, stderr=err, **options
            )
        except CommandError as error:
            return err.getvalue() + str(error)
        return err.getvalue() + out.getvalue()

    return run


OPEN = "A1,2024-03-01 07:00,19810000001,安全隐患,30.5283,114.3172,井盖松动,"
CLOSED = OPEN + "属实已办结"


def statuses():
    return list(Report.objects.order_by("code").values_list("code", "status"))


def test_without_a_handler_reports_stay_open_and_end_when_the_list_comes_with_one(
    lake, wang, zhao, imported
):
    imported(CLOSED)

    report = Report.objects.get()
    assert (report.status, report.source, report.reporter) == ("submitted", "imported", wang)
    assert report.submitted_at.isoformat() == "2024-02-29T23:00:00+00:00"
    assert (report.latitude, report.text) == (30.5283, "井盖松动")
    imported(CLOSED, handled_by="zhao")
    report.refresh_from_db()
    assert (report.status, report.closed_by) == ("closed", zhao)
    assert report.closed_at == report.submitted_at
    assert Award.objects.get().amount == 20


def test_a_dry_run_keeps_nothing(lake, wang, imported):
    said = imported(CLOSED, dry_run=True)

    assert "1" in said
    assert not Report.objects.exists()


def test_an_unfounded_report_earns_nothing_and_a_duplicate_is_of_the_row_before(
    lake, wang, li, zhao, imported
):
    imported(
        CLOSED,
        "A2,2024-03-01 08:00,19810000002,hazard,,,井盖,重复",
        "A3,2024-03-01 09:00,19810000002,环境脏乱,,,垃圾,不属实",
        handled_by="zhao",
    )

    assert statuses() == [("A1", "closed"), ("A2", "duplicate"), ("A3", "rejected")]
    assert Report.objects.get(code="A2").duplicate_of == Report.objects.get(code="A1")
    assert [award.source for award in Award.objects.filter(amount__gt=0)] == [
        f"report:{Report.objects.get(code='A1').pk}"
    ]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ("A9,2024-03-01 07:00,19899990009,安全隐患,,,坑,", "volunteer_unknown"),
        ("A9,2024-03-01 07:00,19810000001,无此类,,,坑,", "report_category_unknown"),
        ("A9,2024-03-01 07:00,19810000001,安全隐患,91,114,坑,", "degrees_invalid"),
        ("A9,2024-03-01 07:00,19810000001,安全隐患,三十,114,坑,", "degrees_invalid"),
        ("A9,2024-03-01 07:00,19810000001,安全隐患,,,坑,不知道", "choice_unknown"),
        ("A9,2024-03-01 07:00,19810000001,安全隐患,,,坑,重复", "original_unknown"),
        ("A9,不知道,19810000001,安全隐患,,,坑,", "date_invalid"),
        ("A9,2024-03-01 07:00,19810000003,安全隐患,,,坑,", "volunteer_unknown"),
    ],
)
def test_a_row_that_can_not_be_taken_is_named_with_its_line(lake, wang, zhao, imported, row, code):
    said = imported(row, handled_by="zhao")

    assert "2" in said
    assert f": {code}: " in said
    assert not Report.objects.exists()
    imported(OPEN, row, handled_by="zhao", skip_bad=True)
    assert Report.objects.filter(code="A1").exists()


def test_a_number_is_one_report(lake, wang, li, zhao, imported):
    imported(OPEN, OPEN)
    assert Report.objects.count() == 1

    said = imported(OPEN.replace("19810000001", "19810000002"))

    assert "report_code_reused" in said
    assert Report.objects.get().reporter == wang


def test_only_staff_answer_for_outcomes(lake, wang, imported):
    assert "wang" in imported(CLOSED, handled_by="wang")
    assert not Report.objects.exists()


# --- paid by WeChat, by workers that die ------------------------------------------------------


class PaidByWeChat(Replay):
    """A year whose reporters log in with WeChat: rewards are left for workers."""

    def _pay_reward(self, report):
        SocialAccount.objects.get_or_create(
            provider="wechat", uid=f"o6_{report.reporter_id}", user=report.reporter
        )


def work(community):
    """Order and send until killed."""
    connection.close()
    while True:
        red_packets.order_due(community=community)
        for share in outbox.shares("payout"):
            outbox.work("payout", share)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_year_is_paid_once_to_the_fen_though_the_worker_is_killed(wechat_pay, tmp_path):
    """The short proof has the year's beginning."""
    draw = random.Random(os.environ.get("LINLI_SEED", "19"))
    wechat_pay.money_fen = 10**8
    whole, kills = (WUZHUER, 5) if IS_LONG else (beginning_of_the_year(tmp_path / "some", 20), 2)
    replay = PaidByWeChat(whole, code="wuzhuer")
    replay.play()
    community, killed = replay.community, 0
    until = time.monotonic() + 300
    while killed < kills:
        worker = forked(work, community)
        worker.join(draw.uniform(0.2, 1.5))
        worker.kill()
        worker.join(30)
        assert worker.exitcode == -9
        killed += 1
        for number in draw.sample(sorted(wechat_pay.bills), len(wechat_pay.bills) // 2):
            wechat_pay.finish(number)
        Payout.objects.filter(community=community, next_at__isnull=False).update(
            next_at=timezone.now()
        )
    rewarded = Claim.objects.filter(community=community).count()
    while Payout.objects.filter(finished_at__isnull=False).count() < rewarded:
        assert time.monotonic() < until
        red_packets.order_due(community=community)
        for payout in Payout.objects.filter(finished_at__isnull=True):
            outbox.attempt("payout", is_due=False, community_id=community.pk, pk=payout.pk)
        for number in list(wechat_pay.bills):
            wechat_pay.finish(number)

    figures = replay.figures()
    expected = expected_of(whole)
    assert {name: figures[name] for name in expected} == expected
    assert wechat_pay.paid_fen() == figures["paid_fen"]
    assert len(wechat_pay.bills) == Payout.objects.count() == rewarded
    assert rewarded == sum(figures["rewarded"].values()) > 0
    assert found_in(community) == []
    out = io.StringIO()
    call_command("verify_payouts", stdout=out)
    assert "Nothing was found" in out.getvalue()
