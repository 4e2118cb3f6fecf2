from django.apps import AppConfig

from backend.registries import leaving, volunteering


class VolunteersConfig(AppConfig):
    name = "volunteers"

    def ready(self) -> None:
        from volunteers.attendance import selectors
        from volunteers.attendance.services import sign_ups

        volunteering.answered_by(selectors)
        leaving.heard_by(sign_ups.end_what_runs)
