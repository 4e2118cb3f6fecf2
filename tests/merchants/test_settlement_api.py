"""Statements, over HTTP: what an owner reads, what staff do, what an auditor may not."""

import csv
import io
from datetime import date, timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from pypdf import PdfReader

from backend.communities.models import Role
from backend.communities.services import roles
from merchants.models import MerchantMember, Offer, Refund, Statement
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.api import statements as views
from merchants.settlement.services import statements as settlement

UNKNOWN = UUID("01900000-0000-7000-8000-000000000000")
MARCH = {"period_start": "2024-03-01", "period_end": "2024-04-01"}


def utc(moment):
    return moment.isoformat().replace("+00:00", "Z")


def post(client, address, body=None, *, key="k1"):
    headers = {"Idempotency-Key": key}
    return client.post(f"/api/v1/{address}", body or {}, headers=headers)


def problem(response):
    """Status and body of a refusal, less the words that may change."""
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body.pop("type") == f"/problems/{body['code']}"
    assert body.pop("status") == response.status_code
    assert body.pop("title")
    return response.status_code, body


@pytest.fixture
def office(person, logged_in, lake):
    """Log in a person with a role at the lake: ``office("qian", Role.MANAGER)``."""

    def log_in(name: str, role: Role):
        user = person(name, name)
        roles.give(user=user, community=lake, role=role)
        return logged_in(user)

    return log_in


@pytest.fixture
def zhaos_desk(zhao, logged_in):
    """Zhao of the staff is logged in."""
    return logged_in(zhao)


@pytest.fixture
def line(redeemed):
    """Two teas in March."""
    return redeemed("2024-03-05 10:00", quantity=2)


@pytest.fixture
def statement(lake, line) -> Statement:
    """March of the tea house, drafted by night."""
    (drafted,) = settlement.draft(
        community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    return drafted


def shown(statement, **changed):
    """The whole body of a statement about two teas, drafted by night."""
    return {
        "id": str(statement.pk),
        "partnership_id": str(statement.partnership_id),
        "merchant": {"id": str(statement.partnership.merchant_id), "name": "茶馆"},
        "community": {"code": "lake", "name": "碧沙湖社区"},
        "period_start": "2024-03-01",
        "period_end": "2024-04-01",
        "status": "draft",
        "number": statement.number,
        "redemptions_count": 1,
        "refunds_count": 0,
        "points": 60,
        "amount_fen": 600,
        "carried_fen": 0,
        "due_fen": 600,
        "services": [],
        "digest": statement.digest,
        "drafted_at": utc(statement.drafted_at),
        "drafted_by": None,
        "approved_at": None,
        "approved_by": None,
        "paid_at": None,
        "paid_by": None,
        "payment_reference": "",
    } | changed


def page(*results):
    return {"next": None, "previous": None, "results": list(results)}


def line_shown(line):
    return {
        "id": str(line.pk),
        "offer_code": "TEA",
        "offer_title": "一壶茶",
        "quantity": 2,
        "price_points": 60,
        "fen_per_point": 10,
        "amount_fen": 600,
        "redeemed_at": "2024-03-05T02:00:00Z",
        "redeemed_by": {"id": str(line.redeemed_by_id), "name": "陈店员"},
    }


# --- the owner ----------------------------------------------------------------------------


@pytest.fixture
def owners_phone(tea_house, person, logged_in):
    owner = person("sun", "孙老板")
    partners.employ(merchant=tea_house.merchant, user=owner, role=MerchantMember.Role.OWNER)
    return logged_in(owner)


def test_an_owner_reads_what_is_owed(owners_phone, tea_house, statement, line):
    address = f"/api/v1/merchants/{tea_house.merchant_id}/statements"

    assert owners_phone.get(address).json() == page(shown(statement))
    address = f"/api/v1/statements/{statement.pk}"
    assert owners_phone.get(address).json() == shown(statement)
    lines = owners_phone.get(f"{address}/redemptions")
    assert lines.json() == page(line_shown(line))


@pytest.mark.parametrize(
    "address",
    ["merchants/{shop}/statements", "statements/{statement}", "statements/{statement}/redemptions"],
)
def test_statements_are_not_for_clerks(logged_in, chen, tea_house, statement, address):
    address = address.format(shop=tea_house.merchant_id, statement=statement.pk)

    answer = logged_in(chen).get(f"/api/v1/{address}")

    assert problem(answer) == (404, {"code": "not_found"})


@pytest.mark.parametrize("address", ["/{statement}", "/{statement}/redemptions"])
def test_an_owner_reads_no_other_merchants_statement(lake, person, logged_in, statement, address):
    noodle_bar = partners.sign_contract(
        community=lake, name="面馆", trade="餐饮", fen_per_point=12, is_donated=False
    )
    owner = person("zhou")
    partners.employ(merchant=noodle_bar.merchant, user=owner, role=MerchantMember.Role.OWNER)
    address = address.format(statement=statement.pk)

    answer = logged_in(owner).get(f"/api/v1/statements{address}")

    assert problem(answer) == (404, {"code": "not_found"})


# --- staff and auditors -------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.STAFF, Role.MANAGER, Role.AUDITOR])
def test_who_watches_over_a_community_reads_its_statements(office, statement, line, role):
    desk = office("qian", role)

    assert desk.get("/api/v1/communities/lake/statements").json() == page(shown(statement))
    address = f"/api/v1/statements/{statement.pk}"
    assert desk.get(address).json() == shown(statement)
    assert desk.get(f"{address}/redemptions").json() == page(line_shown(line))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 1),
        ("status=draft", 1),
        ("status=paid", 0),
        ("since=2024-03-31", 1),
        ("since=2024-04-01", 0),
        ("until=2024-03-01", 1),
        ("until=2024-02-29", 0),
        ("partnership={partnership}", 1),
        ("partnership={unknown}", 0),
        ("partnership={partnership}&status=draft&since=2024-03-01&until=2024-03-31", 1),
    ],
)
def test_statements_by_status_period_and_partnership(
    zhaos_desk, owners_phone, shop, statement, query, found
):
    query = query.format(partnership=statement.partnership_id, unknown=UNKNOWN)
    for client, scope in ((zhaos_desk, "communities/lake"), (owners_phone, f"merchants/{shop.pk}")):
        assert len(client.get(f"/api/v1/{scope}/statements?{query}").json()["results"]) == found


