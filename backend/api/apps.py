from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "backend.api"
    label = "api"

    def ready(self) -> None:
        from backend import replica
        from backend.api import (
            checks,  # noqa: F401  # they register themselves
            health,
        )

        if replica.is_configured():
            health.register("replica", replica.told)
