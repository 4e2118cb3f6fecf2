"""Photos that people send: whatever the file, an answer and no more memory than one takes."""

import io
import random
import struct
import subprocess
import sys
import threading
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial

import pytest
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import ExifTags, Image, ImageChops, ImageStat

from backend.files import decoding, pictures
from backend.files.pictures import PhotoInvalid, PhotosBusy, PhotoTooLarge, without_exif
from tests.long import IS_LONG

TALL = (300, 400)


@pytest.fixture(autouse=True)
def _as_the_decoder_has_it(monkeypatch):
    """Set the decoder's limits in this process."""
    for module, name in [
        (Image, "MAX_IMAGE_PIXELS"),
        (decoding.PngImagePlugin, "MAX_TEXT_CHUNK"),
        (decoding.PngImagePlugin, "MAX_TEXT_MEMORY"),
    ]:
        monkeypatch.setattr(module, name, getattr(module, name))
    decoding.trust_no_metadata()


def picture(kind="JPEG", size=TALL, mode="RGB", **options):
    """A picture whose left half is dark and whose right half is light, not quite smooth."""
    image = Image.new("RGB", size, (40, 60, 80))
    image.paste((220, 200, 180), (size[0] // 2, 0, *size))
    if size[0] * size[1] < 1_000_000:
        image = ImageChops.add(image, Image.effect_noise(size, 20).convert("RGB"), scale=1.2)
    written = io.BytesIO()
    image.convert(mode).save(written, kind, **options)
    return written.getvalue()


def sixteen_bits():
    """In Pillow's grey of 16 bits, of which a picture of 8 would use the lower half alone."""
    grey = Image.open(io.BytesIO(picture("PNG", mode="L")))
    written = io.BytesIO()
    grey.convert("I").point(lambda shade: shade * 257).convert("I;16").save(written, "PNG")
    return written.getvalue()


def exif(orientation):
    told = Image.Exif()
    told[ExifTags.Base.Orientation] = orientation
    told[ExifTags.Base.Make] = "a phone"
    return told.tobytes()


def taken(content, side=2048):
    """Return the picture that decoding makes of ``content``, in this process."""
    return Image.open(io.BytesIO(*decoding.encoded_anew(io.BytesIO(content), side)))


def sent(content, side=2048):
    """Send ``content`` as the web process does."""
    return without_exif(SimpleUploadedFile("photo", content), side)


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_with(*chunks, size=TALL):
    plain = picture("PNG", size)
    return plain[:33] + b"".join(chunk(*one) for one in chunks) + plain[33:]


def two_scans(content):
    """The JPEG as if its first scan had one of its colours alone."""
    start = content.index(b"\xff\xda")
    return content[: start + 4] + b"\x01\x01\x00\x00\x3f\x00" + content[start + 14 :]


def renamed(content, size):
    """A JPEG or PNG that says it has another size."""
    if content.startswith(b"\x89PNG"):
        head = content[12:16] + struct.pack(">II", *size) + content[24:29]
        return content[:12] + head + struct.pack(">I", zlib.crc32(head)) + content[33:]
    at = max(content.find(b"\xff\xc0"), content.find(b"\xff\xc2"))
    width, height = size
    return content[: at + 5] + struct.pack(">HH", height, width) + content[at + 9 :]


# --- what is taken ----------------------------------------------------------------------------
# Made when a test asks, here and below: whoever only reads this file draws nothing.
SAMPLES = {
    "jpeg": lambda: picture(),
    "progressive": lambda: picture(progressive=True),
    "grey jpeg": lambda: picture(mode="L"),
    "cmyk jpeg": lambda: picture(mode="CMYK"),
    "jpeg with exif": lambda: picture(exif=exif(1)),
    "two pictures": lambda: picture(
        "MPO", save_all=True, append_images=[Image.new("RGB", (30, 40))]
    ),
    "png": lambda: picture("PNG"),
    "png with alpha": lambda: picture("PNG", mode="RGBA"),
    "png of a palette": lambda: picture("PNG", mode="P"),
    "png in black and white": lambda: picture("PNG", mode="1"),
    "grey png with alpha": lambda: picture("PNG", mode="LA"),
    "grey png of 16 bits": sixteen_bits,
    "png with exif": lambda: picture("PNG", exif=exif(1)),
    "animated png": lambda: picture("PNG", save_all=True, append_images=[Image.new("RGB", TALL)]),
    "webp": lambda: picture("WEBP"),
    "webp with alpha": lambda: picture("WEBP", mode="RGBA"),
    "webp with exif": lambda: picture("WEBP", exif=exif(1)),
    "animated webp": lambda: picture("WEBP", save_all=True, append_images=[Image.new("RGB", TALL)]),
}


@cache
def sample(name):
    return SAMPLES[name]()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_photo_of_any_kind_becomes_a_jpeg_that_looks_like_it(name):
    image = taken(sample(name))

    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", TALL)
    assert not image.getexif()
    left, right = (
        sum(ImageStat.Stat(image.crop(half)).mean) for half in ((0, 0, 140, 400), (160, 0, *TALL))
    )
    assert left + 60 < right


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_it_is_turned_upright_as_its_exif_says(kind, orientation):
    image = taken(picture(kind, exif=exif(orientation)))

    assert image.size == (TALL if orientation < 5 else TALL[::-1])


@cache
def large(size):
    return picture(size=size)


@pytest.mark.parametrize(
    ("size", "side", "becomes"),
    [
        ((400, 300), 2048, (400, 300)),
        ((3600, 2700), 2048, (2048, 1536)),
        ((4000, 3000), 2048, (2000, 1500)),  # quarter the work, and a fortieth less
        ((4095, 4095), 2048, (2048, 2048)),
        ((12000, 9000), 2048, (2048, 1536)),
        ((12000, 9000), 1024, (1024, 768)),
        ((20000, 1000), 2048, (2048, 102)),
        ((30000, 1), 2048, (2048, 1)),
        ((1, 1), 2048, (1, 1)),
    ],
)
def test_a_large_jpeg_is_decoded_smaller(size, side, becomes):
    assert taken(large(size), side).size == becomes


@pytest.mark.parametrize(
    ("content", "kind", "megapixels"),
    [
        (lambda: picture("PNG", (10_000, 5_000)), "PNG", 9),
        (lambda: renamed(picture("PNG"), (3_001, 3_000)), "PNG", 9),
        (lambda: renamed(picture("PNG", mode="P"), (100_000, 100_000)), "PNG", 9),
        (lambda: picture("WEBP", (3_000, 2_000)), "WebP", 4),
        (lambda: renamed(picture(), (12_000, 9_200)), "JPEG", 110),
        (lambda: renamed(picture(), (65_000, 65_000)), "JPEG", 110),
        (lambda: renamed(picture(progressive=True), (3_001, 3_000)), "progressive JPEG", 9),
        (
            lambda: renamed(picture(mode="CMYK", progressive=True), (3_000, 3_000)),
            "progressive JPEG",
            6,
        ),
        (lambda: renamed(two_scans(picture()), (12_000, 9_000)), "progressive JPEG", 9),
    ],
)
def test_more_pixels_than_can_be_decoded_are_refused_with_the_limit(content, kind, megapixels):
    with pytest.raises(PhotoTooLarge) as refused:
        sent(content())

    assert refused.value.facts == {"format": kind, "megapixels": megapixels}


def test_a_photo_of_too_many_bytes_is_a_body_that_is_too_large(settings):
    settings.PHOTO_MAX_BYTES = len(sample("jpeg")) - 1

    with pytest.raises(RequestDataTooBig):
        sent(sample("jpeg"))


# --- what is no photo -------------------------------------------------------------------------
@cache
def bomb():
    return zlib.compress(bytes(50 * 2**20), 9)


@pytest.mark.parametrize(
    "content",
    [
        lambda: b"",
        lambda: b"GIF89a",
        lambda: picture("GIF"),
        lambda: picture("TIFF"),
        lambda: png_with((b"eXIf", b"II*")),
        lambda: png_with((b"iCCP", b"profile\x00\x00" + bomb())),
        lambda: png_with((b"zTXt", b"comment\x00\x00" + bomb())),
        lambda: png_with((b"iTXt", b"XML:com.adobe.xmp\x00\x01\x00\x00\x00" + bomb())),
        lambda: renamed(picture("PNG"), (0, 400)),
        lambda: picture()[:2] + b"\xff\xe1\x00\x08Exif\x00\x00" + picture()[2:-400],
        lambda: b"RIFF\xff\xff\xff\xffWEBPVP8X",
    ],
)
def test_what_is_broken_is_refused_and_breaks_nothing(content):
    with pytest.raises(PhotoInvalid):
        sent(content())


@pytest.mark.parametrize(
    "extra",
    [(b"eXIf", b""), (b"eXIf", b"MM\x00*\x00\x00\x00\x08\xff\xff"), (b"tEXt", b"comment\x00x")],
)
def test_what_is_left_out_anyway_may_be_as_it_is(extra):
    assert sent(png_with(extra))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_file_that_breaks_off_or_has_other_bytes_never_breaks_more_than_itself(name):
    """Either a picture comes of it, or it is refused, which is what the decoder says of errors."""
    content, chance = sample(name), random.Random(name)
    spoilt = [content[: chance.randrange(len(content))] for _ in range(40 if IS_LONG else 10)]
    for _ in range(120 if IS_LONG else 30):
        other = bytearray(content)
        for _ in range(chance.choice([1, 1, 4, 32])):
            # Where formats say what follows is where they are most easily broken.
            place = chance.randrange(min(chance.choice([64, 1_000, len(other)]), len(other)))
            other[place] = chance.choice([0, 255, chance.randrange(256)])
        spoilt.append(bytes(other))
    refused = []
    for one in spoilt:
        try:
            image = taken(one, 256)
        except Exception as error:
            refused.append(error)
        else:
            assert max(image.size) <= 256
    assert refused
    assert not any(isinstance(error, MemoryError) for error in refused)


def with_scans(content, count, *, are_empty):
    """``content``, a JPEG, whose last scan stands there ``count`` times more."""
    at = content.rindex(b"\xff\xda")
    end = at + 2 + struct.unpack_from(">H", content, at + 2)[0] if are_empty else len(content) - 2
    return content[:-2] + content[at:end] * count + content[-2:]


MANY_SCANS = [
    (partial(picture, "JPEG", (3_000, 3_000), "L", progressive=True), 60_000, True),
    (partial(picture, "JPEG", (64, 64), "L", progressive=True), 1_000, False),
    (partial(picture, "JPEG", (3_000, 3_000)), 60_000, True),
    (partial(sample, "jpeg"), decoding.SCANS, True),
]


@pytest.mark.parametrize(("made", "count", "are_empty"), MANY_SCANS, ids=range(len(MANY_SCANS)))
def test_a_jpeg_is_not_gone_over_more_often_than_any_camera_asks_for(made, count, are_empty):
    """A small file, each of whose scans costs as much as all pixels of it."""
    content = with_scans(made(), count, are_empty=are_empty)
    with pytest.raises(ValueError, match=" scans"):
        decoding.encoded_anew(io.BytesIO(content), 2048)
    with pytest.raises(PhotoInvalid):
        sent(content)


def test_as_many_scans_as_there_may_be_are_decoded():
    content = sample("progressive")

    assert taken(with_scans(content, decoding.SCANS - content.count(b"\xff\xda"), are_empty=True))


@pytest.mark.parametrize("name", ["progressive", "png with exif", "webp"])
def test_a_photo_that_breaks_off_is_invalid_to_who_sent_it(name):
    with pytest.raises(PhotoInvalid):
        sent(sample(name)[: len(sample(name)) // 2])


def test_the_decoder_has_bounds_of_its_own():
    """A decoder that asks for more than it may use ends; it knows nothing of our environment."""
    program = (
        f"import sys; sys.path.insert(0, {str(pictures.DECODER.parent)!r}); import decoding, os;"
        "decoding.confine(); print(sorted(os.environ)); bytearray(2**30)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], env={}, capture_output=True, text=True, timeout=60
    )

    assert done.returncode != 0
    assert "MemoryError" in done.stderr
    assert not {name for name in ("DATABASE_URL", "LINLI_SECRET_KEY") if name in done.stdout}


# --- many at once -----------------------------------------------------------------------------
def test_one_is_decoded_at_a_time_a_few_wait_and_the_rest_are_told_to_come_again(monkeypatch):
    running, most, lock = 0, 0, threading.Lock()
    run = subprocess.run

    def counted(*args, **kwargs):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        try:
            return run(*args, **kwargs)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(pictures.subprocess, "run", counted)
    together = threading.Barrier(20)

    def send(_):
        together.wait(timeout=30)
        try:
            return sent(sample("jpeg")) and "taken"
        except PhotosBusy as refusal:
            return refusal.code

    with ThreadPoolExecutor(20) as threads:
        told = Counter(threads.map(send, range(20)))

    assert most == 1
    assert told["taken"] >= pictures.IN_HAND
    assert told["taken"] + told["photos_busy"] == 20
    assert sent(sample("jpeg"))


def test_whoever_waits_for_too_long_is_told_to_come_again(settings):
    with pictures._turn():  # as another process would have it
        settings.PHOTO_WAIT_SECONDS = 0.0
        with pytest.raises(PhotosBusy):
            sent(sample("jpeg"))


def test_a_busy_decoder_is_told_with_when_to_come_again(lake, wang, logged_in, settings):
    with pictures._turn():
        settings.PHOTO_WAIT_SECONDS = 0.0
        answer = logged_in(wang).post(
            "/api/v1/communities/lake/reports",
            {
                "category": "hazard",
                "text": "井盖松动",
                "photos": [SimpleUploadedFile("a.jpg", sample("jpeg"))],
            },
            format="multipart",
        )

    assert (answer.status_code, answer.json()["code"]) == (503, "photos_busy")
    assert int(answer["Retry-After"]) > 0