def test_staff_list_no_statements_of_another_community(zhaos_desk, hill, statement):
    answer = zhaos_desk.get("/api/v1/communities/hill/statements")

    assert problem(answer) == (404, {"code": "community_unknown"})


def test_a_communitys_list_holds_its_own_statements_alone(hill, person, logged_in, statement):
    their_staff = person("he", "何社工")
    roles.give(user=their_staff, community=hill, role=Role.STAFF)

    answer = logged_in(their_staff).get("/api/v1/communities/hill/statements")

    assert answer.json() == page()


def test_an_unknown_status_is_refused(zhaos_desk):
    status, body = problem(zhaos_desk.get("/api/v1/communities/lake/statements?status=lost"))

    assert (status, body["code"], list(body["errors"])) == (400, "invalid_input", ["status"])


def test_neighbouring_staff_and_volunteers_see_nothing(hill, person, wang, logged_in, statement):
    neighbour = person("feng")
    roles.give(user=neighbour, community=hill, role=Role.MANAGER)
    for user in (neighbour, wang):
        client = logged_in(user)
        for address, code in (
            ("communities/lake/statements", "community_unknown"),
            (f"statements/{statement.pk}", "not_found"),
            (f"statements/{statement.pk}/redemptions", "not_found"),
        ):
            answer = client.get(f"/api/v1/{address}")
            assert problem(answer) == (404, {"code": code})


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.VOLUNTEER])
def test_who_does_not_handle_changes_nothing(office, statement, role):
    desk = office("qian", role)

    for address, body, code in (
        (f"statements/{statement.pk}/approve", None, "not_found"),
        (f"statements/{statement.pk}/pay", {"reference": "B1"}, "not_found"),
        ("communities/lake/statements", MARCH, "community_unknown"),
    ):
        answer = post(desk, address, body, key=address)
        assert problem(answer) == (404, {"code": code})
    assert Statement.objects.get().status == "draft"


def test_drafting_approving_and_paying(books, wang, zhao, zhaos_desk, office, line):
    drafted = post(zhaos_desk, "communities/lake/statements", MARCH)
    statement = Statement.objects.get()
    by_zhao = {"id": str(zhao.pk), "name": "赵社工"}
    expected = shown(statement, drafted_by=by_zhao)
    assert (drafted.status_code, drafted.json()) == (201, [expected])

    own = post(zhaos_desk, f"statements/{statement.pk}/approve", key="k2")
    assert problem(own) == (403, {"code": "own_draft"})

    approved = post(office("qian", Role.MANAGER), f"statements/{statement.pk}/approve")
    statement.refresh_from_db()
    expected |= {
        "status": "approved",
        "number": f"{timezone.localdate(timezone=line.community.clock).year}-0001",
        "digest": statement.digest,
        "approved_at": utc(statement.approved_at),
        "approved_by": {"id": str(statement.approved_by_id), "name": "qian"},
    }
    assert (approved.status_code, approved.json()) == (200, expected)

    paid = post(
        zhaos_desk, f"statements/{statement.pk}/pay", {"payment_reference": "B-17"}, key="k3"
    )
    statement.refresh_from_db()
    expected |= {
        "status": "paid",
        "paid_at": utc(statement.paid_at),
        "paid_by": by_zhao,
        "payment_reference": "B-17",
    }
    assert (paid.status_code, paid.json()) == (200, expected)
    assert zhaos_desk.get(f"/api/v1/statements/{statement.pk}").json() == expected
    assert (books(wang)["merchants"], books(wang)["settled"]) == (0, 60)


