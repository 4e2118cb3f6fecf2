"""An owner's pages: statements, stock, the counter's code, and who works there."""

from datetime import date, datetime

import pytest
from django.test import Client
from django.utils import timezone

from merchants.models import (
    Invitation,
    MerchantMember,
    Offer,
    Partnership,
    Statement,
    StatementQuestion,
)
from merchants.partners.services import invitations
from merchants.redemption.services import offline
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement
from tests.browser import needs_chromium

NEWCOMER = {"name": "孙新人", "username": "sun", "password": "correct horse battery staple"}


@pytest.fixture
def shop(tea_house):
    return tea_house.merchant


@pytest.fixture
def owner(pocket, zhou):
    return pocket(zhou, "/scan/")


@pytest.fixture
def clerk(pocket, chen):
    return pocket(chen, "/scan/")


@pytest.fixture
def statement(lake, wang, chen, shop, tea, grant_points) -> Statement:
    """March of the tea house, with two teas."""
    grant_points(wang, 100)
    now = datetime(2024, 3, 5, 10, tzinfo=lake.clock)
    voucher = redemption.take(offer=tea, volunteer=wang, quantity=2, now=now)
    redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code, now=now)
    (drafted,) = settlement.draft(
        community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    return drafted


def sent(client, address, **fields):
    """The answer to a form of a page, and the page that it leads to."""
    return client.post(address, {"key": "k1", **fields}, follow=True)


def shows(answer, *texts):
    page = answer.content.decode()
    return answer.status_code == 200 and all(text in page for text in texts)


# --- statements -------------------------------------------------------------------------------
def test_an_owner_reads_statements_in_words_and_as_files(owner, statement):
    assert shows(owner.get("/scan/statements"), "¥6.00", "草稿")
    address = f"/scan/statements/{statement.pk}"
    assert shows(owner.get(address), "一壶茶 × 2", "¥6.00", "应付")
    assert b"TEA" in b"".join(owner.get(f"{address}/lines.csv").streaming_content)
    assert owner.get(f"{address}/lines.exe").status_code == 404


def test_an_owner_questions_a_line_and_reads_the_answer(owner, lake, zhao, statement):
    address = f"/scan/statements/{statement.pk}"
    (line,) = statement.redemptions.all()

    answer = sent(owner, address, act="ask", line_id=str(line.pk), reason="只发了一壶")

    assert shows(answer, "只发了一壶", "尚未答复")
    StatementQuestion.objects.filter(community=lake).update(
        answered_by=zhao, answer="已核对", answered_at=timezone.now()
    )
    assert shows(owner.get(address), "已核对")


@pytest.mark.parametrize("page", ["statements", "shop"])
def test_clerks_do_not_see_what_is_the_owners(clerk, page):
    assert clerk.get(f"/scan/{page}").status_code == 404
    assert 'href="/scan/shop"' not in clerk.get("/scan/today").content.decode()


# --- offers and stock -------------------------------------------------------------------------
@pytest.mark.parametrize(("direction", "stock"), [("in", 8), ("out", 2)])
def test_a_clerk_changes_the_stock(clerk, tea, direction, stock):
    address = f"/scan/offers/{tea.pk}"

    answer = sent(clerk, address, act="stock", direction=direction, change="3", reason="盘点")

    assert shows(answer, f"余 {stock} 件", "盘点")
    assert Offer.objects.get().stock == stock


def test_an_owner_takes_an_offer_off_the_list_and_puts_it_back(owner, clerk, tea):
    address = f"/scan/offers/{tea.pk}"
    assert "is_listed" not in clerk.get(address).content.decode()

    sent(owner, address, act="listed", is_listed="0")
    assert Offer.objects.get().status == "withdrawn"
    sent(owner, address, act="listed", is_listed="1", key="k2")

    assert Offer.objects.get().status == "listed"


# --- the counter and who works there ----------------------------------------------------------
def test_an_owner_makes_and_prints_the_counters_code(owner, tea_house):
    answer = sent(owner, "/scan/shop", act="renew", partnership_id=str(tea_house.pk))

    code = Partnership.objects.get().shop_code
    assert shows(answer, f"/scan/shop/codes/{tea_house.pk}")
    assert shows(owner.get(f"/scan/shop/codes/{tea_house.pk}"), code, "data:image/svg+xml")


def test_an_owner_dismisses_a_clerk_and_retires_a_phone(owner, clerk, shop, chen):
    till = offline.register_device(merchant=shop, by=chen, name="前台手机")
    assert shows(owner.get("/scan/shop"), "前台手机", "陈店员")
    member = MerchantMember.objects.get(user=chen)

    sent(owner, "/scan/shop", act="dismiss", member_id=str(member.pk))
    sent(owner, "/scan/shop", act="retire", device_id=str(till.pk), key="k2")

    till.refresh_from_db()
    assert till.retired_at is not None
    assert clerk.get("/scan/today")["Location"].startswith("/scan/shops")


def test_an_invitation_is_shown_with_its_link_and_taken_back(owner, shop):
    shown = sent(owner, "/scan/shop", act="invite", role="clerk")

    invitation = Invitation.objects.get()
    assert shows(shown, invitation.code, f"/scan/invitations?code={invitation.code}")
    assert not shows(owner.get("/scan/shop"), invitation.code)
    sent(owner, "/scan/shop", act="revoke", invitation_id=str(invitation.pk), key="k2")
    invitation.refresh_from_db()
    assert invitation.status == "revoked"


@pytest.fixture
def link(shop, zhou):
    made = invitations.invite(merchant=shop, invited_by=zhou, role=MerchantMember.Role.CLERK)
    return f"/scan/invitations?code={made.code}", made.code


def test_somebody_new_begins_to_work_by_a_link(link):
    address, code = link
    client = Client(headers={"Accept-Language": "zh-hans"})
    page = client.get(address)
    assert shows(page, "茶馆", "周**")
    assert page["Referrer-Policy"] == "no-referrer"

    done = client.post(address, {"act": "accept_as_new", "key": "k1", "code": code, **NEWCOMER})

    assert (done.status_code, done["Location"]) == (302, "/scan/log-in")
    member = MerchantMember.objects.get(user__username="sun")
    assert (member.role, member.user.check_password(NEWCOMER["password"])) == ("clerk", True)


def test_a_weak_password_is_refused_beside_it(link):
    address, code = link
    weak = {**NEWCOMER, "password": "12345678"}

    answer = Client().post(address, {"act": "accept_as_new", "key": "k1", "code": code, **weak})

    assert (answer.status_code, "wrong" in answer.content.decode()) == (400, True)
    assert "孙新人" in answer.content.decode()  # nothing has to be typed again


def test_whoever_is_on_record_accepts_as_who_they_are(pocket, li, link):
    address, code = link

    done = pocket(li, "/scan/").post(address, {"act": "accept", "key": "k1", "code": code})

    assert done["Location"] == "/scan/"
    assert MerchantMember.objects.filter(user=li).exists()


def test_a_code_that_is_none_says_so(db):
    assert shows(Client().get("/scan/invitations?code=ABCD-EFGH-JKMN-PQRS"), "told bad")


@needs_chromium
@pytest.mark.slow
def test_an_owners_pages_keep_nobody_out(phone, zhou, tea, statement, tea_house):
    Partnership.objects.update(shop_code="2345ABCDEFGH")
    window = phone(zhou, "/scan/", language="en")
    pages = [
        "statements",
        f"statements/{statement.pk}",
        "offers",
        f"offers/{tea.pk}",
        "shop",
        f"shop/codes/{tea_house.pk}",
        "mine",
        "shops",
        "invitations?code=ABCD",
    ]

    found = {}
    for page in pages:
        window.goto(f"/scan/{page}")
        found[page] = (window.barriers(), window.runs_over())

    assert found == dict.fromkeys(pages, ([], False))
