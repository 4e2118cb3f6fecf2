"""Reports: who may submit and close one, what it earns, and what a photo must not tell."""

import io
import struct
import zlib

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from PIL import Image, PngImagePlugin

from backend.communities.errors import NotAVolunteerHere
from backend.files.pictures import PhotoInvalid, PhotoTooLarge
from points.ledger.selectors import wallet_of
from points.models import Award, Transfer
from points.rules.errors import RuleMissing
from volunteers.models import Report
from volunteers.reports import errors, selectors
from volunteers.reports.categories import DEFAULTS
from volunteers.reports.services import handling, submitting

SIGHT = {
    "category": "hazard",
    "text": "井盖松动",
    "place": "3栋楼下",
    "latitude": 30.29,
    "longitude": 120.15,
}


@pytest.fixture
def submitted(lake, wang):
    """A report of Wang's: ``submitted(category=…, photos=…)``."""
    return lambda **facts: submitting.submit(community=lake, reporter=wang, **SIGHT | facts)


def picture(kind="JPEG", size=(400, 300), mode="RGB", **options) -> bytes:
    """Red in its upper left quarter, black elsewhere."""
    image = Image.new(mode, size)
    image.paste("red" if mode == "RGB" else 1, (0, 0, size[0] // 2, size[1] // 2))
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def sent(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("王小明家门口.jpg", content)


def stored(report: Report) -> bytes:
    with default_storage.open(report.photos.get().image.name) as file:
        return file.read()


def is_red_at(content: bytes) -> set[str]:
    """The corners of the picture that are red."""
    image = Image.open(io.BytesIO(content))
    right, bottom = image.width - 20, image.height - 20
    corners = {
        "upper left": (20, 20),
        "upper right": (right, 20),
        "lower left": (20, bottom),
        "lower right": (right, bottom),
    }
    return {name for name, place in corners.items() if image.getpixel(place)[0] > 128}


def points_of(user, lake):
    wallet = wallet_of(lake.pk, user.pk)
    return wallet.available if wallet else 0


# --- submitting ---------------------------------------------------------------------------


def test_a_volunteer_reports_what_they_saw(submitted, lake, wang):
    report = submitted()

    report.refresh_from_db()
    assert (report.community, report.reporter, report.status) == (lake, wang, "submitted")
    assert (report.category, report.text, report.place) == ("hazard", "井盖松动", "3栋楼下")
    assert (report.latitude, report.longitude, report.coord_type) == (30.29, 120.15, "wgs84")
    assert not report.photos.exists()


def test_only_volunteers_of_the_community_report(wang, zhao, hill, lake):
    for community, reporter in ((hill, wang), (lake, zhao)):
        with pytest.raises(NotAVolunteerHere):
            submitting.submit(community=community, reporter=reporter, **SIGHT)

    assert not Report.objects.exists()


# --- photos -------------------------------------------------------------------------------


def photo_that_tells() -> bytes:
    """A JPEG as phones write it, with everything in it that could tell on somebody."""
    exif = Image.Exif()
    exif[0x010F] = "Maker of phones"
    exif[0x0132] = "2024:03:01 08:15:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (30.0, 17.0, 24.0), 3: "E", 4: (120.0, 9.0, 0.0)})
    return picture(
        exif=exif,
        comment=b"written at home",
        xmp=b"<x:xmpmeta>exif:GPSLatitude</x:xmpmeta>",
        icc_profile=b"profile of one screen" * 10,
    )


def test_a_stored_photo_tells_neither_place_nor_phone_nor_time(submitted):
    telling = [b"Exif", b"Maker of phones", b"2024:03:01", b"written at home", b"GPS", b"profile"]
    original = photo_that_tells()
    assert all(word in original for word in [*telling[:4], b"GPSLatitude", b"profile"])
    assert Image.open(io.BytesIO(original)).getexif().get_ifd(0x8825)

    report = submitted(photos=[sent(original)])

    content = stored(report)
    assert [word for word in telling if word in content] == []
    image = Image.open(io.BytesIO(content))
    assert (image.format, image.size) == ("JPEG", (400, 300))
    assert not image.getexif()
    assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    # Nor does the name it was sent under.
    assert report.photos.get().image.name.isascii()


@pytest.mark.parametrize(
    ("orientation", "red"),
    [
        (1, "upper left"),
        (2, "upper right"),
        (3, "lower right"),
        (4, "lower left"),
        (5, "upper left"),
        (6, "upper right"),
        (7, "lower right"),
        (8, "lower left"),
        (9, "upper left"),
    ],
)
def test_a_photo_taken_with_the_phone_on_its_side_stands_upright(submitted, orientation, red):
    exif = Image.Exif()
    exif[0x0112] = orientation

    content = stored(submitted(photos=[sent(picture(exif=exif))]))

    assert is_red_at(content) == {red}
    is_turned = 5 <= orientation <= 8
    assert Image.open(io.BytesIO(content)).size == ((300, 400) if is_turned else (400, 300))


def test_a_photo_whose_exif_is_damaged_is_taken_all_the_same(submitted):
    exif = Image.Exif()
    exif[0x0112] = 3
    exif[0x011A] = 72.0
    damaged = picture(exif=exif).replace(
        struct.pack(">HH", 0x011A, 5), struct.pack(">HH", 0x011A, 2)
    )
    assert b"Exif" in damaged

    assert is_red_at(stored(submitted(photos=[sent(damaged)]))) == {"lower right"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_the_usual_kinds_of_photo_become_jpegs(submitted, kind):
    content = stored(submitted(photos=[sent(picture(kind))]))

    assert Image.open(io.BytesIO(content)).format == "JPEG"
    assert is_red_at(content) == {"upper left"}


def test_a_large_photo_is_made_smaller_in_proportion(submitted):
    content = stored(submitted(photos=[sent(picture(size=(4096, 1024)))]))

    assert Image.open(io.BytesIO(content)).size == (2048, 512)


def png_with_a_text_of(size: int) -> bytes:
    """A small PNG one of whose texts, compressed, is ``size`` bytes long."""
    info = PngImagePlugin.PngInfo()
    info.add(b"zTXt", b"a\0\0" + zlib.compress(b"\0" * size))
    return picture("PNG", pnginfo=info)


def jpeg_that_claims(width: int, height: int) -> bytes:
    """A small JPEG whose header speaks of another size."""
    truly, claimed = struct.pack(">HH", 300, 400), struct.pack(">HH", height, width)
    return picture().replace(truly, claimed, 1)


@pytest.mark.parametrize(
    "content",
    [
        lambda: b"not a picture at all",
        lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        lambda: picture("GIF"),
        lambda: picture("BMP"),
        lambda: picture("TIFF"),
        lambda: picture()[:3000],
        lambda: picture("PNG")[:200],
        lambda: picture("PNG", size=(10_000, 5_001), mode="1"),  # just above 50 megapixels
        lambda: picture("PNG", size=(20_000, 10_000), mode="1"),
        lambda: jpeg_that_claims(65_000, 65_000),
        lambda: png_with_a_text_of(50_000_000),
    ],
    ids=[
        "text",
        "svg",
        "gif",
        "bmp",
        "tiff",
        "truncated jpeg",
        "truncated png",
        "too many pixels",
        "four times too many pixels",
        "a jpeg that claims to be huge",
        "a text that unpacks to 50 MB",
    ],
)
def test_what_is_no_photo_or_too_large_a_one_is_refused(submitted, content):
    with pytest.raises((PhotoInvalid, PhotoTooLarge)):
        submitted(photos=[sent(content())])

    assert not Report.objects.exists()


def test_a_file_above_ten_megabytes_is_refused_unread(submitted, settings):
    content = picture()
    settings.PHOTO_MAX_BYTES = len(content) - 1

    with pytest.raises(RequestDataTooBig):
        submitted(photos=[sent(content)])

    settings.PHOTO_MAX_BYTES = len(content)
    assert submitted(photos=[sent(content)]).photos.get().image


# --- handling -----------------------------------------------------------------------------


def test_a_verified_report_earns_its_categorys_reward_once(submitted, wang, zhao, li, lake):
    report = handling.accept(report=submitted(), handler=zhao)
    assert (report.status, report.accepted_at is not None) == ("accepted", True)

    closed, award = handling.close(report=report, handler=zhao, answer="已换新井盖")
    again, same = handling.close(report=report, handler=li, answer="别的")

    assert (closed.status, closed.closed_by, closed.answer) == ("closed", zhao, "已换新井盖")
    assert (again.closed_by, again.closed_at, again.answer) == (
        zhao,
        closed.closed_at,
        "已换新井盖",
    )
    assert (same, award.amount, award.source) == (award, 20, f"report:{report.pk}")
    assert points_of(wang, lake) == 20


def test_a_rejected_report_earns_nothing(submitted, wang, zhao, li, lake):
    report = submitted()
    closed = handling.reject(report=report, handler=zhao, answer="现场没有问题")

    again = handling.reject(report=report, handler=li, answer="别的")

    assert (closed.status, closed.closed_by, closed.answer) == ("rejected", zhao, "现场没有问题")
    assert (again.closed_by, again.answer) == (zhao, "现场没有问题")
    assert points_of(wang, lake) == 0


def accept(report, handler):
    return handling.accept(report=report, handler=handler)


def verify(report, handler):
    return handling.close(report=report, handler=handler, answer="已处理")[0]


def reject(report, handler):
    return handling.reject(report=report, handler=handler, answer="不属实")


@pytest.mark.parametrize(
    ("before", "step", "after"),
    [
        ([], accept, "accepted"),
        ([], verify, "closed"),
        ([], reject, "rejected"),
        ([accept], accept, "accepted"),
        ([accept], verify, "closed"),
        ([accept], reject, "rejected"),
        ([verify], verify, "closed"),
        ([reject], reject, "rejected"),
    ],
)
def test_the_ways_a_report_may_go(submitted, zhao, before, step, after):
    report = submitted()
    for one in before:
        one(report, zhao)

    assert step(report, zhao).status == after


@pytest.mark.parametrize(
    ("end", "step"), [(verify, accept), (verify, reject), (reject, accept), (reject, verify)]
)
def test_a_closed_report_stays_as_it_was_closed(submitted, wang, zhao, lake, end, step):
    report = end(submitted(), zhao)
    earned = points_of(wang, lake)

    with pytest.raises(errors.ReportStatusWrong) as refused:
        step(report, zhao)

    assert refused.value.facts == {"current_status": report.status}
    assert Report.objects.get().status == report.status
    assert points_of(wang, lake) == earned


@pytest.mark.parametrize("step", [accept, verify, reject])
def test_nobody_handles_a_report_of_their_own(submitted, wang, lake, step):
    report = submitted()

    with pytest.raises(errors.OwnReport):
        step(report, wang)

    report.refresh_from_db()
    assert (report.status, points_of(wang, lake)) == ("submitted", 0)


def test_a_category_without_a_rule_is_not_closed_as_verified(submitted, zhao):
    report = submitted(category="facility")

    with pytest.raises(RuleMissing):
        handling.close(report=report, handler=zhao)

    report.refresh_from_db()
    assert (report.status, report.closed_by) == ("submitted", None)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ({"closed_by_id": "reporter_id"}, "report_closed_by_another"),
        ({"closed_by_id": "NULL"}, "report_closed_is_complete"),
        ({"closed_at": "NULL"}, "report_closed_is_complete"),
    ],
)
def test_the_database_takes_no_report_for_closed_by_itself(submitted, zhao, change, constraint):
    submitted()
    complete = {"status": "'closed'", "closed_at": "now()", "closed_by_id": f"'{zhao.pk}'"}
    changes = ", ".join(f"{name} = {value}" for name, value in (complete | change).items())

    with (
        pytest.raises(IntegrityError, match=constraint),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE volunteers_report SET {changes}")


@pytest.mark.django_db(transaction=True)
def test_ten_handlers_closing_one_report_make_one_award(submitted, wang, zhao, lake, at_once):
    report = submitted()

    awards = at_once(10, lambda _: handling.close(report=report, handler=zhao)[1].pk)

    assert set(awards) == {Award.objects.get().pk}
    assert Transfer.objects.get().amount == points_of(wang, lake) == 20


# --- what the public sees -----------------------------------------------------------------


def test_disputes_and_calls_for_help_are_never_public(submitted, lake, hill, zhao):
    made = {category: submitted(category=category) for category in DEFAULTS}
    reject(made["dispute"], zhao)
    accept(made["assistance"], zhao)

    shown = list(selectors.public_reports(lake))

    assert [report.category for report in shown] == [
        "suggestion",
        "hotline",
        "facility",
        "environment",
        "hazard",
    ]
    assert not selectors.public_reports(hill).exists()
