"""Reads about imports."""

from datetime import datetime, timedelta

from django.db.models import QuerySet

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.selectors import HANDLES, WATCHES_OVER, communities_where
from backend.imports.models import Import, ImportFault

KEPT_FOR = timedelta(days=7)  # a file, and what is told of its rows


def imports_of(community: Community) -> QuerySet[Import]:
    """Return the community's imports, newest first."""
    return _told(Import.objects.filter(community=community))


def imports_seen_by(user: User) -> QuerySet[Import]:
    """Return the imports of the communities whose staff, manager or auditor ``user`` is."""
    return _told(Import.objects.filter(community__in=communities_where(user, WATCHES_OVER)))


def imports_handled_by(user: User) -> QuerySet[Import]:
    """Return the imports of the communities whose staff or manager ``user`` is.

    They are those who may do by hand what a row of any kind does.
    """
    return _told(Import.objects.filter(community__in=communities_where(user, HANDLES)))


def faults_of(one: Import) -> QuerySet[ImportFault]:
    """Return what is wrong with the rows of an import, in the order of the file."""
    faults = ImportFault.objects.filter(community=one.community_id, of=one)
    return faults.order_by("number")


def files_to_remove(now: datetime) -> QuerySet[Import]:
    """Return the imports whose files were kept long enough, and that nobody works on."""
    old = Import.objects.filter(uploaded_at__lte=now - KEPT_FOR).exclude(stored_as="")
    return old.exclude(status__in=Import.UNDER_WAY).order_by("id")


def _told(imports: QuerySet[Import]) -> QuerySet[Import]:
    people = ("uploaded_by", "run_by", "taken_back_by")
    return imports.select_related("community", *people).order_by("-id")
