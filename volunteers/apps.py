from django.apps import AppConfig

from backend import volunteering


class VolunteersConfig(AppConfig):
    name = "volunteers"

    def ready(self) -> None:
        from volunteers import selectors

        volunteering.answered_by(selectors)
