"""``manage.py migrate``, which also says if a function's file is not migrated yet."""

from typing import Any

from django.core.management.commands import migrate
from django.db.migrations.state import ModelState, ProjectState

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


class Command(migrate.Command):
    autodetector = Autodetector

    def handle(self, *args: Any, **options: Any) -> Any:
        ProjectState.add_model = _add_model  # type: ignore[method-assign, assignment]
        return super().handle(*args, **options)
