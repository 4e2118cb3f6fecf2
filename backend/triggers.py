"""The app ``pgtrigger``, with which a start does not take longer by the square of our triggers."""

from django.apps import apps
from django.db.models.signals import post_migrate
from pgtrigger import registry
from pgtrigger.apps import (
    PGTriggerConfig,
    install_on_migrate,
    patch_migrations,
    patch_schema_editor,
)


class TriggersConfig(PGTriggerConfig):
    def ready(self) -> None:
        """Do what the app does, but compare all names of triggers once, not one with all others."""
        patch_migrations()  # type: ignore[no-untyped-call]
        patch_schema_editor()  # type: ignore[no-untyped-call]
        found = registry._registry
        for model in apps.get_models():
            for trigger in getattr(model._meta, "triggers", []):
                found.data[trigger.get_uri(model)] = model, trigger
        if len(found.pg_function_names) != len(found):
            raise ValueError("Two triggers have one name in the database.")
        post_migrate.connect(install_on_migrate, sender=self)
