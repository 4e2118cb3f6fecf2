"""Statements and books as files: what a spreadsheet, and whoever opens it, gets to see."""

import csv
import io
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from python_calamine import CalamineWorkbook

from backend.communities.models import Role
from backend.communities.services import roles
from backend.documents import services
from backend.documents.models import Document
from backend.outbox import services as outbox
from points.awards.api import exports
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger

MINE = "/api/v1/me/wallets/lake/transfers"
BOOKS = "/api/v1/communities/lake/transfers"
NEW_YEAR = datetime(2023, 12, 31, 16, 0, 1, tzinfo=UTC)  # one second past midnight at the lake
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@pytest.fixture
def auditor(lake, person):
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def story(earn, spend):
    """100 points earned at new year, 30 spent the day after."""
    return (
        ledger.post(replace(earn, occurred_at=NEW_YEAR)),
        ledger.post(replace(spend, source="redemption:7", occurred_at=NEW_YEAR + timedelta(1))),
    )


def fetch(client, address, ending, asked=None, language="zh-hans"):
    answer = client.get(f"{address}.{ending}", asked, headers={"Accept-Language": language})
    assert answer.status_code == 200
    assert answer["Content-Type"] == TYPES[ending]
    assert answer.streaming
    return answer


def read_csv(answer):
    text = answer.getvalue().decode("utf-8")
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def read_xlsx(answer):
    data = answer.getvalue()
    with zipfile.ZipFile(io.BytesIO(data)) as parts:
        assert not re.search(rb"<f[ >/]", parts.read("xl/worksheets/sheet1.xml"))  # no formula
    return CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_index(0).to_python()


def test_a_statement_as_csv(lake, wang, story, logged_in):
    earned, spent = story

    answer = fetch(logged_in(wang), MINE, "csv")

    assert read_csv(answer) == [
        ["时间", "积分", "事由", "来源", "转账编号", "变动后余额"],
        ["2024-01-02 00:00:01", "-30", "兑换", "redemption:7", str(spent.pk), "70"],
        ["2024-01-01 00:00:01", "100", "志愿服务", "hours:1", str(earned.pk), "100"],
    ]


def test_the_same_as_xlsx_with_numbers_and_times_as_what_they_are(lake, wang, story, logged_in):
    earned, spent = story

    answer = fetch(logged_in(wang), MINE, "xlsx", language="en")

    local = datetime(2024, 1, 1, 0, 0, 1)
    assert read_xlsx(answer) == [
        ["Time", "Points", "Reason", "Source", "Transfer", "Balance after"],
        [local + timedelta(1), -30, "Redemption", "redemption:7", str(spent.pk), 70],
        [local, 100, "Volunteer hours", "hours:1", str(earned.pk), 100],
    ]


@pytest.mark.parametrize("ending", TYPES)
def test_a_file_is_named_for_the_community_and_the_day(lake, wang, logged_in, ending):
    day = timezone.now().astimezone(lake.clock).date()

    disposition = fetch(logged_in(wang), MINE, ending)["Content-Disposition"]

    (name,) = re.fullmatch(r"attachment; filename\*=utf-8''(.+)", disposition).groups()
    days = {day, timezone.now().astimezone(lake.clock).date()}  # midnight may pass
    assert unquote(name) in {f"碧沙湖社区 明细 {day}.{ending}" for day in days}


@pytest.mark.parametrize(("ending", "read"), [("csv", read_csv), ("xlsx", read_xlsx)])
def test_who_never_earned_anything_gets_the_header(wang, logged_in, ending, read):
    assert len(read(fetch(logged_in(wang), MINE, ending))) == 1


@pytest.mark.parametrize(
    ("asked", "amounts"),
    [
        ({"reason": "hours"}, ["100"]),
        ({"since": "2024-01-02"}, ["-30"]),
        ({"until": "2023-12-31"}, []),
    ],
)
def test_a_part_of_a_statement_tells_no_balance(wang, story, logged_in, asked, amounts):
    header, *rows = read_csv(fetch(logged_in(wang), MINE, "csv", asked))

    assert header[-1] == "转账编号"
    assert [row[1] for row in rows] == amounts


