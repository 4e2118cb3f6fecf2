"""Activities and shifts as something that an import planned, and may take back."""

from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from backend.events.models import Status
from backend.imports.kinds import Taken, Thing, delete, referred_to
from volunteers.activities.models import Activity, Shift


def _on_activity(taken: Taken) -> dict[UUID, str | Promise]:
    return _cancelled(Activity, taken) | referred_to(Activity, taken, besides={Shift: "shift"})


def _on_shift(taken: Taken) -> dict[UUID, str | Promise]:
    return _cancelled(Shift, taken) | referred_to(Shift, taken)


def _cancelled(model: type[Activity] | type[Shift], taken: Taken) -> dict[UUID, str | Promise]:
    planned = model._default_manager.filter(
        community=taken.community, pk__in=taken.ids, status=Status.PLANNED
    )
    changed = set(taken.ids) - set(planned.values_list("pk", flat=True))
    return dict.fromkeys(changed, _("It was changed since."))


def _undo_activities(taken: Taken) -> None:
    delete(Activity, taken.community, taken.ids)


def _undo_shifts(taken: Taken) -> None:
    delete(Shift, taken.community, taken.ids)


ACTIVITY = Thing("activity", _on_activity, _undo_activities)
SHIFT = Thing("shift", _on_shift, _undo_shifts)


# --- what was planned only to put hours into it: it goes if nothing else is in it --------------
def _nothing(taken: Taken) -> dict[UUID, str | Promise]:
    return {}


def _undo_empty_activities(taken: Taken) -> None:
    delete(Activity, taken.community, set(taken.ids) - referred_to(Activity, taken).keys())


def _undo_empty_shifts(taken: Taken) -> None:
    delete(Shift, taken.community, set(taken.ids) - referred_to(Shift, taken).keys())


ACTIVITY_OF_HOURS = Thing("activity", _nothing, _undo_empty_activities)
SHIFT_OF_HOURS = Thing("shift", _nothing, _undo_empty_shifts)