def test_one_key_drafts_once_and_another_finds_nothing_left(zhaos_desk, line):
    first = post(zhaos_desk, "communities/lake/statements", MARCH)
    again = post(zhaos_desk, "communities/lake/statements", MARCH)
    other_key = post(zhaos_desk, "communities/lake/statements", MARCH, key="k2")

    assert again.content == first.content
    assert (other_key.status_code, other_key.json()) == (201, [])
    assert Statement.objects.count() == 1


def test_paying_before_it_is_approved(zhaos_desk, statement):
    answer = post(zhaos_desk, f"statements/{statement.pk}/pay", {"payment_reference": "B-17"})

    assert problem(answer) == (409, {"code": "statement_status_wrong", "current_status": "draft"})


@pytest.mark.parametrize(
    ("start", "end", "status", "code"),
    [
        ("2024-03-01", "2024-03-01", 400, "period_not_in_order"),
        ("2024-04-01", "2024-03-01", 400, "period_not_in_order"),
        ("2024-03-01", "2100-12-31", 409, "period_not_over"),
    ],
)
def test_a_refused_period(zhaos_desk, lake, line, start, end, status, code):
    answer = post(
        zhaos_desk, "communities/lake/statements", {"period_start": start, "period_end": end}
    )

    today = timezone.now().astimezone(lake.clock).date()
    facts = {"today": today.isoformat()} if status == 409 else {}
    assert problem(answer) == (status, {"code": code} | facts)
    assert not Statement.objects.exists()


def test_a_period_that_ended_with_yesterday_is_over(zhaos_desk, lake, redeemed):
    today = timezone.now().astimezone(lake.clock).date()
    yesterday = today - timedelta(days=1)
    redeemed(f"{yesterday} 23:59")

    answer = post(
        zhaos_desk,
        "communities/lake/statements",
        {"period_start": yesterday.isoformat(), "period_end": today.isoformat()},
    )

    assert [one["redemptions_count"] for one in answer.json()] == [1]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"period_start": "2024-03-01"}, "period_end"),
        (MARCH | {"period_start": "2024-02-30"}, "period_start"),
        (MARCH | {"period_end": "next month"}, "period_end"),
        (MARCH | {"period_end": 20240401}, "period_end"),
    ],
)
def test_a_period_is_two_days(zhaos_desk, lake, body, field):
    status, answer = problem(post(zhaos_desk, "communities/lake/statements", body))

    assert (status, answer["code"], list(answer["errors"])) == (400, "invalid_input", [field])


def test_the_first_day_that_can_be_told_is_a_day(zhaos_desk, lake, line):
    oldest = {"period_start": "1900-01-01", "period_end": "1900-01-02"}

    answer = post(zhaos_desk, "communities/lake/statements", oldest)

    assert (answer.status_code, answer.json()) == (201, [])


@pytest.mark.parametrize("code", ["hill", "nowhere"])
def test_drafting_for_another_community(zhaos_desk, hill, code):
    answer = post(zhaos_desk, f"communities/{code}/statements", MARCH)

    assert problem(answer) == (404, {"code": "community_unknown"})


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("get", "communities/lake/statements"),
        ("get", f"statements/{UNKNOWN}"),
        ("get", f"statements/{UNKNOWN}/redemptions"),
        ("post", f"statements/{UNKNOWN}/approve"),
        ("post", f"statements/{UNKNOWN}/pay"),
        ("post", "communities/lake/statements"),
        ("get", f"merchants/{UNKNOWN}/statements"),
        ("get", f"statements/{UNKNOWN}/questions/{UNKNOWN}"),
        ("get", f"payouts/{UNKNOWN}"),
        ("get", f"bank-batches/{UNKNOWN}"),
    ],
)
def test_strangers_are_asked_to_log_in(db, client, method, address):
    answer = getattr(client, method)(f"/api/v1/{address}", content_type="application/json")

    assert problem(answer) == (401, {"code": "not_authenticated"})