def test_the_balance_follows_whatever_way_points_went(lake, wang, earn, spend, logged_in):
    first = ledger.post(earn)
    ledger.post(spend)
    ledger.post(replace(earn, key="hours:2", amount=5))
    ledger.reverse(
        community_id=lake.pk,
        transfer_id=first.pk,
        key="void:1",
        reason="reversal",
        source="undo:void:1",
        amount=60,
    )

    rows = read_csv(fetch(logged_in(wang), MINE, "csv"))[1:]

    assert [(row[1], row[2], row[5]) for row in rows] == [
        ("-60", "冲正", "15"),
        ("5", "志愿服务", "75"),
        ("-30", "兑换", "70"),
        ("100", "志愿服务", "100"),
    ]


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "=1", '=HYPERLINK("x";"y")'],
)
def test_no_text_is_taken_for_a_formula(wang, earn, logged_in, text):
    ledger.post(replace(earn, source=f"{text}:", reason=text))
    client = logged_in(wang)

    _, row = read_csv(fetch(client, MINE, "csv"))
    assert (row[1], row[2], row[3]) == ("100", f"'{text}", f"'{text}:")
    _, row = read_xlsx(fetch(client, MINE, "xlsx"))
    assert row[2] == text


def test_a_text_may_hold_what_separates_cells_and_rows(wang, earn, logged_in):
    text = 'a:,"b"\r\n<c>&d'
    ledger.post(replace(earn, source=text))
    client = logged_in(wang)

    assert read_csv(fetch(client, MINE, "csv"))[1][3] == text
    assert read_xlsx(fetch(client, MINE, "xlsx"))[1][3] == text


def test_a_number_too_long_for_a_spreadsheet_keeps_its_digits(lake, wang, earn, logged_in):
    ledger.post(replace(earn, amount=2**62 + 1))

    _, row = read_xlsx(fetch(logged_in(wang), MINE, "xlsx"))

    assert row[1] == str(2**62 + 1)


def test_the_books_as_csv(lake, wang, auditor, story, shop, logged_in):
    earned, spent = story
    cash = ledger.post(
        ledger.Movement(
            debit=ledger.account(community=lake, kind=AccountKind.PAYOUT, unit=Unit.FEN),
            credit=ledger.account(
                community=lake, kind=AccountKind.FUND, unit=Unit.FEN, holder="fund:1"
            ),
            amount=200_000_00,
            key="grant:1",
            reason="grant",
            source="test:grant:1",
            occurred_at=NEW_YEAR,
        )
    )
    person = f"wallet person:{wang.pk}"

    rows = read_csv(fetch(logged_in(auditor), BOOKS, "csv"))

    moment = "2024-01-01 00:00:01"
    assert rows == [
        ["时间", "数额", "单位", "转出", "转入", "事由", "来源", "业务键", "转账编号"],
        [
            moment,
            "20000000",
            "分",
            "payout",
            "fund fund:1",
            "grant",
            "test:grant:1",
            "grant:1",
            str(cash.pk),
        ],
        [
            *("2024-01-02 00:00:01", "30", "积分", person, "merchant merchant:1"),
            *("兑换", "redemption:7", "redemption:1", str(spent.pk)),
        ],
        [
            *(moment, "100", "积分", "issuance", person),
            *("志愿服务", "hours:1", "hours:1", str(earned.pk)),
        ],
    ]


def test_the_books_as_xlsx_can_be_narrowed_down_as_on_the_page(auditor, story, logged_in):
    _, spent = story

    rows = read_xlsx(fetch(logged_in(auditor), BOOKS, "xlsx", {"kind": "merchant"}))

    assert [(row[1], row[-1]) for row in rows[1:]] == [(30, str(spent.pk))]


