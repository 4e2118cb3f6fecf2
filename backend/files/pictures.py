"""Pictures that people send: decoded and encoded anew, so that nothing else comes along.

``decoding.py`` does it in a process that ends, one at a time on a machine: however many are sent at
once, no more memory is taken than one needs.
"""

import fcntl
import json
import logging
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from backend.errors import Invalid, Unavailable

logger = logging.getLogger(__name__)

SIDE = 2048  # pixels kept on the longer side
DECODER = Path(__file__).with_name("decoding.py")
# So many threads of a process may see to photos, one of which is decoded; the others serve clerks.
IN_HAND = 3
DECODING_SECONDS = 30.0  # by the clock; how much it may compute is decoding.CPU_SECONDS
_in_hand = BoundedSemaphore(IN_HAND)
# What phones write beside JPEG, by its "ftyp" and brand (ISO/IEC 14496-12, 4.3; 23008-12, B.4).
UNSUPPORTED = {
    b"ftyp" + brand: kind
    for kind, brands in {
        "HEIC": (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"),
        "AVIF": (b"avif", b"avis"),
    }.items()
    for brand in brands
}


class PhotoInvalid(Invalid):
    code = "photo_invalid"
    title = _("A photo is a JPEG, PNG or WebP image; this is none, or it is damaged.")


class PhotoTooLarge(Invalid):
    """Refusal of too many pixels; up to ``megapixels`` of ``format`` can be taken."""

    code = "photo_too_large"
    title = _("This photo has too many pixels; please send it smaller, or as a JPEG.")


class PhotoFormatUnsupported(Invalid):
    """Refusal of a photo in a known ``format`` that is not decoded here."""

    code = "photo_format_unsupported"
    title = _("Photos of this format are not taken; please send it as a JPEG.")


class PhotosBusy(Unavailable):
    code = "photos_busy"
    title = _("Many photos are being sent at this moment; please send it again.")
    retry_after_seconds = 3


def without_exif(photo: "UploadedFile[Any]", side: int = SIDE) -> "ContentFile[bytes]":
    """Return the photo as ``in_sizes`` does, in one size."""
    return in_sizes(photo, side)[0]


def in_sizes(photo: "UploadedFile[Any]", *sides: int) -> "list[ContentFile[bytes]]":
    """Return the photo, upright, as a JPEG of at most so many pixels a side for each of ``sides``.

    The largest comes first. Call it with no row locked: it may wait. Raises RequestDataTooBig (of
    bytes), PhotoTooLarge (of pixels), PhotoFormatUnsupported, PhotoInvalid, PhotosBusy.
    """
    from backend.files import decoding

    if photo.size is None or photo.size > settings.PHOTO_MAX_BYTES:
        raise RequestDataTooBig("A photo")
    photo.seek(0)
    if kind := UNSUPPORTED.get(photo.read(12)[4:]):
        raise PhotoFormatUnsupported(format=kind)
    with _turn():
        photo.seek(0)
        try:
            done = subprocess.run(
                [sys.executable, "-I", DECODER, *map(str, sides)],
                input=photo.read(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=DECODING_SECONDS,
                env={},  # nothing of ours, keys least of all
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            logger.warning("No photo can be decoded: %s", type(error).__name__)
            raise PhotosBusy from None
    if done.returncode == decoding.TOO_LARGE:
        raise PhotoTooLarge(**json.loads(done.stdout))
    if done.returncode != decoding.TAKEN:
        raise PhotoInvalid
    return list(_jpegs(done.stdout))


def _jpegs(written: bytes) -> "Iterator[ContentFile[bytes]]":
    at = 0
    while at < len(written):
        (length,) = struct.unpack_from(">I", written, at)
        yield ContentFile(written[at + 4 : at + 4 + length])
        at += 4 + length


@contextmanager
def _turn() -> Iterator[None]:
    """Hold the machine's one turn to decode. Raises PhotosBusy rather than wait for long."""
    if not _in_hand.acquire(blocking=False):
        raise PhotosBusy
    try:
        # Held by this open file, whichever process or thread has it; let go of with the process.
        with DECODER.open("rb") as file:
            until = time.monotonic() + settings.PHOTO_WAIT_SECONDS
            while True:
                with suppress(BlockingIOError):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                if time.monotonic() > until:
                    raise PhotosBusy
                time.sleep(0.02)
            yield
    finally:
        _in_hand.release()