# --- questions and files ------------------------------------------------------------------


def test_a_line_is_questioned_by_the_owner_and_answered_by_staff(
    owners_phone, zhaos_desk, zhao, tea_house, statement, line
):
    address = f"statements/{statement.pk}/questions"

    asked = post(owners_phone, address, {"line_id": str(line.pk), "reason": "不是我店的"})

    question = statement.questions.get()
    expected = {
        "id": str(question.pk),
        "line_id": str(line.pk),
        "reason": "不是我店的",
        "asked_at": utc(question.asked_at),
        "asked_by": {"id": str(question.asked_by_id), "name": "孙老板"},
        "asked_by_merchant": True,
        "answer": "",
        "answered_at": None,
        "answered_by": None,
    }
    assert (asked.status_code, asked.json()) == (201, expected)
    assert zhaos_desk.get(f"/api/v1/{address}").json() == page(expected)
    refused = post(zhaos_desk, f"statements/{statement.pk}/approve", key="k2")
    assert problem(refused) == (409, {"code": "statement_questioned"})
    own = post(owners_phone, f"{address}/{question.pk}/answer", {"answer": "是的"}, key="k3")
    assert problem(own) == (403, {"code": "own_question"})

    answered = post(zhaos_desk, f"{address}/{question.pk}/answer", {"answer": "是"}, key="k4")

    question.refresh_from_db()
    expected |= {
        "answer": "是",
        "answered_at": utc(question.answered_at),
        "answered_by": {"id": str(zhao.pk), "name": "赵社工"},
    }
    assert (answered.status_code, answered.json()) == (200, expected)
    assert owners_phone.get(f"/api/v1/{address}").json() == page(expected)
    assert owners_phone.get(f"/api/v1/{address}/{question.pk}").json() == expected


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("", True),
        ("?is_open=true&asked_by_merchant=true", True),
        ("?is_open=false", False),
        ("?asked_by_merchant=false", False),
        ("?partnership={partnership}", True),
        (f"?partnership={UNKNOWN}", False),
    ],
)
def test_the_questions_on_all_statements_of_a_community_are_one_list(
    owners_phone, zhaos_desk, tea_house, statement, line, query, is_found
):
    address = f"statements/{statement.pk}/questions"
    asked = post(owners_phone, address, {"line_id": str(line.pk), "reason": "不是我店的"}).json()
    listed = f"/api/v1/communities/lake/statement-questions{query}"

    found = zhaos_desk.get(listed.format(partnership=tea_house.pk)).json()

    about = {
        "statement_id": str(statement.pk),
        "merchant": {"id": str(tea_house.merchant_id), "name": "茶馆"},
        "period_start": "2024-03-01",
        "period_end": "2024-04-01",
    }
    assert found == page(*([asked | about] if is_found else []))
    assert owners_phone.get(listed).status_code == 404


@pytest.mark.parametrize(("text", "count"), [("茶", 1), ("面", 0)])
def test_a_statement_is_found_by_its_merchants_name(zhaos_desk, statement, text, count):
    found = zhaos_desk.get(f"/api/v1/communities/lake/statements?text={text}").json()

    assert [one["id"] for one in found["results"]] == [str(statement.pk)] * count


def test_who_only_watches_asks_nothing(office, statement, line):
    body = {"line_id": str(line.pk), "reason": "?"}

    answer = post(office("qian", Role.AUDITOR), f"statements/{statement.pk}/questions", body)

    assert problem(answer) == (404, {"code": "not_found"})


@pytest.fixture
def settled(lake, line, statement, chen, zhao):
    """A statement with an item that is a formula, and one of two teas given back."""
    Offer.objects.update(title="=1+1")
    refunds.refund(redemption=line, refunded_by=zhao, reason="凉了", quantity=1, is_late=True)
    Refund.objects.update(statement=statement)
    return statement


def test_a_statement_as_a_spreadsheet(zhaos_desk, settled, line):
    answer = zhaos_desk.get(f"/api/v1/statements/{settled.pk}/lines.csv")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    header, redeemed, refunded = csv.reader(text.splitlines())
    assert header == [
        "时间", "事由", "商品编号", "商品", "件数", "积分", "金额（分）", "行号",
    ]  # fmt: skip
    assert redeemed == [
        "2024-03-05 10:00:00", "兑换", "TEA", "'=1+1", "2", "60", "600", str(line.pk),
    ]  # fmt: skip
    assert refunded[1:7] == ["退还", "TEA", "'=1+1", "-1", "-30", "-300"]
    book = zhaos_desk.get(f"/api/v1/statements/{settled.pk}/lines.xlsx")
    assert b"".join(book.streaming_content).startswith(b"PK")


