"""Decodes one picture and encodes it anew: a program of its own, which pictures.py runs.

``python -I decoding.py SIDE … < photo > jpegs``, each after its length in four bytes. Whatever a
picture needs is held here, in a process that ends: its memory goes back whatever a file does to a
decoder, and neither a crash nor an endless file takes anything else along. It gets no settings and
imports nothing of ours. The exit status is one of the three below; killed or crashed also means
that it is no picture.
"""

import io
import json
import re
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
SCANS = 100  # of a JPEG: each goes over all its pixels, though it says nothing; cameras write ten
MEMORY_BYTES = 400 * 2**20  # of addresses; what is really used is far less
CPU_SECONDS = 4  # the largest of what is taken needs less than one; others wait for five
METADATA_BYTES = 2**20  # unpacked, of one text or colour profile
# A JPEG's, but those that stand alone; what is coded has none in it (ITU-T T.81, B.1.1.2).
MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
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
    """The error of too many pixels; up to ``megapixels`` of a ``kind`` are decoded."""

    def __init__(self, kind: str, pixels: int) -> None:
        super().__init__(kind)
        self.facts = {"format": kind, "megapixels": pixels // 1_000_000}


def encoded_anew(photo: IO[bytes], *sides: int) -> list[bytes]:
    """Return the picture, upright, as a JPEG of at most so many pixels a side for each of
    ``sides``, the largest first; of several pictures the first. Raises TooLargeError, and anything
    at all for what is no picture."""
    side = sides[0]
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
    return [_jpeg(small, side) for side in sides]


def _jpeg(image: Image.Image, side: int) -> bytes:
    if max(image.size) > side:
        image = image.copy()
        image.thumbnail((side, side))
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


def _most_pixels(image: Image.Image, photo: IO[bytes]) -> tuple[str, int]:
    """Return the picture's format, as people know it, and how many pixels of it are decoded."""
    if image.format == "WEBP":
        return "WebP", WEBP_PIXELS
    if image.format == "PNG":
        return "PNG", WHOLE_PIXELS
    photo.seek(0)
    is_one_scan, scans = _scans(photo.read())
    if scans > SCANS:
        raise ValueError(f"{scans} scans")
    if is_one_scan:
        return JPEG, JPEG_PIXELS
    return PROGRESSIVE, WHOLE_PIXELS * 3 // max(3, len(image.getbands()))


def _scans(content: bytes) -> tuple[bool, int]:
    """Tell whether a JPEG's first scan has all its colours, once and for all, and how many scans.

    For any other the decoder holds all coefficients until the last scan, however small the result
    (ITU-T T.81: SOF0 to SOF2, SOS).
    """
    components, is_one, count, place = -1, False, 0, 2
    while (found := MARKER.search(content, place)) and found[1] != b"\xd9":  # EOI
        after = found.end()
        (length,) = struct.unpack_from(">H", content, after)
        if found[1] in (b"\xc0", b"\xc1"):
            components = content[after + 7]
        elif found[1] == b"\xda":
            count += 1
            is_one = is_one or (count == 1 and content[after + 2] == components)
        place = after + length
    return is_one, count


def _decode_smaller(image: Image.Image, side: int, most: int) -> None:
    """Make a JPEG be decoded at a half, a quarter or an eighth if that leaves at most a tenth less
    than ``side``, and down to ``most`` pixels in any case."""
    width, height = image.size
    for part in (8, 4, 2):
        if max(width, height) >= part * side * 0.9 or width * height > most * (part // 2) ** 2:
            image.draft(None, (max(1, width // part), max(1, height // part)))
            return


def _bands(image: Image.Image, size: tuple[int, int]) -> list[Image.Image]:
    """Return the picture in that size: its three colours, or all in one. Colours are resized one
    after the other because a second picture of the whole size would take as much memory again."""
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
    """Limit the resources of this process, whatever the file does."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    trust_no_metadata()


def trust_no_metadata() -> None:
    """Limit how much of a text or colour profile is unpacked to what honest ones have."""
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # ours are looked at before anything is decoded
    PngImagePlugin.MAX_TEXT_CHUNK = METADATA_BYTES
    PngImagePlugin.MAX_TEXT_MEMORY = METADATA_BYTES


def main() -> int:
    confine()
    try:
        jpegs = encoded_anew(io.BytesIO(sys.stdin.buffer.read()), *map(int, sys.argv[1:]))
    except TooLargeError as refused:
        print(json.dumps(refused.facts))
        return TOO_LARGE
    except Exception:
        return INVALID
    for jpeg in jpegs:
        sys.stdout.buffer.write(struct.pack(">I", len(jpeg)) + jpeg)
    return TAKEN


if __name__ == "__main__":
    sys.exit(main())
