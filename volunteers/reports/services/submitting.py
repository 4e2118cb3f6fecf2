"""Submission of reports, from whichever way they come."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from backend.accounts import ages
from backend.accounts.models import Consent, User
from backend.accounts.selectors import consents_in_force
from backend.accounts.services import guardians
from backend.api.errors import Suspended
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Community, CoordType
from backend.communities.selectors import is_suspended_at
from backend.ids import new_id
from volunteers.people import selectors
from volunteers.reports import questions
from volunteers.reports.categories import category_of
from volunteers.reports.models.reports import Report, Source
from volunteers.reports.services import photos as pictures
from volunteers.reports.services import routing, screening


def submit(
    *,
    community: Community,
    reporter: User | None,
    category: str,
    text: str,
    source: Source = Source.APP,
    relayed_by: User | None = None,
    place: str = "",
    latitude: float | None = None,
    longitude: float | None = None,
    coord_type: str = CoordType.WGS84,
    estate: Community | None = None,
    answers: Mapping[str, Any] | None = None,
    photos: "Sequence[UploadedFile[Any]]" = (),
    now: datetime | None = None,
) -> Report:
    """Submit a report of ``reporter``, or of somebody who is not a user.

    ``now`` is when it was told, for what is imported. The estate defaults to the reporter's own.
    A reporter's coordinates need their consent, or are left out. Photos are re-encoded, so that
    none of their EXIF (place, phone, time) is kept; if one is refused, nothing is stored. Raises
    CategoryUnknown, AnswersInvalid, GuardianConsentRequired, NotAVolunteerHere, TooManyPhotos, and
    whatever ``in_sizes`` raises.
    """
    if reporter is not None:
        guardians.require_guardian(reporter, at=now)
        volunteer = (
            selectors.volunteers_in(community)
            .annotate(is_suspended=is_suspended_at("community", "user"))
            .filter(user=reporter)
            .first()
        )
        if volunteer is None:
            raise NotAVolunteerHere
        if volunteer.is_suspended:
            raise Suspended
        estate = estate or volunteer.estate
    known = category_of(community, category)
    answered = questions.checked(known.questions, {} if answers is None else answers)
    jpegs = pictures.decoded(photos)
    with transaction.atomic():
        if reporter is not None and not may_locate(reporter):
            latitude = longitude = None
        report = Report(
            id=new_id(),
            community=community,
            source=source,
            reporter=reporter,
            relayed_by=relayed_by,
            is_by_child=reporter is not None and ages.is_child(reporter.born_on),
            category=category,
            is_confidential=known.is_confidential,
            colour=known.colour,
            answers=answered,
            text=text,
            place=place,
            latitude=latitude,
            longitude=longitude,
            coord_type=coord_type,
            estate=estate,
            submitted_at=now or timezone.now(),
        )
        routing.place(report)
        report.save(force_insert=True)
        routing.tell_assigned(report)
        made = pictures.attach(report=report, jpegs=jpegs, sent_by=reporter or relayed_by)
        # As they would be read for the answer, which shows them.
        report.category_name = str(known.name)
        shown = report.photos.all()
        shown._result_cache = made
        vars(report)["_prefetched_objects_cache"] = {"photos": shown}
        screening.begin(report)
    return report


def may_locate(reporter: User) -> bool:
    """Tell whether coordinates that ``reporter`` sends may be kept."""
    return consents_in_force(reporter).filter(purpose=Consent.Purpose.LOCATION).exists()
