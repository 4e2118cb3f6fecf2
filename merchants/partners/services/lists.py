"""The two lists of a partner 「服务清单」「资源清单」, and which activities come of them.

Staff match an activity to what a merchant needs; the hours that are verified there are services it
received. They stand on its statement and are never worth money.
"""

from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.registries import volunteering
from merchants.partners import errors
from merchants.partners.models.lists import ActivityMatch, ListEntry
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import sides

OPEN_AT_MOST = 100  # entries of a partner


@transaction.atomic
def add(
    *,
    partnership: Partnership,
    kind: ListEntry.Kind,
    title: str,
    description: str,
    by: User,
    is_staff: bool = False,
) -> ListEntry:
    """What the merchant needs, or can lend; ``is_staff``: written down for the community.

    Raises OwnMerchant, PartnerNotAccepted, PartnerEnded, ListFull.
    """
    partnership = (
        Partnership.objects.select_for_update(no_key=True, of=("self",))
        .select_related("community")
        .get(pk=partnership.pk)
    )
    if is_staff:
        sides.refuse_own(by, partnership)
    sides.refuse_unasked(partnership)
    open_ones = ListEntry.objects.filter(
        community_id=partnership.community_id, partnership=partnership, closed_at__isnull=True
    )
    if open_ones.count() >= OPEN_AT_MOST:
        raise errors.ListFull(limit=OPEN_AT_MOST)
    entry = ListEntry.objects.create(
        community=partnership.community,
        partnership=partnership,
        kind=kind,
        title=title,
        description=description,
        added_by=by,
    )
    entry.refresh_from_db(fields=["added_at"])  # the database's own time
    _record("list_entry.add", entry, by, kind=kind)
    return entry


@transaction.atomic
def close(*, entry: ListEntry, by: User, is_staff: bool = False) -> ListEntry:
    """Close an entry: it is wanted, or lent, no more. Idempotent. Its matches stay.

    ``is_staff``: for the community. Raises OwnMerchant.
    """
    entry = _locked(entry)
    if is_staff:
        sides.refuse_own(by, entry.partnership)
    if entry.closed_at is None:
        entry.closed_at, entry.closed_by = timezone.now(), by
        entry.save(update_fields=["closed_at", "closed_by"])
        _record("list_entry.close", entry, by)
    return entry


@transaction.atomic
def match(*, entry: ListEntry, activity_id: UUID, by: User) -> ActivityMatch:
    """The activity serves it; again, the first time stands.

    Raises OwnMerchant, ListEntryClosed, ActivityUnknown (to that community).
    """
    entry = _locked(entry)
    sides.refuse_own(by, entry.partnership)
    if entry.closed_at is not None:
        raise errors.ListEntryClosed
    title = volunteering.source().activity_title(
        community_id=entry.community_id, activity_id=activity_id
    )
    if title is None:
        raise errors.ActivityUnknown
    made, is_new = ActivityMatch.objects.get_or_create(
        community=entry.community,
        entry=entry,
        activity_id=activity_id,
        ended_at=None,
        defaults={"matched_by": by, "activity_title": title},
    )
    if is_new:
        made.refresh_from_db(fields=["matched_at"])
        _record("list_entry.match", entry, by, activity=str(activity_id))
    return made


@transaction.atomic
def end_match(*, match: ActivityMatch, by: User) -> ActivityMatch:
    """End a match: what is verified there is on no later statement. Idempotent.

    Raises OwnMerchant.
    """
    entry = _locked(match.entry)
    sides.refuse_own(by, entry.partnership)
    match.refresh_from_db()
    if match.ended_at is None:
        match.ended_at, match.ended_by = timezone.now(), by
        match.save(update_fields=["ended_at", "ended_by"])
        _record("list_entry.end_match", entry, by, activity=str(match.activity_id))
    return match


def _locked(entry: ListEntry) -> ListEntry:
    return (
        ListEntry.objects.select_for_update(no_key=True, of=("self",))
        .select_related("partnership", "community")
        .get(pk=entry.pk)
    )


def _record(action: str, entry: ListEntry, by: User, **after: Any) -> None:
    trail.record(action, actor=by, community=entry.community, target=entry, after=after)
