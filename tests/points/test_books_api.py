"""The books, for those who watch over a community: accounts, trial balance, every transfer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from backend.communities.models import Role
from backend.communities.services import roles
from backend.ids import new_id
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger
from points.models import Account, Transfer
from points.seals.services import sealing

BOOKS = "/api/v1/communities/lake"
NOBODYS = "01900000-0000-7000-8000-000000000000"
ADDRESSES = [
    "accounts",
    "accounts/{account}",
    "accounts/{account}/transfers",
    "accounts/{account}/transfers.csv",
    "accounts/{account}/transfers.xlsx",
    "trial-balance",
    "trial-balance.csv",
    "trial-balance.xlsx",
    "trial-balance/accounts",
    "trial-balance/accounts.csv",
    "trial-balance/accounts.xlsx",
    "trial-balance/transfers",
    "transfers",
    "transfers.csv",
    "transfers.xlsx",
    "transfers/{transfer}",
    "transfers/{transfer}/proof",
]


@pytest.fixture
def auditor(lake, person):
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def client(auditor, logged_in):
    return logged_in(auditor)


@pytest.fixture
def story(lake, earn, spend):
    """100 points earned, 30 spent, 20 held."""
    earned, spent = ledger.post(earn), ledger.post(spend)
    held = replace(spend, key="redemption:2", source="test:redemption:2", amount=20)
    ledger.hold(held, lifetime=timedelta(hours=1))
    return earned, spent


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def named(account):
    return {
        "id": str(account.pk),
        "kind": account.kind,
        "unit": account.unit,
        "holder": account.holder,
    }


def page(*results):
    return {"next": None, "previous": None, "results": list(results)}


def queries(client, address):
    with CaptureQueriesContext(connection) as asked:
        assert client.get(address).status_code == 200
    return len(asked)


# --- accounts ---------------------------------------------------------------------------------
@pytest.mark.parametrize("is_sealed", [False, True])
def test_every_account_says_what_is_in_it(lake, client, story, wallet, issuance, shop, is_sealed):
    if is_sealed:
        sealing.seal(community=lake)

    response = client.get(f"{BOOKS}/accounts")

    def shown(account, balance, **more):
        nothing = {"held": None, "available": None, "shortfall": None}
        opened = {"opened_at": iso(Account.objects.get(pk=account.pk).opened_at)}
        return named(account) | opened | {"balance": balance} | nothing | more

    rows = [
        shown(wallet, 70, held=20, available=50, shortfall=0),
        shown(issuance, -100),
        shown(shop, 30),
    ]
    assert response.status_code == 200
    assert response.json() == page(*sorted(rows, key=lambda row: row["id"], reverse=True))
    assert client.get(f"{BOOKS}/accounts/{wallet.pk}").json() == rows[0] | {"at": None}
    assert client.get(f"{BOOKS}/accounts/{shop.pk}").json() == rows[2] | {"at": None}


def test_a_shortfall_is_shown(lake, client, story, wallet):
    ledger.reverse(
        community_id=lake.pk,
        transfer_id=story[0].pk,
        key="void:1",
        reason="reversal",
        source="undo:void:1",
    )

    body = client.get(f"{BOOKS}/accounts/{wallet.pk}").json()

    shown = {name: body[name] for name in ("balance", "held", "available", "shortfall")}
    assert shown == {"balance": 20, "held": 20, "available": 0, "shortfall": 50}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"kind": "merchant"}, {"merchant:1"}),
        ({"unit": "fen"}, {"fund:1"}),
        ({"holder": "merchant:1"}, {"merchant:1"}),
        ({"kind": "wallet", "unit": "fen"}, set()),
        ({"holder": "merchant"}, set()),
    ],
)
def test_accounts_can_be_narrowed_down(lake, client, story, asked, found):
    ledger.account(community=lake, kind=AccountKind.FUND, unit=Unit.FEN, holder="fund:1")

    rows = client.get(f"{BOOKS}/accounts", asked).json()["results"]

    assert {row["holder"] for row in rows} == found


@pytest.mark.parametrize("name", ["kind", "unit"])
def test_a_kind_or_unit_that_is_none_is_refused(client, name):
    response = client.get(f"{BOOKS}/accounts", {name: "gold"})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert list(response.json()["errors"]) == [name]


def test_a_page_of_a_hundred_accounts_asks_the_database_no_more_than_one_of_one(
    lake, client, story, earn
):
    for number in range(98):
        shop = ledger.account(
            community=lake, kind=AccountKind.MERCHANT, holder=f"merchant:{number + 2}"
        )
        ledger.post(replace(earn, credit=shop, key=f"event:{number}", amount=number + 1))

    address = f"{BOOKS}/accounts?page_size="

    assert queries(client, f"{address}100") == queries(client, f"{address}1")
    assert len(client.get(f"{address}100").json()["results"]) == 100


# --- at a moment ------------------------------------------------------------------------------
@pytest.fixture
def afterwards(story):
    """The moment at which 100 points were earned and none was spent, as addresses write it."""
    between = Transfer.objects.get(pk=story[0].pk).posted_at
    return between.isoformat()


@pytest.mark.parametrize("is_sealed", [False, True])
def test_an_account_is_shown_as_it_was(lake, client, story, wallet, shop, afterwards, is_sealed):
    if is_sealed:
        sealing.seal(community=lake)

    def at(account, moment):
        body = client.get(f"{BOOKS}/accounts/{account.pk}", {"at": moment}).json()
        assert (body["held"], body["available"], body["shortfall"]) == (None, None, None)
        return body["balance"]

    assert [at(account, afterwards) for account in (wallet, shop)] == [100, 0]
    assert [at(account, "2100-01-01T00:00:00Z") for account in (wallet, shop)] == [70, 30]
    assert at(wallet, "1900-01-01T00:00:00Z") == 0


def test_what_moment_was_understood_is_answered_in_utc(client, story, wallet):
    address = f"{BOOKS}/accounts/{wallet.pk}"

    def understood(moment):
        return client.get(address, {"at": moment}).json()["at"]

    assert understood("2024-03-01T10:00:00+09:00") == "2024-03-01T01:00:00Z"
    assert understood("2024-03-01T10:00+08:00") == "2024-03-01T02:00:00Z"


@pytest.mark.parametrize(
    "moment", ["", "now", "2024-13-01T00:00Z", "2024-03-01T10:00", "0001-01-01T00:00:00+14:00"]
)
@pytest.mark.parametrize("address", ["accounts/{}", "trial-balance"])
def test_a_moment_that_is_none_is_refused(client, wallet, address, moment):
    response = client.get(f"{BOOKS}/{address.format(wallet.pk)}", {"at": moment})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert list(response.json()["errors"]) == ["at"]


# --- the trial balance ------------------------------------------------------------------------
@pytest.fixture
def cash(lake):
    """200,000 fen put into a fund."""
    payout, fund = (
        ledger.account(community=lake, kind=kind, unit=Unit.FEN)
        for kind in (AccountKind.PAYOUT, AccountKind.FUND)
    )
    return ledger.post(
        ledger.Movement(
            debit=payout,
            credit=fund,
            amount=20_000_000,
            key="grant:1",
            reason="grant",
            source="test:grant:1",
        )
    )


def both(out, came_in):
    """Totals of what happened when it was posted."""
    posted = {"debits": out, "credits": came_in, "balance": came_in - out}
    occurred = {f"occurred_{name}": amount for name, amount in posted.items()}
    return posted | occurred | {"occurred_difference": 0}


def line(unit, kind, out, came_in):
    return {"unit": unit, "kind": kind, "accounts": 1, **both(out, came_in)}


@pytest.mark.parametrize("role", [Role.STAFF, Role.MANAGER, Role.AUDITOR])
@pytest.mark.parametrize("is_sealed", [False, True])
def test_debits_and_credits_come_to_the_same_in_each_unit(
    lake, person, logged_in, story, cash, role, is_sealed
):
    reader = person("sun")
    roles.give(user=reader, community=lake, role=role)
    if is_sealed:
        sealing.seal(community=lake)

    response = logged_in(reader).get(f"{BOOKS}/trial-balance")

    assert response.status_code == 200
    assert response.json() == {
        "at": None,
        "lines": [
            line("fen", "fund", 0, 20_000_000),
            line("fen", "payout", 20_000_000, 0),
            line("points", "issuance", 100, 0),
            line("points", "merchant", 0, 30),
            line("points", "wallet", 30, 100),
        ],
        "sums": [
            {"unit": "fen", **both(20_000_000, 20_000_000)},
            {"unit": "points", **both(130, 130)},
        ],
        "apart": [],
    }


def test_the_trial_balance_of_a_moment_is_that_of_what_was_posted_by_then(
    client, story, cash, afterwards
):
    body = client.get(f"{BOOKS}/trial-balance", {"at": afterwards}).json()

    assert body == {
        "at": iso(datetime.fromisoformat(afterwards)),
        "lines": [line("points", "issuance", 100, 0), line("points", "wallet", 0, 100)],
        "sums": [{"unit": "points", **both(100, 100)}],
        "apart": [],
    }


def test_the_trial_balance_of_no_ledger_is_empty(lake, client):
    body = client.get(f"{BOOKS}/trial-balance").json()

    assert body == {"at": None, "lines": [], "sums": [], "apart": []}


# --- transfers --------------------------------------------------------------------------------
def test_the_books_name_no_person(client, story, wallet, issuance, shop):
    earned, spent = story

    response = client.get(f"{BOOKS}/transfers")

    assert response.status_code == 200
    assert response.json() == page(
        {
            "id": str(spent.pk),
            "key": "redemption:1",
            "debit": named(wallet),
            "credit": named(shop),
            "amount": 30,
            "unit": "points",
            "reason": "redemption",
            "reason_words": "兑换",
            "source": "test:redemption:1",
            "event": {
                "kind": "test",
                "id": str(spent.pk),
                "words": "test:redemption:1",
                "ids": {},
                "moves": True,
                "amount": None,
                "unit": None,
                "debit_kind": None,
                "debit_holder": None,
                "credit_kind": None,
                "credit_holder": None,
                "reason": "redemption",
                "at": None,
            },
            "occurred_at": iso(spent.occurred_at),
            "posted_at": iso(spent.posted_at),
        },
        {
            "id": str(earned.pk),
            "key": "hours:1",
            "debit": named(issuance),
            "credit": named(wallet),
            "amount": 100,
            "unit": "points",
            "reason": "hours",
            "reason_words": "志愿服务",
            "source": "hours:1",
            "event": None,  # nobody was awarded
            "occurred_at": iso(earned.occurred_at),
            "posted_at": iso(earned.posted_at),
        },
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["gift:1", "redemption:1", "hours:1"]),
        ({"reason": "redemption"}, ["redemption:1"]),
        ({"source": "hours:1"}, ["hours:1"]),
        ({"key": "gift:1"}, ["gift:1"]),
        ({"kind": "issuance"}, ["gift:1", "hours:1"]),
        ({"kind": "wallet"}, ["gift:1", "redemption:1", "hours:1"]),
        ({"kind": "merchant"}, ["redemption:1"]),
        ({"kind": "pool"}, []),
        ({"since": "2024-03-02"}, ["redemption:1", "hours:1"]),
        ({"until": "2024-03-01"}, ["gift:1"]),
        ({"kind": "issuance", "until": "2024-03-01"}, ["gift:1"]),
        ({"account": NOBODYS}, []),
        ({"key": "hours"}, []),
    ],
)
def test_transfers_can_be_narrowed_down(client, story, earn, asked, found):
    afternoon = datetime(2024, 3, 1, 15, 59, 59, tzinfo=UTC)  # still 1 March at the lake
    ledger.post(
        replace(earn, key="gift:1", reason="gift", source="test:gift", occurred_at=afternoon)
    )

    rows = client.get(f"{BOOKS}/transfers", asked).json()["results"]

    assert [row["key"] for row in rows] == found


def test_transfers_can_be_narrowed_down_to_an_account(client, story, wallet, issuance, shop):
    def found(account):
        rows = client.get(f"{BOOKS}/transfers", {"account": account.pk}).json()["results"]
        return [row["key"] for row in rows]

    assert found(wallet) == ["redemption:1", "hours:1"]
    assert found(issuance) == ["hours:1"]
    assert found(shop) == ["redemption:1"]


@pytest.mark.parametrize(
    ("name", "value"), [("account", "nonsense"), ("kind", "gold"), ("since", "2024-02-30")]
)
def test_what_nothing_can_be_narrowed_down_to_is_refused(client, name, value):
    response = client.get(f"{BOOKS}/transfers", {name: value})

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert list(response.json()["errors"]) == [name]


def test_an_account_has_a_statement_with_both_sides(client, story, wallet, shop):
    body = client.get(f"{BOOKS}/accounts/{wallet.pk}/transfers").json()
    assert [row["key"] for row in body["results"]] == ["redemption:1", "hours:1"]
    assert body["results"][0]["credit"] == named(shop)

    body = client.get(f"{BOOKS}/accounts/{wallet.pk}/transfers", {"reason": "hours"}).json()
    assert [row["key"] for row in body["results"]] == ["hours:1"]

    first = client.get(f"{BOOKS}/accounts/{wallet.pk}/transfers?page_size=1").json()
    second = client.get(first["next"]).json()
    assert [row["key"] for row in second["results"]] == ["hours:1"]


@pytest.mark.parametrize("address", ["transfers", "accounts/{account}/transfers"])
def test_a_longer_page_of_transfers_asks_the_database_no_more(client, story, earn, wallet, address):
    address = f"{BOOKS}/{address.format(account=wallet.pk)}"
    few = queries(client, address)
    for number in range(15):
        ledger.post(replace(earn, key=f"event:{number}"))

    assert queries(client, address) == few


def test_a_transfer_is_explained_with_both_sides(lake, client, story, wallet, shop):
    _, spent = story
    ledger.reverse(
        community_id=lake.pk,
        transfer_id=spent.pk,
        key="refund:1",
        reason="refund",
        source="undo:refund:1",
        amount=10,
    )
    taken = Transfer.objects.get(reverses=spent.pk)

    body = client.get(f"{BOOKS}/transfers/{spent.pk}").json()

    listed = client.get(f"{BOOKS}/transfers", {"key": "redemption:1"}).json()["results"][0]
    (reversal,) = body.pop("reversals")
    assert body == listed | {
        "explanation": {},
        "reckoning": [],
        "award": None,
        "rule_version": None,
        "reverses": None,
    }
    assert (reversal["amount"], reversal["recovered"], reversal["outstanding"]) == (10, 10, 0)
    rows = client.get(f"{BOOKS}/transfers", {"reverses": spent.pk}).json()["results"]
    assert [row["id"] for row in rows] == [str(taken.pk)]
    body = client.get(f"{BOOKS}/transfers/{taken.pk}").json()
    assert (body["debit"], body["credit"]) == (named(shop), named(wallet))
    assert (body["reverses"]["id"], body["reverses"]["amount"]) == (str(spent.pk), 30)


def test_a_sealed_transfer_is_proved_to_auditors_too(lake, client, story):
    earned, _ = story
    address = f"{BOOKS}/transfers/{earned.pk}/proof"
    early = client.get(address)
    sealing.seal(community=lake)

    assert (early.status_code, early.json()["code"]) == (409, "not_sealed_yet")
    assert client.get(address).json() == sealing.receipt(earned)


# --- to whom ----------------------------------------------------------------------------------
@pytest.mark.parametrize("address", ADDRESSES)
def test_the_books_are_closed_to_everybody_else(
    lake, hill, wang, person, logged_in, story, wallet, address
):
    next_door = person("sun", "孙社工")
    roles.give(user=next_door, community=hill, role=Role.STAFF)
    address = address.format(account=wallet.pk, transfer=story[0].pk)

    for user, code in [(wang, "lake"), (next_door, "lake"), (next_door, "nowhere")]:
        response = logged_in(user).get(f"/api/v1/communities/{code}/{address}")
        assert (response.status_code, response.json()["code"]) == (404, "community_unknown")
    response = APIClient().get(f"{BOOKS}/{address}")
    assert (response.status_code, response.json()["code"]) == (401, "not_authenticated")


@pytest.mark.parametrize(
    "address", [one for one in ADDRESSES if "{account}" in one or "{transfer}" in one]
)
def test_what_is_in_other_books_is_unknown_in_these(
    lake, hill, auditor, logged_in, story, wallet, address
):
    roles.give(user=auditor, community=hill, role=Role.AUDITOR)
    sealing.seal(community=lake)
    client = logged_in(auditor)
    code = "account_unknown" if "{account}" in address else "transfer_unknown"

    theirs = address.format(account=wallet.pk, transfer=story[0].pk)
    nobodys = address.format(account=new_id(), transfer=new_id())
    for place, inside in [("hill", theirs), ("lake", nobodys)]:
        response = client.get(f"/api/v1/communities/{place}/{inside}")
        assert (response.status_code, response.json()["code"]) == (404, code)
    assert client.get(f"{BOOKS}/{theirs}").status_code == 200
