"""The part of the trail that an export contains."""

from collections.abc import Iterable, Iterator
from heapq import merge
from operator import itemgetter
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models import CharField, F, Q, QuerySet, Value
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from backend.audit.models import AuditEntry, OwnAct
from backend.privacy import held

UUID_CHARACTERS = 36


def _acts(user: Any) -> Iterator[held.Row]:
    """Return the person's acts, and acts about them or theirs without saying by whom.

    Of an act on another person that person's id is left out; of all acts ``before`` and ``after``
    are, because they may hold others' ids.
    """
    about_them = Q(target_id=str(user.pk))
    for table in held.TABLES:
        if table.model is not None and "id" in table.columns:
            theirs = held.rows_of(table.model, table.whose, user)
            about_them |= Q(target_id__in=theirs.values_list(Cast("pk", CharField())))
    trails = (
        AuditEntry.objects.annotate(code=F("community__code")),
        OwnAct.objects.annotate(code=Value(None, CharField())),
    )
    found = [_shown(trail.filter(Q(actor=user) | about_them), user) for trail in trails]
    return merge(*found, key=itemgetter(0))  # oldest first


def _shown(acts: QuerySet[Any], user: Any) -> Iterator[held.Row]:
    columns = ("at", "action", "target_type", "target_id", "code", "actor_id")
    for page in held.pages(acts, *columns):
        others = _people_among(row[3] for row in page) - {str(user.pk)}
        for at, action, target_type, target_id, community, actor_id in page:
            shown_id = None if target_id in others else target_id
            yield at, action, target_type, shown_id, community, actor_id == user.pk


def _people_among(ids: Iterable[str]) -> set[str]:
    """Return those of ``ids`` that are people's."""
    uuids = {text for text in ids if len(text) == UUID_CHARACTERS}
    people = get_user_model()._default_manager.filter(pk__in=uuids)
    return {str(pk) for pk in people.values_list("pk", flat=True)}


held.table(
    "acts",
    "您做过的、以及与您有关的操作 / what you did, and what was done about you",
    "at action target_type target_id community by_me",
    AuditEntry,
    "actor",
    rows=_acts,
)
held.left_out("it stands among the acts", OwnAct, "actor")
held.titles(
    at=_("Time"),
    by_me=_("By me"),
    target_id=_("Id of the thing"),
    target_type=_("What kind of thing"),
)
