"""Codes as pictures: what a phone reads from each is the code that stands beside it."""

import io
import logging
import re
from xml.etree import ElementTree

import pytest
import zxingcpp
from PIL import Image

from backend.codes import picture
from backend.communities.models import Role
from backend.communities.services import places, roles
from merchants.catalogue.services import offers as catalogue
from merchants.models import Card, MerchantMember, PayCode
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import cards, shop_codes
from merchants.redemption.services import vouchers as redemption

pytestmark = pytest.mark.django_db


def read(png):
    """Read a QR code as a phone does."""
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    return found.text


def drawn(svg):
    """The picture of an SVG: dark lines of one unit, as long as each says."""
    root = ElementTree.fromstring(svg)  # noqa: S314  # ours
    group = root[0]
    side = int(root.attrib["width"]) // 8
    picture = Image.new("L", (side * 8, side * 8), 255)
    x, y = 0.0, 0.0
    for command, numbers in re.findall(r"([MmhH])([-\d. ]+)", group[1].attrib["d"]):
        steps = [float(number) for number in re.findall(r"-?\d*\.?\d+", numbers)]
        if command == "M":
            x, y = steps
        elif command == "m":
            x, y = x + steps[0], y + steps[1]
        else:
            box = (int(x) * 8, int(y) * 8, int(x + steps[0]) * 8, (int(y) + 1) * 8)
            picture.paste(0, box)
            x += steps[0]
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("code", ["7KM4XQ9TRWHP", "邻里", "eyJhbGciOiJFZERTQSJ9." + "x" * 400])
def test_what_is_drawn_is_read(code):
    assert read(picture(code, "png")) == code
    assert read(drawn(picture(code, "svg"))) == code


def test_a_tenth_of_it_may_be_dirty():
    dirty = Image.open(io.BytesIO(picture("7KM4XQ9TRWHP", "png"))).convert("L")
    dirty.paste(255, (100, 100, 150, 140))
    file = io.BytesIO()
    dirty.save(file, "PNG")

    assert read(file.getvalue()) == "7KM4XQ9TRWHP"


@pytest.fixture
def owner(tea_house, person):
    user = person("zhou", "周老板")
    partners.employ(merchant=tea_house.merchant, user=user, role=MerchantMember.Role.OWNER)
    return user


@pytest.fixture
def qian(lake, person):
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def shown(lake, wang, zhao, owner, qian, tea, tea_house, grant_points, logged_in):
    """The codes, their owners, and the addresses of their pictures."""
    grant_points(wang, 100)
    catalogue.change(offer=tea, by=qian, scans_offline=True)
    tea.refresh_from_db()
    voucher = redemption.take(offer=tea, volunteer=wang)
    phone = logged_in(wang)
    paying = phone.post("/api/v1/me/pay-codes", {"community": "lake"}).json()
    vouchers = f"/api/v1/me/vouchers/{voucher.pk}"
    signed = phone.post(f"{vouchers}/offline-code").json()["offline_code"]
    partnership = shop_codes.renew(partnership=tea_house, by=owner)
    card = cards.issue(community=lake, volunteer_id=wang.pk, by=zhao)
    place = places.make_join_code(community=lake, made_by=qian)
    shop = f"/api/v1/partnerships/{partnership.pk}"
    return {
        vouchers: (wang, voucher.code),
        f"{vouchers}/offline-code": (wang, signed),
        f"/api/v1/me/pay-codes/{paying['id']}": (wang, paying["code"]),
        f"/api/v1/cards/{card.pk}": (zhao, card.code),
        f"{shop}/shop-code": (owner, partnership.shop_code),
        "/api/v1/communities/lake/join-code": (qian, place.join_code),
    }


def test_each_code_has_its_picture_for_whoever_is_shown_the_code(
    shown, li, logged_in, caplog, subtests
):
    caplog.set_level(logging.DEBUG)
    for address, (who, code) in shown.items():
        with subtests.test(address):
            png, svg = (logged_in(who).get(f"{address}/code.{kind}") for kind in ("png", "svg"))
            assert (png["Content-Type"], svg["Content-Type"]) == ("image/png", "image/svg+xml")
            assert read(png.content) == read(drawn(svg.content)) == code
            for answer in (png, svg):
                assert answer["Cache-Control"] == "no-store"
                assert "ETag" not in answer
            assert logged_in(li).get(f"{address}/code.svg").status_code == 404
            assert logged_in(who).get(f"{address}/code.gif").status_code == 404
            assert code not in caplog.text


def test_where_there_is_no_code_there_is_no_picture(shown, lake, qian, wang, logged_in):
    PayCode.objects.update(code_encrypted="")  # it was used
    Card.objects.update(pin_encrypted="")  # it has paid
    places.end_join_code(community=lake, ended_by=qian)

    for address, (who, _) in shown.items():
        if any(part in address for part in ("pay-codes", "cards", "join-code")):
            answer = logged_in(who).get(f"{address}/code.png")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