def test_a_statement_to_print(owners_phone, tea_house, settled):
    address = f"/api/v1/statements/{settled.pk}/lines"

    page = owners_phone.get(f"{address}.html")
    assert page["Content-Type"] == "text/html; charset=utf-8"
    html = page.getvalue().decode()
    for shown in ("结算单", "茶馆", "2024-03-01 – 2024-03-31", "=1+1", "6.00 元", "-3.00 元"):
        assert shown in html, shown

    pdf = b"".join(owners_phone.get(f"{address}.pdf").streaming_content)
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    for shown in ("结算单", "茶馆", "2024-03-01 – 2024-03-31", "=1+1", "6.00 元", "-3.00 元"):
        assert shown in text, shown


def test_a_file_that_would_be_too_long_is_refused(zhaos_desk, statement, monkeypatch):
    monkeypatch.setitem(views.MOST_LINES, "pdf", 0)

    answer = zhaos_desk.get(f"/api/v1/statements/{statement.pk}/lines.pdf")

    assert problem(answer) == (400, {"code": "export_too_large", "limit": 0})


# --- refunds ------------------------------------------------------------------------------


@pytest.fixture
def today(tea, wang, chen, grant_points):
    """Two teas, redeemed just now."""
    grant_points(wang, 60)
    voucher = redemption.take(offer=tea, volunteer=wang, quantity=2)
    shop = tea.partnership.merchant
    redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
    voucher.refresh_from_db()
    return voucher


def test_a_clerk_refunds_once_for_a_key(logged_in, wang, chen, shop, today, books):
    phone, address = logged_in(chen), f"redemptions/{today.pk}/refunds"
    before = books(wang)
    body = {"quantity": 1, "reason": "茶凉了"}

    first, again = (post(phone, address, body) for _ in range(2))

    refund = Refund.objects.get()
    assert (first.status_code, first.json()) == (
        201,
        {
            "id": str(refund.pk),
            "redemption_id": str(today.pk),
            "quantity": 1,
            "points": 30,
            "reason": "茶凉了",
            "refunded_at": utc(refund.refunded_at),
        },
    )
    assert again.content == first.content
    assert books(wang)["available"] == before["available"] + 30
    mine = logged_in(wang).get(f"/api/v1/me/vouchers/{today.pk}").json()
    assert (mine["refunded_quantity"], mine["refunded_points"]) == (1, 30)
    too_many = post(phone, address, {"quantity": 2, "reason": "还有"}, key="k2")
    status, refused = problem(too_many)
    assert (status, refused["code"], refused["left"]) == (409, "refund_too_large", 1)


def test_after_the_day_only_staff_refund(logged_in, zhaos_desk, chen, zhou, shop, statement, line):
    late = f"redemptions/{line.pk}/refunds"
    for user, key in ((chen, "k1"), (zhou, "k2")):
        answer = post(logged_in(user), late, {"reason": "凉了"}, key=key)
        assert problem(answer) == (409, {"code": "refund_too_late"})

    given_back = post(zhaos_desk, f"redemptions/{line.pk}/refunds", {"reason": "凉了"}, key="k3")

    assert (given_back.status_code, given_back.json()["points"]) == (201, 60)
    Refund.objects.update(statement=statement)
    address = f"/api/v1/statements/{statement.pk}/refunds"
    row = zhaos_desk.get(address).json()["results"][0]
    assert (row["points"], row["amount_fen"], row["offer_code"]) == (-60, -600, "TEA")
    assert logged_in(zhou).get(address).json()["results"] == [row]


def test_nobody_refunds_for_another_shop_or_community(
    lake, hill, person, logged_in, wang, tea_house, today
):
    other = partners.sign_contract(
        community=lake, name="面馆", trade="餐饮", fen_per_point=12, is_donated=False
    )
    clerk, neighbour = person("feng"), person("bao")
    partners.employ(merchant=other.merchant, user=clerk, role=MerchantMember.Role.CLERK)
    roles.give(user=neighbour, community=hill, role=Role.MANAGER)
    for user, address in (
        (clerk, f"redemptions/{today.pk}/refunds"),
        (clerk, f"redemptions/{today.pk}/refunds"),
        (neighbour, f"redemptions/{today.pk}/refunds"),
        (wang, f"redemptions/{today.pk}/refunds"),
    ):
        answer = post(logged_in(user), address, {"reason": "?"}, key=address)
        assert problem(answer) == (404, {"code": "not_found"})
    assert not Refund.objects.exists()
