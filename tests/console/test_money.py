"""Settling and paying at the console: two people, the bank's file, funds, questions, files."""

import re
from datetime import date, datetime

import pytest

from backend.celery import app
from backend.communities.models import Role
from backend.communities.services import roles
from backend.documents import api as documents
from backend.outbox.tasks import sweep_outbox
from backend.payouts.models import Payout
from merchants.models import BankBatch, Redemption, Statement
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import bank, questions
from merchants.settlement.services import statements as settlement
from points.funds import services as funds
from points.kinds import Unit
from points.models import Claim, Fund, TopUp
from tests.console.conftest import filled, form_of, send

LAKE = "/console/communities/lake"


@pytest.fixture
def qian(person, lake):
    """钱书记, who manages the lake."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def line(lake, wang, chen, tea, tea_house, grant_points) -> Redemption:
    """Two teas of March."""
    grant_points(wang, 60)
    then = lake_time(lake, "2024-03-05 10:00")
    voucher = redemption.take(offer=tea, volunteer=wang, quantity=2, now=then)
    redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=voucher.code, now=then)
    voucher.refresh_from_db()
    return voucher


def lake_time(lake, words):
    return datetime.fromisoformat(words).replace(tzinfo=lake.clock)


@pytest.fixture
def statement(lake, line) -> Statement:
    """March of the tea house, drafted by night."""
    (drafted,) = settlement.draft(
        community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    return drafted


# --- statements -------------------------------------------------------------------------------
def test_a_statement_goes_from_draft_to_paid_by_two_people(desk, zhao, qian, zhou, line):
    drafter, other = desk(zhao), desk(qian)
    page = drafter.get(f"{LAKE}/statements")
    send(drafter, form_of(page, "制单"), period_start="2024-03-01", period_end="2024-04-01")
    drafted = Statement.objects.get()
    address = f"/console/statements/{drafted.pk}"
    assert "¥6.00" in drafter.get(address).text

    refused = send(drafter, form_of(drafter.get(address), "审批通过"))
    assert refused.status_code == 422
    assert "结算单的制单人不能审批" in refused.text
    asked = other.get(form_of(other.get(address), "审批通过"))
    assert "审批后数字不再变动" in asked.text
    send(other, form_of(other.get(address), "审批通过"))
    drafted.refresh_from_db()
    assert (drafted.status, drafted.approved_by) == ("approved", qian)

    own = send(other, form_of(other.get(address), "登记已付款"), payment_reference="ICBC 1")
    assert "审批结算的人不能自己付款" in own.text
    send(drafter, form_of(drafter.get(address), "登记已付款"), payment_reference="ICBC 1")
    drafted.refresh_from_db()
    assert (drafted.status, drafted.payment_reference) == ("paid", "ICBC 1")
    assert "ICBC 1" in drafter.get(address).text


def test_an_auditor_reads_a_statement_and_is_offered_nothing(desk, person, lake, statement):
    auditor = person("sun", "孙审计")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)

    page = desk(auditor).get(f"/console/statements/{statement.pk}")

    assert "¥6.00" in page.text
    assert "do=post" not in page.text


def test_an_auditor_is_offered_no_batch_of_statements(desk, zhao, auditor, statement):
    assert "审批通过" in desk(zhao).get(f"{LAKE}/statements").text
    assert "审批通过" not in desk(auditor).get(f"{LAKE}/statements").text


def test_the_merchants_question_is_found_and_answered(desk, zhao, zhou, statement, line):
    asked = questions.ask(statement=statement, line_id=line.pk, reason="不是我店的", asked_by=zhou)
    client = desk(zhao)
    page = client.get(f"{LAKE}/statement-questions?is_open=true")
    assert "不是我店的" in page.text
    address = re.search(rf'href="([^"]+{asked.pk})"', page.text)[1]

    page = client.get(address)
    assert f"/console/redemptions/{line.pk}" in page.text
    send(client, form_of(page, "答复"), answer="是陈店员扫的")

    asked.refresh_from_db()
    assert asked.answer == "是陈店员扫的"
    assert "不是我店的" not in client.get(f"{LAKE}/statement-questions?is_open=true").text


def test_staff_question_a_line_that_they_choose_among_those_of_the_statement(
    desk, zhao, statement, line
):
    client = desk(zhao)
    address = form_of(client.get(f"/console/statements/{statement.pk}"), "质疑明细")
    assert "2024-03-05 10:00 · 一壶茶 · 2" in client.get(address).text

    done = send(client, address, line_id=str(line.pk), reason="为何两壶？")

    assert done.headers["Location"] == f"/console/statements/{statement.pk}"
    assert statement.questions.get().line_id == line.pk


# --- files ------------------------------------------------------------------------------------
@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_banks_file_is_the_apis(desk, zhao, qian, zhou, shop, statement, logged_in, ending):
    bank.keep_account(merchant=shop, holder="周", bank="农商行", number="62220001", by=zhou)
    settlement.approve(statement=statement, approver=zhao)
    client = desk(qian)
    send(client, form_of(client.get(f"{LAKE}/bank-batches"), "生成批次"))
    batch = BankBatch.objects.get()

    page = client.get(f"/console/bank-batches/{batch.pk}")
    address = re.search(rf'href="(/console/bank-batches/[^"]+\.{ending})"', page.text)[1]
    file = client.get(address)

    assert "attachment" in file.headers["Content-Disposition"]
    content = file.getvalue()
    if ending == "csv":
        api = logged_in(qian).get(f"/api/v1/bank-batches/{batch.pk}/file.csv")
        assert content == api.getvalue()
        assert b"62220001" in content
    else:
        assert content.startswith(b"PK")


@pytest.fixture
def shop(tea_house):
    return tea_house.merchant


def test_a_long_file_is_waited_for_and_then_fetched(desk, zhao, statement, monkeypatch):
    monkeypatch.setattr(documents, "AT_ONCE", 0)
    client = desk(zhao)

    waits = client.get(f"/console/statements/{statement.pk}/lines.csv")
    assert "正在生成文件" in waits.text
    again = waits.headers["Refresh"].partition("url=")[2]
    assert "正在生成文件" in client.get(again).text
    assert again in client.get(f"{LAKE}/documents").text

    app.conf.task_always_eager = True
    try:
        sweep_outbox()
    finally:
        app.conf.task_always_eager = False
    there = client.get(again)
    assert "attachment" in there.headers["Content-Disposition"]
    assert "一壶茶" in there.getvalue().decode("utf-8-sig")


# --- payouts ----------------------------------------------------------------------------------
def test_unclear_payouts_come_first(desk, zhao, lake, wang, qian):
    made = [
        Payout.objects.create(
            community=lake,
            subject=f"statement:0190000{number}-0000-7000-8000-000000000000",
            holder="merchant:x",
            title=f"茶馆 {number}",
            purpose={},
            payee=wang,
            openid="o6",
            amount_fen=1_230,
            ordered_by=qian,
        )
        for number in range(2)
    ]
    Payout.objects.filter(pk=made[0].pk).update(difference="WeChat: FAIL")

    page = desk(zhao).get(f"{LAKE}/payouts")

    first, _, rest = page.text.partition("</section>")
    assert "请先处理" in first
    assert "茶馆 0" in first.partition("请先处理")[2]
    assert "茶馆 1" not in first.partition("请先处理")[2]
    assert "¥12.30" in rest


# --- funds ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("unit", "typed", "amount"), [("fen", "20.50", 2_050), ("points", "20", 20)]
)
def test_a_fund_is_topped_up_in_its_unit(desk, qian, lake, unit, typed, amount):
    client = desk(qian)
    terms = {"name": "红包", "year": str(lake.today.year), "unit": unit, "approval_above": typed}
    send(client, form_of(client.get(f"{LAKE}/funds"), "设立资金池"), **terms)
    fund = Fund.objects.get()
    assert fund.approval_above == amount
    page = client.get(f"{LAKE}/funds/{fund.pk}")

    send(client, form_of(page, "拨入资金"), amount=typed, reason="街道拨款")

    assert TopUp.objects.get().amount == amount
    shown = "¥20.50" if unit == "fen" else "20"
    assert shown in client.get(f"{LAKE}/funds/{fund.pk}").text


def test_a_second_person_approves_a_claim(desk, zhao, qian, wang, lake):
    fund = funds.open_fund(
        community=lake, name="红包", year=lake.today.year, unit=Unit.FEN, opened_by=qian,
        approval_above=1_000,
    )  # fmt: skip
    funds.top_up(fund=fund, amount=10_000, reason="拨款", topped_up_by=qian)
    claim = funds.claim(
        fund=fund, subject="report:1", payee=f"person:{wang.pk}", amount=5_000,
        closed_at=lake_time(lake, "2024-03-05 10:00"), reason="report", asked_by=zhao,
    )  # fmt: skip
    client = desk(qian)
    queue = client.get(f"{LAKE}/fund-claims?awaits_approval=true")
    assert "¥50.00" in queue.text
    assert 'href="/console/reports/1"' in queue.text
    address = f"{LAKE}/funds/{fund.pk}/claims/{claim.pk}"

    refused = send(desk(zhao), form_of(desk(zhao).get(address), "审批通过"))
    assert refused.status_code == 422
    send(client, form_of(client.get(address), "审批通过"))

    assert Claim.objects.get().approved_by == qian


# --- what waits for a second person -----------------------------------------------------------
def test_a_higher_limit_waits_for_another_manager(desk, qian, lake):
    client = desk(qian)
    address = form_of(client.get(f"{LAKE}/increase-limit"), "设置限额")

    filled(client, address, alone_limit_fen="100")

    lake.refresh_from_db()
    assert lake.alone_limit_fen == 0
    page = client.get(f"{LAKE}/increases?status=pending")
    assert "10,000" not in page.text
    assert "¥100.00" in page.text
