from django.apps import AppConfig


class PeopleConfig(AppConfig):
    name = "backend.people"

    def ready(self) -> None:
        from backend.people.services import merges
        from backend.registries import merging

        merging.register(finds=merges.conflicts)
