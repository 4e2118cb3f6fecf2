"""``manage.py migrate``, which also says if a function's file is not migrated yet."""

from typing import Any

from django.core.management.commands import migrate
from django.db.migrations.state import ModelState, ProjectState
from pgtrigger.migrations import AddTrigger

from backend.communities.management.commands.makemigrations import Autodetector


def _add_model(state: Any, model: ModelState) -> None:
    """Add a new model to the state, and leave the classes of all others as they are.

    Django makes those anew that it has a key to, and those that have one to them: as all our tables
    name a community or a person, a new database spent half its time on that. What a new key adds to
    the other side, Django adds when it makes the class of the new model.
    """
    state.models[model.app_label, model.name_lower] = model
    if state._relations is not None:
        state.resolve_model_relations((model.app_label, model.name_lower))
    if "apps" in state.__dict__:  # hasattr would make them
        state.apps.render_multiple([model])


def _append_option(state: Any, app_label: str, model_name: str, option: str, added: Any) -> None:
    """Add an index, a constraint or a trigger to a model, and leave all classes as they are.

    Django makes the model's class anew and those of all that have a key to it, though they differ
    in nothing: half of what was left of the time of a new database.
    """
    options = state.models[app_label, model_name].options
    options[option] = [*options.get(option, []), added]
    if "apps" in state.__dict__:
        setattr(state.apps.get_model(app_label, model_name)._meta, option, options[option])


def _add_trigger(operation: AddTrigger, app_label: str, state: Any) -> None:
    _append_option(state, app_label, operation.model_name, "triggers", operation.trigger)


class Command(migrate.Command):
    autodetector = Autodetector

    def handle(self, *args: Any, **options: Any) -> Any:
        ProjectState.add_model = _add_model  # type: ignore[method-assign, assignment]
        ProjectState._append_option = _append_option  # type: ignore[attr-defined]
        AddTrigger.state_forwards = _add_trigger  # type: ignore[method-assign, assignment]
        return super().handle(*args, **options)
