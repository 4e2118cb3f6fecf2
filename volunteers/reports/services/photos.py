"""Photos of reports: decoded before anything is stored, and stored with their report or not."""

from collections.abc import Sequence
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.uploadedfile import UploadedFile

from backend.accounts.models import User
from backend.files import pictures, storing
from volunteers.reports import errors
from volunteers.reports.models.photos import ReportPhoto
from volunteers.reports.models.reports import Report

AT_MOST = 9  # of one kind, of one report
THUMBNAIL_SIDE = 320  # pixels on the longer side

Jpegs = Sequence[Sequence["ContentFile[bytes]"]]  # the photo and its thumbnail, of each


def decoded(photos: "Sequence[UploadedFile[Any]]") -> Jpegs:
    """Return each photo and its thumbnail as JPEGs without EXIF; nothing is stored.

    Call it with no row locked. Raises TooManyPhotos, and whatever ``in_sizes`` raises.
    """
    if len(photos) > AT_MOST:
        raise errors.TooManyPhotos(at_most=AT_MOST)
    return [pictures.in_sizes(photo, pictures.SIDE, THUMBNAIL_SIDE) for photo in photos]


def attach(
    *,
    report: Report,
    jpegs: Jpegs,
    sent_by: User | None,
    shows: ReportPhoto.Shows = ReportPhoto.Shows.FOUND,
) -> list[ReportPhoto]:
    """Store photos with their rows, in the caller's transaction: if it fails, no file is left."""
    made = []
    for image, thumbnail in jpegs:
        photo = ReportPhoto(community=report.community, report=report, sent_by=sent_by, shows=shows)
        for file, jpeg in ((photo.image, image), (photo.thumbnail, thumbnail)):
            storing.keep(file, jpeg)
        made.append(photo)
    if made:
        ReportPhoto.objects.bulk_create(made)
    return made
