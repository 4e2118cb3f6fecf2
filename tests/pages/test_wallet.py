"""A volunteer's points at ``/me/``: what there is, the statement in words, its proofs."""

import json
import re

import pytest

from backend.documents.models import Document
from merchants.redemption.services import vouchers
from points.models import Transfer
from points.seals.services import sealing
from tests.pages.conftest import text_of
from volunteers.attendance.services import hours


# --- the wallet ---------------------------------------------------------------------------------
def test_a_wallet_says_what_can_be_spent_what_is_set_aside_and_what_expires(
    pocket, wang, zhao, served, tea
):
    attendance = served(wang, "2024-03-01 08:00", "2024-03-01 16:00")
    hours.verify(attendance=attendance, verifier=zhao)
    vouchers.take(offer=tea, volunteer=wang)

    said = text_of(pocket(wang).get("/me/wallet"))

    assert "50 可用积分" in said
    assert "另有 30 积分" in said
    assert "其中 50 积分将于" in said
    assert "一壶茶" in said


@pytest.mark.parametrize(
    "path",
    ["wallet", "wallet/lake", "offers", "shops", "vouchers", "pay", "pay/shop", "wishes", "giving"],
)
def test_a_page_speaks_english_to_whoever_reads_it(pocket, rich, tea, path):
    said = text_of(pocket(rich, language="en").get(f"/me/{path}"))

    assert not re.search("[一-鿿]", re.sub("碧沙湖社区|茶馆|一壶茶|餐饮|王小明", "", said))


def test_somebody_without_points_is_told_so(pocket, person):
    assert "还没有积分" in text_of(pocket(person("sun")).get("/me/wallet"))


@pytest.mark.parametrize("path", ["wallet/hill", "wallet/hill/transfers.csv"])
def test_the_points_of_a_community_where_i_do_not_volunteer_are_not_found(pocket, wang, hill, path):
    assert pocket(wang).get(f"/me/{path}").status_code == 404


def test_a_statement_says_the_shop_the_item_and_the_activity(pocket, wang, chen, zhao, served, tea):
    hours.verify(attendance=served(wang, "2024-03-01 08:00", "2024-03-01 16:00"), verifier=zhao)
    voucher = vouchers.take(offer=tea, volunteer=wang)
    vouchers.scan(merchant_id=tea.partnership.merchant_id, clerk=chen, code=voucher.code)

    said = text_of(pocket(wang).get("/me/wallet/lake"))

    assert re.search(r"茶馆: 一壶茶 × 1 -30 兑换", said)
    assert re.search(r"邻里服务 \+80 志愿服务", said)


def test_a_line_is_explained_by_its_arithmetic_and_the_version_of_its_rule(
    pocket, wang, zhao, served
):
    _, award = hours.verify(
        attendance=served(wang, "2024-03-01 07:30", "2024-03-01 10:00", "交通劝导"), verifier=zhao
    )

    said = text_of(pocket(wang).get(f"/me/wallet/transfers/{award.transfer_id}"))

    assert "+32" in said
    assert "每小时 10 积分：10 × 195 ÷ 60 = 32.5" in said
    assert "碧沙湖社区" in said
    assert "第 1 版" in said


def test_a_line_has_its_receipt_once_it_is_sealed(pocket, rich, lake):
    transfer = Transfer.objects.get()
    address = f"/me/wallet/transfers/{transfer.pk}"
    client = pocket(rich)
    assert client.get(f"{address}/receipt").status_code == 404
    assert "/c/lake/check" not in client.get(address).content.decode()

    sealing.seal(community=lake)

    assert "/c/lake/check" in client.get(address).content.decode()
    receipt = client.get(f"{address}/receipt")
    assert receipt["Content-Disposition"] == f'attachment; filename="receipt-{transfer.pk}.json"'
    assert json.loads(receipt.content)["seal"]["number"] == 1


def test_a_line_of_somebody_else_is_not_found(pocket, rich, li):
    address = f"/me/wallet/transfers/{Transfer.objects.get().pk}"

    assert pocket(li).get(address).status_code == 404
    assert pocket(li).get(f"{address}/receipt").status_code == 404


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_statement_is_saved_as_a_file(pocket, rich, ending):
    answer = pocket(rich).get(f"/me/wallet/lake/transfers.{ending}")

    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]


def test_a_long_statement_is_waited_for(pocket, rich, monkeypatch):
    monkeypatch.setattr("backend.documents.api.AT_ONCE", 0)

    answer = pocket(rich).get("/me/wallet/lake/transfers.csv")

    document = Document.objects.get()
    assert answer.status_code == 202
    assert answer["Refresh"].endswith(f"url=/me/files/lake/{document.pk}")
    assert pocket(rich).get(f"/me/files/lake/{document.pk}").status_code == 202
