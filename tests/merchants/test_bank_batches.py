"""Paid by the bank: each statement in one batch, and by nothing else meanwhile."""

import io
import re
import zipfile
from collections import Counter
from datetime import date

import pytest
from allauth.socialaccount.models import SocialAccount
from cryptography.fernet import Fernet
from django.db import DatabaseError, IntegrityError, connection, transaction
from python_calamine import CalamineWorkbook

from backend.accounts import vault
from backend.accounts.services import keys
from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from backend.payouts import services as advancing
from backend.payouts.errors import PayoutUnderWay
from merchants.models import BankBatch, BankBatchLine, MerchantMember, Statement
from merchants.partners.services import partnerships as partners
from merchants.settlement import errors, selectors
from merchants.settlement.services import bank, payouts
from merchants.settlement.services import statements as settlement

KEY = {"Idempotency-Key": "k1"}
BATCHES = "/api/v1/communities/lake/bank-batches"
BATCH = "/api/v1/bank-batches"


@pytest.fixture
def qian(lake, person):
    """钱出纳, staff, who pays."""
    user = person("qian", "钱出纳")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def approved(lake, zhao, redeemed) -> Statement:
    """Two teas of March, 600 fen, approved by Zhao."""
    redeemed("2024-03-05 10:00", quantity=2)
    (drafted,) = settlement.draft(
        community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    return settlement.approve(statement=drafted, approver=zhao)


@pytest.fixture
def april(lake, approved, zhao, redeemed) -> Statement:
    """One tea of April, 300 fen, drafted only."""
    redeemed("2024-04-05 10:00")
    (drafted,) = settlement.draft(
        community=lake, period_start=date(2024, 4, 1), period_end=date(2024, 5, 1)
    )
    return drafted


def statements_in(batch):
    return {line.statement for line in batch.lines.all()}


def test_what_is_approved_is_put_into_one_batch_and_no_other(lake, approved, april, zhao, qian):
    batch = bank.make_batch(community=lake, by=qian)
    assert statements_in(batch) == {approved}
    with pytest.raises(errors.NothingToPay):
        bank.make_batch(community=lake, by=qian)

    settlement.approve(statement=april, approver=zhao)
    assert statements_in(bank.make_batch(community=lake, by=qian)) == {april}


def test_what_is_in_a_batch_is_not_paid_by_wechat_and_the_other_way_round(
    lake, approved, zhou, qian, wechat_pay
):
    SocialAccount.objects.create(user=zhou, provider="wechat", uid="o6_zhou")
    batch = bank.make_batch(community=lake, by=qian)
    with pytest.raises(PayoutUnderWay):
        payouts.order(statement=approved, ordered_by=qian)

    bank.cancel_batch(batch=batch, by=qian)
    payout = payouts.order(statement=approved, ordered_by=qian)
    with pytest.raises(errors.NothingToPay):
        bank.make_batch(community=lake, by=qian)

    advancing.cancel(payout=payout, by=qian)
    assert statements_in(bank.make_batch(community=lake, by=qian)) == {approved}


def test_nobody_has_the_bank_pay_what_they_approved_or_their_own_shop(
    lake, approved, zhao, qian, shop
):
    with pytest.raises(errors.NothingToPay):
        bank.make_batch(community=lake, by=zhao)
    partners.employ(merchant=shop, user=qian, role=MerchantMember.Role.CLERK)
    with pytest.raises(errors.NothingToPay):
        bank.make_batch(community=lake, by=qian)

    assert not BankBatch.objects.exists()


def test_a_statement_that_is_paid_stays_in_its_batch_and_the_rest_is_freed(
    lake, approved, april, zhao, qian
):
    settlement.approve(statement=april, approver=zhao)
    batch = bank.make_batch(community=lake, by=qian)
    settlement.mark_paid(statement=approved, payer=qian, payment_reference="bank-1")
    assert [line.statement for line in selectors.bank_lines_left_in(batch)] == [april]

    for _ in range(2):
        bank.cancel_batch(batch=batch, by=qian)

    assert {line.statement: bool(line.freed_at) for line in batch.lines.all()} == {
        approved: False,
        april: True,
    }
    with pytest.raises(errors.BankBatchCancelled):
        bank.read_batch(batch=batch, by=qian)
    again = bank.make_batch(community=lake, by=qian)
    assert statements_in(again) == {april}
    told = AuditEntry.objects.filter(action__startswith="bank_batch").order_by("pk")
    assert [(entry.action, entry.actor) for entry in told] == [
        ("bank_batch.make", qian),
        ("bank_batch.cancel", qian),
        ("bank_batch.make", qian),
    ]
    assert told[1].after == {"freed": [str(april.pk)]}


def test_another_communitys_statements_are_not_in_it(hill, approved, qian):
    with pytest.raises(errors.NothingToPay):
        bank.make_batch(community=hill, by=qian)


def test_the_database_keeps_a_statement_in_one_batch(lake, approved, qian):
    batch = bank.make_batch(community=lake, by=qian)
    another = BankBatch.objects.create(community=lake, made_by=qian)
    with pytest.raises(IntegrityError, match="bank_line_once"), transaction.atomic():
        BankBatchLine.objects.create(community=lake, batch=another, statement=approved)
    bank.cancel_batch(batch=batch, by=qian)

    for altered in (
        lambda: BankBatch.objects.filter(pk=batch.pk).update(cancelled_at=None, cancelled_by=None),
        lambda: BankBatchLine.objects.update(freed_at=None),
        lambda: BankBatchLine.objects.update(batch=another),
        lambda: BankBatchLine.objects.update(payee="别人"),
        lambda: BankBatchLine.objects.update(bank="别的银行"),
        lambda: BankBatchLine.objects.all().delete(),
        lambda: BankBatch.objects.all().delete(),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            altered()


@pytest.mark.django_db(transaction=True)
def test_one_of_many_at_once_pays_it(lake, approved, zhou, qian, wechat_pay, at_once):
    SocialAccount.objects.create(user=zhou, provider="wechat", uid="o6_zhou")

    def pay(number):
        if number % 2:
            return payouts.order(statement=approved, ordered_by=qian).status
        return bool(bank.make_batch(community=lake, by=qian))

    outcomes = Counter(at_once(4, pay))

    assert outcomes["pending"] + outcomes[True] == 1
    assert outcomes["payout_under_way"] + outcomes["nothing_to_pay"] == 3


# --- over HTTP --------------------------------------------------------------------------------
def test_staff_make_one_once_and_cancel_it(approved, zhao, qian, logged_in):
    desk = logged_in(qian)
    made = [desk.post(BATCHES, headers=KEY) for _ in range(2)]
    assert [answer.status_code for answer in made] == [201, 201]
    batch = made[0].json()
    assert made[1].json() == batch
    line = {
        "statement_id": str(approved.pk),
        "number": approved.number,
        "merchant": approved.partnership.name,
        "amount_fen": 600,
        "status": "approved",
        "freed_at": None,
    }
    assert batch == {
        "id": batch["id"],
        "made_at": batch["made_at"],
        "made_by": {"id": str(qian.pk), "name": "钱出纳"},
        "cancelled_at": None,
        "cancelled_by": None,
        "lines": [line],
    }
    refused = desk.post(BATCHES, headers={"Idempotency-Key": "k2"})
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing_to_pay")

    cancelled = logged_in(zhao).post(f"{BATCH}/{batch['id']}/cancel").json()

    assert cancelled["cancelled_by"]["id"] == str(zhao.pk)
    assert cancelled["lines"] == [line | {"freed_at": cancelled["cancelled_at"]}]
    again = desk.post(BATCHES, headers={"Idempotency-Key": "k3"}).json()
    assert desk.get(BATCHES).json()["results"] == [again, cancelled]
    assert desk.get(f"{BATCH}/{batch['id']}").json() == cancelled
    refused = desk.get(f"{BATCH}/{batch['id']}/file.csv")
    assert (refused.status_code, refused.json()["code"]) == (409, "bank_batch_cancelled")


def test_the_banks_files(approved, zhou, qian, shop, logged_in):
    office, desk = logged_in(zhou), logged_in(qian)
    address = f"/api/v1/merchants/{shop.pk}/bank-account"
    assert office.get(address).status_code == 404
    assert (
        office.put(address, {"holder": "周", "bank": "农商行", "number": "12-3"}).status_code == 400
    )
    kept = office.put(
        address, {"holder": "=周老板", "bank": "农商行", "number": "6222020000000001234"}
    )
    assert kept.json()["number"] == "****1234"
    batch = desk.post(BATCHES, headers=KEY).json()["id"]

    def file(kind):
        told = desk.get(f"{BATCH}/{batch}/file.{kind}", headers={"Accept-Language": "en"})
        return b"".join(told.streaming_content)

    assert file("csv").decode("utf-8-sig").splitlines() == [
        "Statement,Payee,Bank,Account,Amount (yuan)",
        f"{approved.number},'=周老板,农商行,'6222020000000001234,6.00",
    ]
    assert file("csv").startswith(b"\xef\xbb\xbf")  # or Excel in China reads another encoding
    book = file("xlsx")
    page = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0)
    assert page.to_python() == [
        ["Statement", "Payee", "Bank", "Account", "Amount (yuan)"],
        [approved.number, "=周老板", "农商行", "6222020000000001234", 6.0],
    ]
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        assert not re.search(rb"<f[ >/]", parts.read("xl/worksheets/sheet1.xml"))  # no formula
    assert AuditEntry.objects.filter(action="bank_batch.read", actor=qian).count() == 3


@pytest.mark.parametrize("holder", [None, "周老板"])
def test_a_batchs_file_says_the_account_it_was_made_with(
    approved, zhou, qian, shop, logged_in, holder
):
    if holder:
        bank.keep_account(merchant=shop, holder=holder, bank="农商行", number="62220001", by=zhou)
    desk = logged_in(qian)
    file = f"{BATCH}/{desk.post(BATCHES, headers=KEY).json()['id']}/file.csv"
    made = desk.get(file).getvalue()

    bank.keep_account(merchant=shop, holder="周", bank="工行", number="1234567890", by=zhou)
    partners_name = approved.partnership.name
    approved.partnership.name = "改了名的茶馆"
    approved.partnership.save()

    payee = "周老板,农商行,'62220001" if holder else f"{partners_name},,"
    assert made.decode("utf-8-sig").splitlines()[1] == f"{approved.number},{payee},6.00"
    assert desk.get(file).getvalue() == made
    assert "62220001" not in str(BankBatchLine.objects.values().get())


def test_a_batchs_accounts_are_encrypted_anew_with_a_new_key(
    lake, approved, zhou, qian, shop, settings
):
    bank.keep_account(merchant=shop, holder="周", bank="农商行", number="62220001", by=zhou)
    bank.make_batch(community=lake, by=qian)
    old, new = settings.FIELD_KEYS[0], Fernet.generate_key().decode()
    try:
        settings.FIELD_KEYS = [new, old]
        vault._fernet.cache_clear()
        keys.rotate_columns()
        settings.FIELD_KEYS = [new]
        vault._fernet.cache_clear()

        assert BankBatchLine.objects.get().account == "62220001"
    finally:
        vault._fernet.cache_clear()


@pytest.mark.parametrize("fen", [1, 1_205, 99_999_999, 10**14 + 1])
def test_a_spreadsheet_adds_up_what_the_bank_pays(approved, qian, logged_in, fen):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")  # figures are final
        cursor.execute("UPDATE merchants_statement SET amount_fen = %s", [fen])
        cursor.execute("SET LOCAL session_replication_role = origin")
    desk = logged_in(qian)
    file = f"{BATCH}/{desk.post(BATCHES, headers=KEY).json()['id']}/file"

    book = desk.get(f"{file}.xlsx").getvalue()

    page = CalamineWorkbook.from_filelike(io.BytesIO(book)).get_sheet_by_index(0)
    amount = page.to_python()[1][-1]
    assert isinstance(amount, float)
    assert round(amount * 100) == fen
    yuan = f"{fen // 100}.{fen % 100:02}"
    assert desk.get(f"{file}.csv").getvalue().decode().strip().endswith(f",{yuan}")
