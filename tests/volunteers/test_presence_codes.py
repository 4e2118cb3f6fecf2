"""Codes for checking in: sealed, changing every half minute, and read back from their pictures."""

import io
from datetime import datetime, timedelta
from types import SimpleNamespace
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import zxingcpp
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backend.ids import new_id
from volunteers.attendance import codes
from volunteers.attendance.errors import CodeForged
from volunteers.attendance.services import gates
from volunteers.models import Volunteer

NOON = datetime(2026, 3, 1, 12, tzinfo=ZoneInfo("Asia/Shanghai"))
SHIFT = SimpleNamespace(pk=new_id(), community_id=new_id())
VENUE, OWN = codes.Kind.VENUE, codes.Kind.OWN


def made(seconds=0, kind=VENUE, row=SHIFT):
    return codes.code_of(kind, row, at=NOON + timedelta(seconds=seconds))


def test_a_code_says_what_it_is_about_and_when_it_was_made():
    code = codes.read(VENUE, made(29))

    assert (code.community_id, code.about, code.made_at) == (SHIFT.community_id, SHIFT.pk, NOON)
    assert len(made()) == codes.CHARACTERS


def test_a_code_changes_every_half_minute_and_only_then():
    assert made(0) == made(29) != made(30)
    assert [codes.seconds_left(NOON + timedelta(seconds=s)) for s in (0, 1, 29)] == [30, 29, 1]


@pytest.mark.parametrize(
    ("seconds", "is_good"), [(-31, False), (-30, True), (0, True), (59, True), (60, False)]
)
def test_a_code_is_good_for_one_step_before_and_after_its_own(seconds, is_good):
    code = codes.read(VENUE, made())

    assert code.is_good_at(NOON + timedelta(seconds=seconds)) is is_good


def test_a_code_names_nobody_and_nothing():
    code = made()
    for hidden in (SHIFT.pk, SHIFT.community_id):
        assert codes.base64.urlsafe_b64encode(hidden.bytes)[:8].decode() not in code
        assert hidden.hex[:8] not in code


@pytest.mark.parametrize("kind", [OWN, codes.Kind.GATE])
def test_a_code_of_another_kind_is_none(kind):
    with pytest.raises(CodeForged):
        codes.read(kind, made())


@given(st.text(max_size=100))
def test_what_we_did_not_make_is_forged(text):
    with pytest.raises(CodeForged):
        codes.read(VENUE, text)


@given(st.integers(0, codes.CHARACTERS - 1), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_a_code_with_one_character_changed_is_forged_or_the_same(place, letter):
    code = made()
    other = code[:place] + letter + code[place + 1 :]
    try:
        read = codes.read(VENUE, other)
    except CodeForged:
        return
    assert read == codes.read(VENUE, code)  # the last character has bits to spare


def test_codes_of_the_key_before_are_good_until_it_is_withdrawn(settings):
    code = made()
    settings.SECRET_KEY, old = (
        "another secret key of fifty characters, or about that",
        (settings.SECRET_KEY),
    )

    with pytest.raises(CodeForged):
        codes.read(VENUE, code)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert codes.read(VENUE, code).about == SHIFT.pk


# --- as pictures ------------------------------------------------------------------------------
def read_picture(png):
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(png)).convert("L"))
    return found.text


def test_the_venues_code_is_read_from_its_picture_by_whoever_handles_the_shift(
    patrol, zhao, wang, logged_in
):
    address = f"/api/v1/shifts/{patrol.pk}/venue-code"
    staff = logged_in(zhao)

    png = staff.get(f"{address}/code.png")
    told = staff.get(address).json()

    for text in (read_picture(png.content), told["code"]):
        code = codes.read(VENUE, text)
        assert (code.about, code.is_good_at(timezone.now())) == (patrol.pk, True)
    assert 1 <= told["seconds_left"] <= 30
    assert staff.get(f"{address}/code.svg")["Content-Type"] == "image/svg+xml"
    for ending in ("", "/code.png", "/code.svg"):
        assert logged_in(wang).get(f"{address}{ending}").status_code == 404


def test_ones_own_code_is_read_from_its_picture(lake, hill, wang, logged_in):
    address = "/api/v1/me/presence-codes/lake"

    png = logged_in(wang).get(f"{address}/code.png")
    told = logged_in(wang).get(address)

    record = Volunteer.objects.get(community=lake, user=wang)
    for text in (read_picture(png.content), told.json()["code"]):
        assert codes.read(OWN, text).about == record.pk
    assert told["Cache-Control"] == png["Cache-Control"] == "no-store"
    assert logged_in(wang).get("/api/v1/me/presence-codes/hill").status_code == 404
    assert logged_in(wang).get("/api/v1/me/presence-codes/hill/code.png").status_code == 404


# --- the page at the door ---------------------------------------------------------------------
def test_the_page_shows_the_code_to_whoever_has_the_link_until_it_is_closed(
    patrol, zhao, wang, logged_in, client
):
    staff, address = logged_in(zhao), f"/api/v1/shifts/{patrol.pk}/gate"
    assert staff.get(address).status_code == 404

    made = staff.post(address)
    again = staff.post(address)

    assert (made.status_code, again.json()) == (201, made.json())
    assert staff.get(address).json() == made.json()
    path = made.json()["path"]
    page = client.get(path)
    assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
    assert patrol.activity.title in page.content.decode()
    svg = client.get(f"{path}/code.svg")
    assert (svg.status_code, svg["Cache-Control"]) == (200, "no-store")
    png = client.get(f"{path}/code.png")
    code = codes.read(VENUE, read_picture(png.content))
    assert code.about == patrol.pk
    for user in (wang,):
        assert logged_in(user).post(address).status_code == 404
        assert logged_in(user).get(address).status_code == 404
        assert logged_in(user).delete(address).status_code == 404

    assert staff.delete(address).status_code == 204
    assert client.get(path).status_code == 404
    assert client.get(f"{path}/code.svg").status_code == 404
    assert staff.delete(address).status_code == 404
    assert staff.post(address).json()["path"] != path


def test_the_link_ends_with_the_shift(patrol, zhao, client, logged_in):
    path = logged_in(zhao).post(f"/api/v1/shifts/{patrol.pk}/gate").json()["path"]
    ended = timezone.now() - timedelta(seconds=1)
    type(patrol).objects.filter(pk=patrol.pk).update(
        starts_at=ended - timedelta(hours=2), ends_at=ended
    )

    assert client.get(path).status_code == 404
    answer = logged_in(zhao).post(f"/api/v1/shifts/{patrol.pk}/gate")
    assert (answer.status_code, answer.json()["code"]) == (409, "gate_closed")


@pytest.mark.parametrize("link", ["x", "x" * codes.CHARACTERS, "%00", str(UUID(int=0))])
@pytest.mark.django_db
def test_a_link_that_we_did_not_make_leads_nowhere(link, client):
    assert client.get(f"/gate/{link}").status_code in (400, 404)


@pytest.mark.django_db(transaction=True)
def test_ten_who_open_the_page_at_once_get_one_link(patrol, zhao, at_once):
    links = at_once(10, lambda _: gates.open_gate(shift=patrol, by=zhao).pk)

    assert len(set(links)) == 1
