from django.apps import AppConfig


class ClockworkConfig(AppConfig):
    name = "backend.clockwork"

    def ready(self) -> None:
        from backend.api import health
        from backend.clockwork import selectors

        health.register("late", selectors.late_since)