def test_an_auditor_gets_the_statement_of_any_account(auditor, story, shop, logged_in):
    _, spent = story
    address = f"/api/v1/communities/lake/accounts/{shop.pk}/transfers"

    rows = read_csv(fetch(logged_in(auditor), address, "csv"))

    assert rows[1:] == [["2024-01-02 00:00:01", "30", "兑换", "redemption:7", str(spent.pk), "30"]]


def test_an_account_of_money_is_told_in_fen(lake, auditor, logged_in):
    fund = ledger.account(community=lake, kind=AccountKind.FUND, unit=Unit.FEN, holder="fund:1")
    address = f"/api/v1/communities/lake/accounts/{fund.pk}/transfers"

    (header,) = read_csv(fetch(logged_in(auditor), address, "csv"))

    assert header[1] == "分"


@pytest.mark.parametrize("address", [MINE, BOOKS])
@pytest.mark.parametrize("ending", TYPES)
def test_what_is_too_long_is_refused_and_not_cut_off(
    lake, wang, story, logged_in, monkeypatch, address, ending
):
    roles.give(user=wang, community=lake, role=Role.AUDITOR)
    client = logged_in(wang)
    monkeypatch.setattr(exports, "MOST_ROWS", 1)

    refused = client.get(f"{address}.{ending}")

    assert (refused.status_code, refused.json()["code"]) == (400, "export_too_large")
    assert refused.json()["limit"] == 1
    fetch(client, address, ending, {"reason": "hours"})


@pytest.mark.slow
def test_a_file_of_thousands_of_lines_is_whole_and_costs_no_more_questions(
    lake, wang, earn, issuance, wallet, logged_in
):
    ledger.post(earn)
    client = logged_in(wang)

    def asked(ending):
        told = client.get(f"{MINE}.{ending}")
        assert told.status_code == 202
        document = Document.objects.get(pk=told.json()["id"])
        with CaptureQueriesContext(connection) as questions:
            outbox.attempt("document", community_id=lake.pk, pk=document.pk)
        answer = client.get(told["Location"])
        rows = (read_csv if ending == "csv" else read_xlsx)(answer)
        services.discard(Document.objects.filter(pk=document.pk))
        return len(questions), rows

    costs = {ending: set() for ending in TYPES}
    for upto in (600, 2_501):
        ledger.post_many(
            replace(earn, key=f"event:{number}", amount=number) for number in range(1, upto)
        )
        for ending in TYPES:
            questions, rows = asked(ending)
            costs[ending].add(questions)
            assert len(rows) == upto + 1
            assert len({row[4] for row in rows}) == upto + 1
            assert int(rows[1][5]) == 100 + sum(range(1, upto))
    assert {len(questions) for questions in costs.values()} == {1}


def test_a_long_file_is_asked_for_and_made_with_the_filters_of_its_address(
    lake, wang, auditor, earn, spend, issuance, logged_in
):
    for number in range(501):
        ledger.post(replace(earn, key=f"hours:{number}", source=f"hours:{number}"))
    ledger.post(spend)
    for caller, address, asked, count in (
        (wang, MINE, {"reason": "hours"}, 502),
        (auditor, BOOKS, {"kind": "issuance"}, 502),
        (auditor, BOOKS, {}, 503),
        (wang, MINE, {}, 503),
    ):
        client = logged_in(caller)
        told = client.get(f"{address}.csv", asked, headers={"Accept-Language": "en"})
        assert told.status_code == 202
        outbox.attempt("document", community_id=lake.pk, pk=told.json()["id"])

        header, *rows = read_csv(client.get(told["Location"]))

        assert (header[0], len(rows) + 1) == ("Time", count)
        assert (header[-1] == "Balance after") == (address == MINE and not asked)
        refused = logged_in(wang if caller == auditor else auditor).get(told["Location"])
        # The auditor may read any account's statement.
        assert refused.status_code == (404 if caller == auditor else 200)


@pytest.mark.parametrize("ending", TYPES)
def test_a_file_is_answered_as_a_file_or_not_at_all(wang, logged_in, ending):
    answer = logged_in(wang).get(f"{MINE}.{ending}", headers={"Accept": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
