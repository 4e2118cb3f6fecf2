"""Volunteers as something that an import wrote, and may take back."""

from typing import Any
from uuid import UUID

from django.db.models import ManyToOneRel
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.communities.models import Membership, Role
from backend.imports.kinds import Taken, Thing
from backend.notices.models import Notice
from points.ledger.selectors import holders_in
from volunteers.people.models import Volunteer
from volunteers.people.services.people import take_off_list


def _built_on(taken: Taken) -> dict[UUID, str | Promise]:
    """Tell who logged in since, or has something in the community besides being a volunteer."""
    rows = Volunteer.objects.filter(community=taken.community, pk__in=taken.ids)
    theirs = dict(rows.values_list("user", "pk"))
    people: dict[UUID, str | Promise] = {}
    for relation in User._meta.get_fields(include_hidden=True):
        if isinstance(relation, ManyToOneRel):
            people |= _in_table(relation, taken, list(theirs))
    told = _("They have points here.")
    people |= dict.fromkeys(holders_in(taken.community, theirs), told)
    came = User.objects.filter(pk__in=theirs, last_login__gt=taken.since)
    told = _("They have logged in since.")
    people |= dict.fromkeys(came.values_list("pk", flat=True), told)
    gone = set(taken.ids) - set(theirs.values())
    return {theirs[person]: told for person, told in people.items()} | dict.fromkeys(
        gone, _("It was changed since.")
    )


def _in_table(
    relation: ManyToOneRel, taken: Taken, people: list[UUID]
) -> dict[UUID, str | Promise]:
    model: Any = relation.related_model
    field = relation.field.name
    if model in (Volunteer, Notice) or not hasattr(model, "community"):
        return {}
    rows = model._default_manager.filter(community=taken.community, **{f"{field}__in": people})
    if model is Membership:
        rows = rows.exclude(role=Role.VOLUNTEER, user__in=people)
    told = _("In use elsewhere: %(what)s.") % {"what": model._meta.verbose_name}
    return dict.fromkeys(rows.values_list(field, flat=True).distinct(), told)


def _undo(taken: Taken) -> None:
    take_off_list(community=taken.community, volunteer_ids=taken.ids, taken_off_by=taken.by)


VOLUNTEER = Thing("volunteer", _built_on, _undo)
