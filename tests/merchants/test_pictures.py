"""Pictures of offers: decided on like the offer, re-encoded, public from then on."""

import io

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from backend.files.pictures import PhotoInvalid
from merchants.catalogue import errors
from merchants.catalogue.services import offers as catalogue
from merchants.models import Offer
from merchants.redemption.services import vouchers as redemption


def photo(colour="red", size=(64, 32), kind="PNG"):
    content = io.BytesIO()
    Image.new("RGB", size, colour).save(content, kind)
    return SimpleUploadedFile("photo.png", content.getvalue())


@pytest.fixture
def cake(tea_house, zhou) -> Offer:
    """The cake that Zhou proposes."""
    return catalogue.propose(
        partnership=tea_house, by=zhou, code="CAKE", title="蛋糕", price_points=20, stock=9
    )


def test_a_picture_is_public_once_the_offer_is_listed(cake, shop, zhou, zhao, wang, logged_in):
    address = f"/api/v1/offers/{cake.pk}/picture"
    told = logged_in(zhou).post(address, {"photo": photo(size=(2_000, 1_000))}, format="multipart")
    assert told.status_code == 201, told.json()
    shown_at = told.json()["picture"]
    assert Client().get(shown_at).status_code == 404
    decided_on = logged_in(zhao).get(shown_at)
    assert (decided_on.status_code, decided_on["Cache-Control"]) == (200, "private, no-store")
    assert logged_in(wang).get(shown_at).status_code == 404

    catalogue.decide(offer=cake, accept=True, by=zhao)
    shown = Client().get(shown_at)

    assert shown.status_code == 200
    assert shown["Content-Type"] == "image/jpeg"
    assert "immutable" in shown["Cache-Control"]
    assert Image.open(io.BytesIO(shown.getvalue())).size == (1_024, 512)
    elsewhere = f"/api/v1/offers/{cake.pk}/pictures/{cake.pk}"
    assert Client().get(elsewhere).status_code == 404


def test_after_the_decision_only_staff_change_it(cake, shop, zhou, zhao, logged_in):
    catalogue.decide(offer=cake, accept=True, by=zhao)
    mine = f"/api/v1/offers/{cake.pk}/picture"
    refused = logged_in(zhou).post(mine, {"photo": photo()}, format="multipart")
    assert (refused.status_code, refused.json()["code"]) == (409, "offer_status_wrong")

    theirs = f"/api/v1/offers/{cake.pk}/picture"
    told = logged_in(zhao).post(theirs, {"photo": photo()}, format="multipart")
    assert told.status_code == 201

    assert logged_in(zhao).delete(theirs).status_code == 204
    assert Client().get(told.json()["picture"]).status_code == 404


def test_another_picture_has_another_address_and_the_first_is_gone(
    cake, zhao, django_capture_on_commit_callbacks
):
    first = catalogue.picture(offer=cake, photo=photo("red"), by=zhao)
    with django_capture_on_commit_callbacks(execute=True):
        second = catalogue.picture(offer=cake, photo=photo("blue"), by=zhao)

    assert first.picture_url != second.picture_url
    assert not default_storage.exists(first.picture.name)
    assert default_storage.exists(second.picture.name)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"GIF89a"])
def test_what_is_no_photo_is_refused_and_what_was_there_stays(cake, zhao, content):
    before = catalogue.picture(offer=cake, photo=photo(), by=zhao).picture.name

    with pytest.raises(PhotoInvalid):
        catalogue.picture(offer=cake, photo=SimpleUploadedFile("a.png", content), by=zhao)

    cake.refresh_from_db()
    assert cake.picture.name == before
    assert default_storage.exists(before)


def test_decided_between_the_look_and_the_lock(cake, zhou, zhao):
    catalogue.decide(offer=cake, accept=False, by=zhao)

    with pytest.raises(errors.OfferStatusWrong):
        catalogue.picture(offer=cake, photo=photo(), by=zhou)


def test_the_clerks_screen_shows_it(tea, wang, chen, zhao, shop, grant_points, logged_in):
    grant_points(wang, 60)
    tea = catalogue.picture(offer=tea, photo=photo(), by=zhao)
    first, second = (redemption.take(offer=tea, volunteer=wang) for _ in range(2))
    scans = f"/api/v1/merchants/{shop.pk}/scans"

    def scan(code):
        return logged_in(chen).post(
            scans, {"code": code}, format="json", headers={"Idempotency-Key": code}
        )

    screen = scan(first.code).json()
    assert screen["picture"] == tea.picture_url
    assert Client().get(screen["picture"]).status_code == 200

    catalogue.picture(offer=tea, photo=None, by=zhao)
    assert scan(second.code).json()["picture"] is None
    listed = logged_in(wang).get(f"/api/v1/offers/{tea.pk}").json()
    assert listed["picture"] is None
