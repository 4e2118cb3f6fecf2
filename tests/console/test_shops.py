"""Partners and offers at the console: what staff agree on, list, refund and print."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from backend.communities.models import Role
from backend.communities.services import roles
from merchants.catalogue.services import offers as catalogue
from merchants.models import Increase, Invitation, Offer, Partnership, Refund, Terms
from merchants.redemption.services import shop_codes
from merchants.redemption.services import vouchers as redemption
from tests.console.conftest import filled, form_of, send

LAKE = "/console/communities/lake"


@pytest.fixture
def qian(person, lake):
    """钱社工, a second member of staff."""
    user = person("qian", "钱社工")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def cake(tea_house, zhou) -> Offer:
    """The cake that Zhou proposes, with a picture."""
    made = catalogue.propose(
        partnership=tea_house, by=zhou, code="CAKE", title="蛋糕", price_points=20, stock=9
    )
    content = io.BytesIO()
    Image.new("RGB", (64, 32), "red").save(content, "PNG")
    photo = SimpleUploadedFile("photo.png", content.getvalue())
    return catalogue.picture(offer=made, photo=photo, by=zhou)


# --- partners ---------------------------------------------------------------------------------
def test_a_business_becomes_a_partner_whose_owner_is_invited(desk, zhao, qian, lake):
    client = desk(zhao)
    page = client.get(f"{LAKE}/partnerships")

    added = send(client, form_of(page, "添加商企"), name="粥铺", trade="餐饮")
    partner = Partnership.objects.get(name="粥铺")
    assert added.headers["Location"] == f"/console/partnerships/{partner.pk}"
    page = client.get(added.headers["Location"])
    terms = {"kind": "per_point", "fen_per_point": "0.12", "valid_from": f"{lake.today}"}
    asked = send(client, form_of(page, "约定新条款"), **terms)
    assert asked.headers["Location"] == added.headers["Location"]
    assert "须由第二人确认" in client.get(added.headers["Location"]).text

    increase = Increase.objects.get()
    own = send(client, form_of(client.get(f"/console/increases/{increase.pk}"), "确认"))
    assert own.status_code == 422
    other = desk(qian)
    send(other, form_of(other.get(f"/console/increases/{increase.pk}"), "确认"))
    assert Terms.objects.get().fen_per_point == 12
    assert "¥0.12" in client.get(f"/console/partnerships/{partner.pk}/terms").text

    page = client.get(added.headers["Location"])
    send(client, form_of(page, "开始合作"))
    partner.refresh_from_db()
    assert partner.status == "active"
    invited = send(client, form_of(page, "邀请店主"))
    assert Invitation.objects.get().code in invited.text


def test_a_share_of_the_price_is_typed_and_shown_in_per_cent(desk, zhao, tea_house, lake):
    client = desk(zhao)
    address = f"/console/partnerships/{tea_house.pk}/terms?do=post"

    send(client, address, kind="share", share_bp="62.5", valid_from=f"{lake.today}")

    (asked,) = Increase.objects.all()
    assert asked.facts["share_bp"] == 6_250
    assert "62.5%" in client.get(f"/console/increases/{asked.pk}").text


def test_staff_end_a_partnership_after_reading_what_that_means(desk, zhao, tea_house):
    client = desk(zhao)
    address = form_of(client.get(f"/console/partnerships/{tea_house.pk}"), "终止合作")

    assert "合作将永久终止" in client.get(address).text
    tea_house.refresh_from_db()
    assert tea_house.status == "active"
    send(client, address, reason="搬走了")
    tea_house.refresh_from_db()
    assert tea_house.status == "ended"


def test_staff_print_a_counters_code(desk, zhao, zhou, tea_house):
    address = f"/console/partnerships/{tea_house.pk}/shop-code"
    assert "还没有码" in desk(zhao).get(address).text

    code = shop_codes.renew(partnership=tea_house, by=zhou).shop_code
    page = desk(zhao).get(address)

    assert code in page.text
    picture = re.search(r'src="([^"]+code\.svg)"', page.text)[1]
    assert b"<svg" in desk(zhao).get(picture).getvalue()


# --- offers -----------------------------------------------------------------------------------
def test_an_offer_is_listed_with_its_picture_in_view(desk, zhao, cake):
    client = desk(zhao)
    page = client.get(f"/console/offers/{cake.pk}")

    picture = re.search(r'src="(/console/offers/[^"]+)"', page.text)[1]
    assert client.get(picture).headers["Content-Type"] == "image/jpeg"
    send(client, form_of(page, "上架"))

    cake.refresh_from_db()
    assert (cake.status, cake.decided_by) == ("listed", zhao)


def test_of_many_offers_each_is_listed_or_told_why_not(desk, zhao, qian, tea_house, cake):
    own = catalogue.propose(
        partnership=tea_house,
        by=zhao,
        is_staff=True,
        code="PIE",
        title="馅饼",
        price_points=9,
        stock=1,
    )

    page = desk(zhao).post(
        f"{LAKE}/offers?do=batch",
        {"ids": [cake.pk, own.pk], "action": "post-decision-True", "send": "1"},
    )

    assert [*Offer.objects.filter(status="listed").values_list("title", flat=True)] == ["蛋糕"]
    assert "馅饼" in page.text
    assert "提出商品的人不能自己审核" in page.text


def test_a_change_of_price_keeps_what_was_not_touched(desk, zhao, tea):
    client = desk(zhao)
    address = form_of(client.get(f"/console/offers/{tea.pk}"), "修改")
    page = client.get(address)
    assert 'value="30"' in page.text

    filled(client, address, price_points="25")

    tea.refresh_from_db()
    assert (tea.price_points, tea.title, tea.stock, tea.description) == (25, "一壶茶", 5, "")


# --- redemptions ------------------------------------------------------------------------------
def test_staff_refund_a_redemption_and_see_it_below(desk, zhao, wang, redeem_tea):
    done = redeem_tea()
    client = desk(zhao)
    page = client.get(f"/console/redemptions/{done.pk}")

    send(client, form_of(page, "退还"), quantity="1", reason="凉了")

    assert Refund.objects.get().reason == "凉了"
    assert "凉了" in client.get(f"/console/redemptions/{done.pk}").text
    assert "凉了" in client.get(f"{LAKE}/refunds").text


@pytest.fixture
def redeem_tea(wang, chen, tea, tea_house, grant_points):
    def redeem():
        grant_points(wang, tea.price_points)
        voucher = redemption.take(offer=tea, volunteer=wang)
        redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=voucher.code)
        voucher.refresh_from_db()
        return voucher

    return redeem
