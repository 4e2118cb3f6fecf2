"""Reports by Open311: keys of systems, and requests that make a report once."""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.ids import new_id
from volunteers.reports.models.open311 import Open311Key, Open311Request
from volunteers.reports.models.reports import Source
from volunteers.reports.services import submitting

REPEATS_FOR = timedelta(hours=24)


@transaction.atomic
def make_key(*, community: Community, name: str) -> str:
    """Make a key for the system ``name``, told this once; an earlier one of that name ends."""
    theirs = Open311Key.objects.filter(community=community, name=name, ended_at=None)
    theirs.update(ended_at=timezone.now())
    secret = secrets.token_urlsafe(32)
    key = Open311Key.objects.create(community=community, name=name, digest=_keyed(secret))
    trail.record("open311_key.make", actor=None, target=key, after={"name": name})
    return secret


def key_with(*, community: Community, secret: str) -> Open311Key | None:
    """Return the key in force of that secret, None if the community has none."""
    keys = Open311Key.objects.filter(community=community, ended_at=None)
    return keys.filter(digest=_keyed(secret)).first()


@transaction.atomic
def take(
    *,
    community: Community,
    reporter: User | None,
    sender: str,
    body: Mapping[str, Any],
    facts: Mapping[str, Any],
    now: datetime | None = None,
) -> Open311Request:
    """Make a report of ``facts``, once for each ``body`` of a ``sender`` in 24 hours.

    A repeat waits for the first if that is still running, and returns it. Raises what ``submit``
    raises.
    """
    now = now or timezone.now()
    digest = _keyed("\0".join([sender, *(f"{name}\0{body[name]}" for name in sorted(body))]))
    Open311Request.objects.filter(
        community=community, digest=digest, taken_at__lte=now - REPEATS_FOR
    ).update(digest="")
    made = Open311Request(id=new_id(), community=community, digest=digest, taken_at=now)
    Open311Request.objects.bulk_create([made], ignore_conflicts=True)
    taken = Open311Request.objects.select_related("report").get(community=community, digest=digest)
    if taken.report is not None:
        return taken
    taken.report = submitting.submit(
        community=community, reporter=reporter, source=Source.OPEN311, **facts
    )
    taken.save(update_fields=["report"])
    return taken


def _keyed(text: str) -> str:
    return salted_hmac("volunteers.reports.open311", text, algorithm="sha256").hexdigest()
