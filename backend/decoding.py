"""Decodes one picture and encodes it anew: a program of its own, which pictures.py runs.

``python -I decoding.py SIDE < photo > jpeg``. What a picture may take is held here, in a process
that ends: its memory goes back whatever a file does to a decoder, and neither a crash nor a file
that never ends takes anything else along. It gets no settings and imports nothing of ours.
The exit status is one of the three below; killed or crashed means that it is no picture either.
"""

import io
import json
import resource
import struct
import sys
import warnings
from typing import IO

from PIL import ExifTags, Image, PngImagePlugin

TAKEN, INVALID, TOO_LARGE = 0, 3, 4
FORMATS = ("JPEG", "PNG", "WEBP")
JPEG, PROGRESSIVE = "JPEG", "progressive JPEG"
# Decoded row by row into something smaller; there are phones with 108 megapixels and a little more.
JPEG_PIXELS = 110_000_000
WHOLE_PIXELS = 9_000_000  # of what has to be held whole while it is decoded
WEBP_PIXELS = 4_000_000  # its decoder holds it several times
MEMORY_BYTES = 400 * 2**20  # of addresses; what is really used is far less
CPU_SECONDS = 20
METADATA_BYTES = 2**20  # unpacked, of one text or colour profile
# How to turn a picture upright, by its EXIF orientation (CIPA DC-008, 4.6.5.1). Not by
# ImageOps.exif_transpose: it writes the EXIF anew, and fails where a phone's is not quite right.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class TooLargeError(Exception):
    """So many pixels are not decoded; ``megapixels`` of ``kind`` are."""

    def __init__(self, kind: str, pixels: int) -> None:
        super().__init__(kind)
        self.facts = {"format": kind, "megapixels": pixels // 1_000_000}


def encoded_anew(photo: IO[bytes], side: int) -> bytes:
    """The picture itself, upright, as a JPEG of at most ``side`` pixels a side; of several the
    first. Raises TooLargeError, and anything at all for what is no picture."""
    with Image.open(photo, formats=FORMATS) as image:
        kind, most = _most_pixels(image, photo)
        if image.width * image.height > most:
            raise TooLargeError(kind, most)
        if kind == JPEG:
            _decode_smaller(image, side, WHOLE_PIXELS * 3 // 2)
        elif kind == PROGRESSIVE:
            _decode_smaller(image, side, WHOLE_PIXELS // 2)
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
        scale = min(1.0, side / max(image.size))
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        bands = _bands(image, size)
        image.close()
    small = Image.merge("RGB", bands) if len(bands) == 3 else bands[0].convert("RGB")
    if turn is not None:
        small = small.transpose(turn)
    small.info.clear()  # a comment would be written along
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


def _most_pixels(image: Image.Image, photo: IO[bytes]) -> tuple[str, int]:
    """What it is, as people are told, and how many pixels of that are decoded."""
    if image.format == "WEBP":
        return "WebP", WEBP_PIXELS
    if image.format == "PNG":
        return "PNG", WHOLE_PIXELS
    if _is_one_scan(photo):
        return JPEG, JPEG_PIXELS
    return PROGRESSIVE, WHOLE_PIXELS * 3 // max(3, len(image.getbands()))


def _is_one_scan(photo: IO[bytes]) -> bool:
    """Whether the JPEG's first scan has all of its colours, at once and for good.

    Of any other the decoder holds all coefficients until the last scan, however small it is to be
    (ITU-T T.81: SOF0 to SOF2, SOS).
    """
    photo.seek(2)
    components = -1
    while True:
        marker = photo.read(1)
        if not marker:
            return False
        if marker != b"\xff":
            continue
        while marker == b"\xff":
            marker = photo.read(1)
        if marker in (b"", b"\x00", b"\x01") or b"\xd0" <= marker <= b"\xd8":
            continue
        (length,) = struct.unpack(">H", photo.read(2))
        segment = photo.read(length - 2)
        if marker in (b"\xc0", b"\xc1"):
            components = segment[5]
        elif marker == b"\xda":
            return segment[0] == components


def _decode_smaller(image: Image.Image, side: int, most: int) -> None:
    """Have a JPEG decoded at a half, a quarter or an eighth: where that leaves no more than a tenth
    less than ``side``, and down to ``most`` pixels in any case."""
    width, height = image.size
    for part in (8, 4, 2):
        if max(width, height) >= part * side * 0.9 or width * height > most * (part // 2) ** 2:
            image.draft(None, (max(1, width // part), max(1, height // part)))
            return


def _bands(image: Image.Image, size: tuple[int, int]) -> list[Image.Image]:
    """The picture in that size: its three colours, or all in one. A second picture of the whole
    size would take as much again, so one colour is looked at after the other."""
    if image.mode in ("RGB", "RGBA", "RGBX"):
        return [_resized(image.getchannel(band), size) for band in "RGB"]
    if image.mode == "P":
        palette = image.getpalette("RGB") or []
        colours = [(palette[band::3] + [0] * 256)[:256] for band in range(3)]
        return [_resized(image.point(values, "L"), size) for values in colours]
    if image.mode in ("L", "LA", "La"):
        return [_resized(image.getchannel("L"), size)]
    if image.mode == "I;16":
        shades = _resized(image, size).convert("I")
        return [shades.point(lambda shade: shade * (1 / 256)).convert("L")]
    if image.mode in ("CMYK", "YCbCr", "LAB"):
        return [_resized(image, size)]
    return [_resized(image.convert("RGB"), size)]


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)


def confine() -> None:
    """Bound what this process may use, whatever the file does."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    trust_no_metadata()


def trust_no_metadata() -> None:
    """Unpack no more of a text or a colour profile than any honest one has."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # ours are looked at before anything is decoded
    PngImagePlugin.MAX_TEXT_CHUNK = METADATA_BYTES
    PngImagePlugin.MAX_TEXT_MEMORY = METADATA_BYTES


def main() -> int:
    confine()
    try:
        jpeg = encoded_anew(io.BytesIO(sys.stdin.buffer.read()), int(sys.argv[1]))
    except TooLargeError as refused:
        print(json.dumps(refused.facts))
        return TOO_LARGE
    except Exception:
        return INVALID
    sys.stdout.buffer.write(jpeg)
    return TAKEN


if __name__ == "__main__":
    sys.exit(main())
