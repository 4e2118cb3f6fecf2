"""``manage.py replay``: a year of a real community, and scenarios that lack something."""

import csv
import io
import itertools
import json
from collections import Counter
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from backend.accounts.services import people
from backend.communities.models import Community
from backend.outbox import services as outbox
from backend.payouts.models import Payout
from backend.payouts.subjects import id_of
from backend.top.scenarios.management.commands import replay as command
from backend.top.scenarios.replay import Replay
from merchants.models import MerchantMember, Statement
from merchants.partners.services import partnerships as partners
from merchants.settlement.services import payouts
from merchants.settlement.services import statements as settlement
from points.awards.services.rederiving import Recomputation
from points.ledger import selectors
from points.models import Award, Transfer
from tests.long import IS_LONG
from tests.verified import found_in
from tests.year import BISHAHU, part_of_the_year, rows_of
from volunteers.models import Attendance, Volunteer

SHARED = Path(__file__).parents[3] / "shared" / "scenarios" / "bishahu"


def replay(folder: Path, **options) -> tuple[dict[str, list[str]], str]:
    """The table, a row by figure's name, and what was told besides."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("replay", str(folder), stdout=out, stderr=err, **options)
    finally:
        replay.printed = out.getvalue()
        replay.told = err.getvalue()
    rows = (line.split("  ") for line in replay.printed.splitlines() if not line.startswith(" "))
    table = {cells[0]: [cell.strip() for cell in cells[1:] if cell.strip()] for cells in rows}
    return table, replay.told


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared scenarios do not lie beside us")
def test_our_copy_of_the_year_is_the_shared_one():
    for path in SHARED.iterdir():
        assert (BISHAHU / path.name).read_bytes() == path.read_bytes()


class PaidByWeChat(Replay):
    """A year whose statements are paid by WeChat, with every third thing going wrong."""

    standin, tell_us = None, None  # WeChat Pay, and our address for its callbacks
    TROUBLE = itertools.cycle(
        (None, None, ("before", 500), None, ("after", 0), None, ("after", 500))
    )

    def _pay(self, statements, *, is_last):
        for number, statement in enumerate(statements):
            settlement.approve(statement=statement, approver=self.approver)
            if not statement.due_fen:
                settlement.mark_paid(statement=statement, payer=self.verifier)
                continue
            payout = payouts.order(statement=self._with_owner(statement), ordered_by=self.verifier)
            tries = iter(range(20))
            while not Payout.objects.get(pk=payout.pk).is_finished:
                next(tries)
                self.standin.fail_next = [one for one in [next(self.TROUBLE)] if one]
                row = {"community_id": payout.community_id, "pk": payout.pk}
                outbox.attempt("payout", is_due=False, **row)
                if payout.out_bill_no in self.standin.bills:
                    self.standin.finish(payout.out_bill_no)
            for _ in range(number % 3):  # never, once, twice
                assert self.standin.call_back(self.tell_us, payout.out_bill_no) == 204

    def _with_owner(self, statement):
        merchant = statement.partnership.merchant
        if not merchant.members.filter(role=MerchantMember.Role.OWNER).exists():
            owner = people.known_by_wechat(openid=f"o6_{merchant.pk}")
            partners.employ(merchant=merchant, user=owner, role=MerchantMember.Role.OWNER)
        return statement


def test_what_is_expected_of_everybody_follows_for_some(tmp_path):
    whole = json.loads((BISHAHU / "expected.json").read_text(encoding="utf-8"))
    figures = {name: figure for name, figure in whole.items() if isinstance(figure, int)}

    everybody = part_of_the_year(tmp_path / "all", of=1, kept=[0])

    assert json.loads((everybody / "expected.json").read_text(encoding="utf-8")) == whole
    for name in BISHAHU.iterdir():
        if name.suffix == ".csv":
            assert rows_of(everybody / name.name) == rows_of(name)
    assert figures == {
        "volunteers": 240,
        "service_minutes": 144_000,
        "records": 1168,
        "points_issued": 27_702,
        "points_redeemed": 6_085,
        "points_outstanding": 21_617,
        "settlement_total_fen": 47_740,
    }


@pytest.mark.slow
def test_a_year_at_bishahu_comes_out_as_computed_independently_and_is_paid_to_the_fen(
    db, client, wechat_pay, monkeypatch, tmp_path
):
    year = BISHAHU if IS_LONG else part_of_the_year(tmp_path / "bishahu", of=20, kept=[3])
    expected = json.loads((year / "expected.json").read_text(encoding="utf-8"))
    PaidByWeChat.standin = wechat_pay

    def tell_us(self, body, headers):
        address = f"/api/v1/wechatpay/callback/{self.community.pk}"
        answer = client.generic("POST", address, body, "application/json", headers=headers)
        return answer.status_code

    PaidByWeChat.tell_us = tell_us
    monkeypatch.setattr(command, "Replay", PaidByWeChat)
    table, _ = replay(year)

    assert table.keys() == expected.keys()
    assert {name: cells[2] for name, cells in table.items()} == dict.fromkeys(expected, "=")
    assert figures(table)["points_issued"] == str(expected["points_issued"])
    assert expected["redemptions"].keys() == {"insufficient_points", "out_of_stock", "redeemed"}
    community = Community.objects.get(code="bishahu")
    assert community.name == "碧沙湖社区"
    assert sum(selectors.totals_by_kind(community).values()) == 0
    assert Award.objects.filter(community=community).count() == expected["records"]
    # The scenario's own clock, not ours, is when things happened.
    of_the_year = Transfer.objects.filter(community=community).exclude(reason="settlement")
    assert {t.occurred_at.year for t in of_the_year} == {2024}
    assert {s.period_start.day for s in Statement.objects.filter(community=community)} == {1}
    # Every statement was approved by one person and paid by another, and equals the ledger.
    assert {s.status for s in Statement.objects.filter(community=community)} == {"paid"}
    assert selectors.totals_by_kind(community)["merchant"] == 0
    assert found_in(community) == []
    # What reached the merchants is what they were owed, statement by statement.
    received = Counter()
    for payout in Payout.objects.all():
        bill = wechat_pay.bills[payout.out_bill_no]
        statement = Statement.objects.select_related("partnership").get(pk=id_of(payout))
        assert bill["state"] == "SUCCESS"
        assert bill["transfer_amount"] == statement.due_fen
        received[statement.partnership.name] += bill["transfer_amount"]
    assert received == {
        name: owed["amount_fen"]
        for name, owed in expected["settlement"].items()
        if owed["amount_fen"]
    }
    assert wechat_pay.paid_fen() == expected["settlement_total_fen"]
    # And every award follows from its record once more.
    recomputation = Recomputation(community)
    assert [str(difference) for difference in recomputation] == []
    assert recomputation.awards == expected["records"]


# --- small scenarios ------------------------------------------------------------------------------

RULES = {"community": "小区", "service": {"*": {"points_per_hour": 10, "daily_cap_points": 80}}}
VOLUNTEERS = [["姓名", "手机号", "身份", "小区"], ["甲", "19900000001", "居民", "东苑"]]
HOURS = [
    ["活动", "类别", "姓名", "手机号", "签到", "签退"],
    ["巡逻", "巡逻", "甲", "19900000001", "2024-02-29 08:00", "2024-02-29 11:00"],
]
MERCHANTS = [["商户", "行业", "每积分结算(分)", "公益捐赠不结算"], ["茶馆", "餐饮", "8", "否"]]
OFFERS = [["编号", "商户", "商品", "积分", "库存"], ["T1", "茶馆", "茶", "10", "2"]]
REDEMPTIONS = [
    ["时间", "手机号", "编号", "数量"],
    ["2024-02-29 10:59", "19900000001", "T1", "1"],
    ["2024-02-29 11:00", "19900000001", "T1", "1"],
    ["2024-03-01 11:00", "19900000001", "T1", "2"],
    ["2024-03-02 11:00", "19900000001", "T1", "1"],
    ["2024-03-03 11:00", "19900000001", "T1", "1"],
]
FILES = {
    "rules.json": RULES,
    "volunteers.csv": VOLUNTEERS,
    "hours.csv": HOURS,
    "merchants.csv": MERCHANTS,
    "offers.csv": OFFERS,
    "redemptions.csv": REDEMPTIONS,
}


@pytest.fixture
def scenario(tmp_path, db):
    """Writes a folder: ``scenario(**{"hours.csv": None})`` is the small one without hours.csv."""

    def write(**changes) -> Path:
        folder = tmp_path / "small"
        folder.mkdir()
        for name, content in (FILES | changes).items():
            if isinstance(content, dict):
                (folder / name).write_text(json.dumps(content), encoding="utf-8")
            elif content is not None:
                with (folder / name).open("w", encoding="utf-8", newline="") as file:
                    csv.writer(file).writerows(content)
        return folder

    return write


def figures(table) -> dict[str, str]:
    return {name: cells[0] for name, cells in table.items()}


def test_attempts_see_what_was_earned_by_then_and_what_is_left(scenario):
    table, _ = replay(scenario())

    assert figures(table) == {
        "volunteers": "1",
        "service_minutes": "180",
        "records": "1",
        "points_issued": "30",
        "redemptions": "insufficient_points 1, out_of_stock 2, redeemed 2",
        "redemption_results": "5 entries",
        "points_redeemed": "20",
        "points_outstanding": "10",
        "balances": "19900000001 10",
        "settlement": "茶馆 {'redemptions': 2, 'points': 20, 'amount_fen': 160}",
        "settlement_total_fen": "160",
        "stock_left": "T1 0",
    }
    assert {tuple(cells[1:]) for cells in table.values()} == {("—",)}  # nothing was expected


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        ("volunteers.csv", {"volunteers": "1", "points_issued": "30"}),
        ("hours.csv", {"points_issued": "0", "redemptions": "insufficient_points 5"}),
        ("merchants.csv", {"points_redeemed": "20", "settlement_total_fen": "0"}),
        ("offers.csv", {"redemptions": "offer_unknown 5", "points_redeemed": "0"}),
        ("redemptions.csv", {"points_outstanding": "30", "redemptions": ""}),
    ],
)
def test_any_of_the_files_may_be_missing(scenario, missing, expected):
    table, _ = replay(scenario(**{missing: None}))

    shown = {name: cells[0] if cells else "" for name, cells in table.items()}
    assert {name: shown[name].replace("—", "") for name in expected} == expected


def test_hours_without_rules_can_not_be_played(scenario):
    with pytest.raises(CommandError, match=r"hours\.csv, line 2: rule_missing"):
        replay(scenario(**{"rules.json": None}))

    assert not Community.objects.exists()


def test_columns_and_files_beyond_the_known_are_named_and_ignored(scenario):
    folder = scenario(
        **{
            "volunteers.csv": [["备注", *VOLUNTEERS[0]], ["新", *VOLUNTEERS[1]]],
            "patrols.csv": [["编号"], ["1"]],
            "rules.json": RULES | {"patrol_fen": 5},
        }
    )

    table, told = replay(folder)

    assert figures(table)["volunteers"] == "1"
    assert "volunteers.csv: columns not known, ignored: 备注." in told
    assert "patrols.csv: not a file replay knows; ignored." in told
    assert "rules.json, patrol_fen: not a setting replay knows; ignored." in told


def test_the_estate_may_be_missing(scenario):
    replay(scenario(**{"volunteers.csv": [row[:3] for row in VOLUNTEERS]}))

    assert Volunteer.objects.get().estate is None


def test_a_difference_is_shown_and_fails(scenario):
    folder = scenario(
        **{
            "expected.json": {
                "volunteers": 1,
                "points_issued": 31,
                "balances": {"19900000001": 11, "19900000002": 0},
                "paid_fen": 5,
            }
        }
    )

    with pytest.raises(CommandError, match=r"Not as expected: points_issued, balances, paid_fen\."):
        replay(folder)

    assert "    30 instead of 31\n" in replay.printed
    assert "    19900000001: 10 instead of 11\n" in replay.printed
    assert "    19900000002: None instead of 0\n" in replay.printed
    assert "    not a figure replay makes\n" in replay.printed


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (dict.fromkeys(FILES), "There is nothing to play"),
        ({"rules.json": {"timezone": "Mars/Base"}}, "'Mars/Base' is not a timezone"),
        ({"rules.json": {"timezone": "Asia"}}, "'Asia' is not a timezone"),
        ({"rules.json": {"community": None}}, "not a name"),
        ({"rules.json": {"community": "社" * 61}}, "not a name"),
        ({"rules.json": {"community": "a\0b"}}, "not a name"),
        ({"rules.json": {"service": {"*": {"points_per_hour": "x"}}}}, "rule_invalid"),
        (
            {"rules.json": {"service": {"x" * 41: {"points_per_hour": 1}}}},
            "'parameter': 'category'",
        ),
        ({"rules.json": {"service": []}}, "service"),
        ({"hours.csv": [*HOURS, ["x", "x", "乙", "19900000002", *HOURS[1][4:]]]}, "line 3: nobody"),
        (
            {"hours.csv": [*HOURS, ["植树", *HOURS[1][1:]]]},
            "line 3: already_elsewhere",
        ),
        ({"rules.json": {"community": "\u3164\u2800"}}, "not a name"),
        ({"rules.json": {"community": "小\u202e区"}}, "not a name"),
        ({"hours.csv": [HOURS[0], [*HOURS[1][:4], HOURS[1][5], HOURS[1][4]]]}, "line 2: "),
        ({"volunteers.csv": [VOLUNTEERS[0][:1], ["甲"]]}, "column"),
        ({"volunteers.csv": [*VOLUNTEERS, ["丁", *VOLUNTEERS[1][1:]]]}, "volunteers.csv has 1 err"),
        ({"redemptions.csv": [REDEMPTIONS[0], ["2023-02-29 10:00", "1", "T1", "0"]]}, "has 3 err"),
    ],
)
def test_what_can_not_be_played_is_refused_and_leaves_nothing(scenario, changes, reason):
    with pytest.raises(CommandError, match=reason):
        replay(scenario(**changes))

    assert not Community.objects.exists()
    assert not Volunteer.objects.exists()


def test_one_row_twice_and_a_code_in_another_width_play_as_they_stand_on_the_paper(scenario):
    again = ["巡\u200b逻", "巡逻 ", "甲", "+86 19900000001", "2024/2/29 上午8:00", "2024.2.29 11时"]
    wide = [
        REDEMPTIONS[0],
        *([one[0], one[1], "\u3000Ｔ１\u200b", one[3]] for one in REDEMPTIONS[1:]),
    ]
    ruled = {"*": {"points_per_hour": 1}, "巡逻(早)": {"points_per_hour": 10}}
    hours = [HOURS[0], *([one[0], "巡逻 （早）", *one[2:]] for one in (HOURS[1], again))]
    folder = scenario(
        **{"rules.json": {"service": ruled}, "hours.csv": hours, "redemptions.csv": wide}
    )

    table, _ = replay(folder)

    assert table["points_issued"][0] == "30"
    assert (table["service_minutes"][0], table["records"][0]) == ("180", "1")
    assert table["redemptions"][0] == "insufficient_points 1, out_of_stock 2, redeemed 2"


def test_the_community_has_to_be_fresh(scenario):
    folder = scenario()
    replay(folder)

    with pytest.raises(CommandError, match="The community small exists"):
        replay(folder, community="small")
    replay(folder, community="another")
    replay(folder)
    replay(folder)
    codes = Community.objects.filter(kind="community").values_list("code", flat=True)
    assert set(codes) == {"small", "another", "small-2", "small-3"}
    assert Attendance.objects.count() == 4


def test_not_a_folder_not_json(tmp_path, db):
    with pytest.raises(CommandError, match="is not a folder"):
        replay(tmp_path / "nowhere")
    (tmp_path / "rules.json").write_text("[")
    with pytest.raises(CommandError, match=r"rules\.json is not JSON"):
        replay(tmp_path, community="x")
