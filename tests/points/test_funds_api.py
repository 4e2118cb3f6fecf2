"""Funds by API: what staff, managers and auditors read, and what managers do."""

from datetime import UTC, datetime

import pytest

from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from points.funds import services as funds
from points.kinds import Unit
from points.ledger import services as ledger
from points.models import Claim, Fund, TopUp, Transfer

FUNDS = "/api/v1/communities/lake/funds"
NOON = datetime(2024, 3, 1, 4, tzinfo=UTC)


def iso(moment):
    return moment and moment.isoformat().replace("+00:00", "Z")


@pytest.fixture
def qian(person, lake):
    """钱书记, who manages the lake."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def manager(qian, logged_in):
    return logged_in(qian)


@pytest.fixture
def fund(lake, qian) -> Fund:
    """红包, of last year, with 100 yuan in it; above 50 yuan two decide."""
    made = funds.open_fund(
        community=lake,
        name="红包",
        year=lake.today.year - 1,
        unit=Unit.FEN,
        opened_by=qian,
        approval_above=5_000,
    )
    funds.top_up(fund=made, amount=10_000, reason="街道拨款", topped_up_by=qian)
    return made


@pytest.fixture
def at(fund):
    return f"{FUNDS}/{fund.pk}"


@pytest.fixture
def ask(fund, zhao, wang):
    """Claims from the fund for wang: ``ask(3000, "a")``."""

    def claim(amount, name):
        return funds.claim(
            fund=fund,
            subject=f"report:{name}",
            payee=f"person:{wang.pk}",
            amount=amount,
            closed_at=NOON,
            reason="report",
            asked_by=zhao,
        )

    return claim


def colleague(user):
    return {"id": str(user.pk), "name": user.shown_name}


def test_a_manager_opens_a_fund_once(lake, manager):
    terms = {"name": "微心愿", "year": 2031, "unit": "points", "approval_above": 200}

    answers = [manager.post(FUNDS, terms) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 201]
    opened = Fund.objects.get()
    assert answers[0].json() == {
        **terms,
        "id": str(opened.pk),
        "opened_at": iso(opened.opened_at),
        "ending": None,
        "ended_at": None,
        "ended_amount": None,
        "carried_into_id": None,
        **dict.fromkeys(["budget", "reserved", "spent", "left"], 0),
        **dict.fromkeys(["waiting_count", "waiting_amount"], 0),
        **dict.fromkeys(["unclaimed_count", "unclaimed_amount"], 0),
    }
    assert answers[1].json() == answers[0].json()
    other = manager.post(FUNDS, terms | {"unit": "fen"})
    assert (other.status_code, other.json()["code"]) == (409, "fund_name_taken")


def test_the_figures_are_those_of_the_ledger(fund, at, ask, manager):
    funds.commit(claim=ask(4_000, "paid"))
    ask(5_000, "reserved")
    lapsed = ask(900, "unclaimed")
    funds.lapse(claim=lapsed, hold_id=lapsed.hold_id)
    ask(1_001, "first")
    ask(2_000, "second")

    shown = manager.get(at).json()
    (listed,) = manager.get(FUNDS).json()["results"]

    assert shown == listed
    figures = {
        "budget": 10_000,
        "reserved": 5_000,
        "spent": 4_000,
        "left": 1_000,
        "waiting_count": 2,
        "waiting_amount": 3_001,
        "unclaimed_count": 1,
        "unclaimed_amount": 900,
    }
    assert {name: shown[name] for name in figures} == figures


def test_a_manager_tops_up_and_those_who_wait_are_served(fund, at, ask, qian, manager):
    ask(10_000, "all")
    waiting = ask(300, "more")

    answer = manager.post(f"{at}/top-ups", {"amount": 300, "reason": "追加，会议纪要 12 号"})

    assert answer.status_code == 201
    made = TopUp.objects.latest("id")
    assert answer.json() == {
        "id": str(made.pk),
        "amount": 300,
        "unit": "fen",
        "reason": "追加，会议纪要 12 号",
        "topped_up_at": iso(made.topped_up_at),
        "topped_up_by": colleague(qian),
    }
    waiting.refresh_from_db()
    assert waiting.status == "reserved"
    newest, _ = manager.get(f"{at}/entries").json()["results"]
    assert manager.get(f"{at}/entries/{newest['id']}").json()["top_up"] == answer.json()


def test_a_repeated_top_up_is_one(at, manager):
    body = {"amount": 300, "reason": "追加"}
    first, again = (
        manager.post(f"{at}/top-ups", body, headers={"Idempotency-Key": "k1"}) for _ in range(2)
    )

    assert first.json() == again.json()
    assert TopUp.objects.filter(amount=300).count() == 1


def test_the_statement_says_in_words_what_came_in_and_went_out_and_each_line_opens(
    lake, fund, at, ask, qian, zhao, wang, manager
):
    claim = funds.approve(claim=ask(6_000, "paid"), approved_by=qian)
    claim = funds.commit(claim=claim, at=NOON)
    paid = Transfer.objects.get(key=f"fund_claim:{claim.pk}")
    ledger.reverse(
        community_id=lake.pk,
        transfer_id=paid.pk,
        key="void",
        reason="void",
        source="undo:void",
        amount=50,
    )
    into = funds.carry_over(fund=fund, ended_by=qian)

    english = {"Accept-Language": "en"}
    lines = manager.get(f"{at}/entries", headers=english).json()["results"]

    assert [(line["kind"], line["amount"], line["words"]) for line in lines] == [
        ("carried_over", -4_050, f"Carried over to {fund.year + 1}"),
        ("taken_back", 50, "Taken back after it was paid"),
        ("claim", -6_000, "Paid: report:paid"),
        ("top_up", 10_000, "街道拨款"),
    ]
    (came,) = manager.get(f"{FUNDS}/{into.pk}/entries", headers=english).json()["results"]
    assert (came["amount"], came["words"]) == (4_050, f"Carried over from {fund.year}")
    (chinese, *_) = manager.get(f"{at}/entries").json()["results"]
    assert chinese["words"] == f"结转至 {fund.year + 1} 年"
    assert lines[2] == {
        "id": str(paid.pk),
        "occurred_at": iso(NOON),
        "posted_at": iso(paid.posted_at),
        "amount": -6_000,
        "unit": "fen",
        "kind": "claim",
        "words": "Paid: report:paid",
    }
    opened = manager.get(f"{at}/entries/{paid.pk}", headers=english).json()
    claim.refresh_from_db()
    assert opened == lines[2] | {
        "top_up": None,
        "claim": {
            "id": str(claim.pk),
            "fund_id": str(claim.fund_id),
            "subject": "report:paid",
            "amount": 6_000,
            "unit": "fen",
            "reason": "report",
            "status": "committed",
            "closed_at": iso(NOON),
            "claimed_at": iso(claim.claimed_at),
            "needs_approval": True,
            "approved_at": iso(claim.approved_at),
            "reserved_at": iso(claim.reserved_at),
            "frozen_at": None,
            "set_off": 0,
            "resolved_at": iso(claim.resolved_at),
            "taken_back_at": None,
            "taken_back_by": None,
            "owed": 0,
            "payee": f"person:{wang.pk}",
            "asked_by": colleague(zhao),
            "approved_by": colleague(qian),
        },
    }
    first = manager.get(f"{at}/entries/{lines[3]['id']}", headers=english).json()
    assert (first["claim"], first["top_up"]["reason"]) == (None, "街道拨款")


def test_the_statement_is_paged(fund, at, qian, manager):
    for number in range(4):
        funds.top_up(fund=fund, amount=1 + number, reason="追加", topped_up_by=qian)

    page = manager.get(f"{at}/entries?page_size=3").json()
    rest = manager.get(page["next"]).json()

    assert [line["amount"] for line in page["results"] + rest["results"]] == [4, 3, 2, 1, 10_000]
    assert rest["next"] is None


def test_a_line_of_another_fund_is_not_found(lake, fund, at, qian, manager):
    other = funds.open_fund(community=lake, name="另一", year=2024, unit=Unit.FEN, opened_by=qian)
    funds.top_up(fund=other, amount=1, reason="x", topped_up_by=qian)
    line = Transfer.objects.latest("id")

    answer = manager.get(f"{at}/entries/{line.pk}")

    assert (answer.status_code, answer.json()["code"]) == (404, "fund_entry_unknown")


def test_the_queue_is_listed_by_status_and_each_claim_opens(at, ask, manager):
    ask(10_000, "all")
    waiting = ask(300, "more")

    (shown,) = manager.get(f"{at}/claims?status=waiting").json()["results"]

    assert (shown["id"], shown["subject"]) == (str(waiting.pk), "report:more")
    assert manager.get(f"{at}/claims/{waiting.pk}").json() == shown
    assert len(manager.get(f"{at}/claims").json()["results"]) == 2


def test_a_second_person_approves(at, ask, zhao, qian, manager, logged_in):
    claim = ask(6_000, "big")
    address = f"{at}/claims/{claim.pk}/approval"

    ask(100, "small")
    (waits,) = manager.get(f"{at}/claims?awaits_approval=true").json()["results"]
    assert waits["id"] == str(claim.pk)
    own = logged_in(zhao).post(address)
    approved = manager.post(address)
    assert manager.get(f"{at}/claims?awaits_approval=true").json()["results"] == []

    assert (own.status_code, own.json()["code"]) == (403, "own_claim")
    assert (approved.status_code, approved.json()["approved_by"]) == (200, colleague(qian))


@pytest.mark.parametrize(
    ("verb", "ending"), [("carry-over", "carried_over"), ("return", "returned")]
)
def test_a_manager_ends_the_year_once(fund, at, manager, verb, ending):
    answers = [manager.post(f"{at}/{verb}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    ended = manager.get(at).json()
    assert answers[0].json() == answers[1].json() == ended
    assert (ended["ending"], ended["ended_amount"], ended["left"]) == (ending, 10_000, 0)
    into = Fund.objects.exclude(pk=fund.pk).first()
    assert ended["carried_into_id"] == (into and str(into.pk))


@pytest.mark.parametrize("role", [Role.STAFF, Role.MANAGER, Role.AUDITOR])
@pytest.mark.parametrize("above", [False, True], ids=["there", "in the street"])
def test_staff_managers_and_auditors_read_and_only_managers_write(
    lake, fund, at, person, logged_in, role, above
):
    place = lake
    if above:
        place = places.found(code="street", name="湖滨街道", kind=Community.Kind.STREET)
        lake.parent = place
        lake.save(update_fields=["parent"])
    user = person("reader")
    roles.give(user=user, community=place, role=role)
    reader = logged_in(user)

    for address in (FUNDS, at, f"{at}/entries", f"{at}/claims"):
        assert reader.get(address).status_code == 200, address
    written = [
        reader.post(f"{at}/top-ups", {"amount": 1, "reason": "x"}).status_code,
        reader.post(FUNDS, {"name": "x", "year": 2030, "unit": "fen"}).status_code,
    ]
    assert written == ([201, 201] if role == Role.MANAGER else [404, 404])


@pytest.mark.parametrize(
    "body",
    [
        {"amount": 0, "reason": "x"},
        {"amount": 1, "reason": ""},
        {"amount": 1},
        {"amount": 10**12, "reason": "x"},
    ],
)
def test_a_top_up_needs_an_amount_and_a_reason(at, manager, body):
    assert manager.post(f"{at}/top-ups", body).status_code == 400
    assert TopUp.objects.count() == 1


def test_who_belongs_elsewhere_finds_nothing(at, hill, wang, person, logged_in, ask):
    claim = ask(100, "a")
    stranger = person("stranger")
    roles.give(user=stranger, community=hill, role=Role.MANAGER)

    for user in (stranger, wang):
        for address in (FUNDS, at, f"{at}/entries", f"{at}/claims/{claim.pk}"):
            assert logged_in(user).get(address).status_code == 404
    assert Claim.objects.count() == 1


# --- what comes back ----------------------------------------------------------------------------
def test_staff_find_what_is_frozen(at, ask, manager):
    claim = funds.freeze(claim=ask(3_000, "a"))
    ask(2_000, "b")

    (frozen,) = manager.get(f"{at}/claims?is_frozen=true").json()["results"]

    assert (frozen["id"], frozen["status"]) == (str(claim.pk), "waiting")
    assert frozen["frozen_at"] == iso(claim.frozen_at)


def test_somebody_else_records_what_came_back_of_what_was_taken_back(
    at, ask, manager, qian, zhao, logged_in
):
    claim = funds.commit(claim=ask(3_000, "a"))
    address = f"{at}/claims/{claim.pk}/recoveries"
    body = {"amount": 1_200, "reference": "收据 17"}
    staff = logged_in(zhao)

    early = staff.post(address, body, headers={"Idempotency-Key": "1"})
    funds.take_back(claim=claim, taken_back_by=qian)
    (owed,) = staff.get(f"{at}/claims?was_taken_back=true").json()["results"]
    own = manager.post(address, body, headers={"Idempotency-Key": "2"})
    answers = [staff.post(address, body, headers={"Idempotency-Key": key}) for key in "34"]
    more = staff.post(
        address, {"amount": 1_801, "reference": "收据 18"}, headers={"Idempotency-Key": "5"}
    )

    assert (early.status_code, early.json()["code"]) == (409, "claim_not_owed")
    assert (own.status_code, own.json()["code"]) == (403, "own_recovery")
    assert (owed["owed"], owed["taken_back_by"]) == (3_000, colleague(qian))
    assert [(one.status_code, one.json()["owed"]) for one in answers] == [(200, 1_800)] * 2
    assert (more.status_code, more.json()["code"], more.json()["owed"]) == (
        409,
        "recovery_too_large",
        1_800,
    )
    newest = staff.get(f"{at}/entries").json()["results"][0]
    assert (newest["amount"], newest["kind"]) == (1_200, "taken_back")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["b", "a"]),
        ("?awaits_approval=true", ["b"]),
        ("?status=waiting", ["b"]),
        ("?fund={fund}&awaits_approval=false", ["a"]),
        ("?fund=01900000-0000-7000-8000-000000000000", []),
    ],
)
def test_the_claims_on_all_funds_are_one_list(
    lake, fund, ask, manager, wang, logged_in, query, found
):
    ask(1_000, "a")
    ask(9_500, "b")
    address = f"/api/v1/communities/lake/fund-claims{query.format(fund=fund.pk)}"

    listed = manager.get(address).json()["results"]

    assert [one["subject"] for one in listed] == [f"report:{name}" for name in found]
    assert {(one["fund_id"], one["fund_name"], one["unit"]) for one in listed} <= {
        (str(fund.pk), "红包", "fen")
    }
    assert logged_in(wang).get(address).status_code == 404


@pytest.mark.parametrize(
    ("query", "count"),
    [("year={year}", 1), ("year=2001", 0), ("unit=fen&is_open=true", 1), ("is_open=false", 0)],
)
def test_a_fund_is_found_by_year_and_unit(lake, fund, manager, query, count):
    found = manager.get(f"{FUNDS}?{query.format(year=lake.today.year - 1)}").json()["results"]

    assert len(found) == count
