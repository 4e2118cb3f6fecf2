from django.apps import AppConfig

from backend.registries import leaving, volunteering


class VolunteersConfig(AppConfig):
    name = "volunteers"

    def ready(self) -> None:
        from volunteers.attendance import selectors
        from volunteers.people.services import people

        volunteering.answered_by(selectors)
        leaving.heard_by(people.end_what_runs)
