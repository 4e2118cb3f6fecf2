"""The app ``pgtrigger``, with which a start does not take longer by the square of our triggers."""

from django.apps import apps
from pgtrigger import apps as pgtriggers
from pgtrigger import registry


class TriggersConfig(pgtriggers.PGTriggerConfig):
    def ready(self) -> None:
        pgtriggers.register_triggers_from_meta = register
        super().ready()  # type: ignore[no-untyped-call]


def register() -> None:
    """Register the triggers of all models. Raises ValueError for two of one name.

    django-pgtrigger compares the names of each with all before it.
    """
    ours = [
        (model, trigger)
        for model in apps.get_models()
        for trigger in getattr(model._meta, "triggers", [])
    ]
    found = registry._registry
    found.data.update({trigger.get_uri(model): (model, trigger) for model, trigger in ours})
    if len(found.pg_function_names) != len(ours):
        raise ValueError("Two triggers have one name in the database.")
