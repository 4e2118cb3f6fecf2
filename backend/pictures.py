"""Pictures that people send: decoded and encoded anew, so that nothing else comes along."""

import io
from typing import Any

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _
from PIL import ExifTags, Image

from backend.errors import Invalid

FORMATS = ("JPEG", "PNG", "WEBP")
PIXELS = 50_000_000  # decoding more than this could exhaust the machine
SIDE = 2048  # pixels kept on the longer side
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


class PhotoInvalid(Invalid):
    code = "photo_invalid"
    title = _("A photo is a JPEG, PNG or WebP image of at most 10 MB and 50 megapixels.")


def without_exif(photo: "UploadedFile[Any]", side: int = SIDE) -> "ContentFile[bytes]":
    """The picture itself, upright, as a JPEG of at most ``side`` pixels a side.

    Raises PhotoInvalid.
    """
    if photo.size is None or photo.size > settings.PHOTO_MAX_BYTES:
        raise PhotoInvalid
    try:
        with Image.open(photo, formats=FORMATS) as image:
            if image.width * image.height > PIXELS:
                raise PhotoInvalid
            upright = image.convert("RGB")
            turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
            if turn is not None:
                upright = upright.transpose(turn)
            upright.thumbnail((side, side))
            upright.info.clear()  # a comment would be written along
            encoded = io.BytesIO()
            upright.save(encoded, "JPEG", quality=85)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise PhotoInvalid from None
    return ContentFile(encoded.getvalue())
