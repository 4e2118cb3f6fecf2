from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "backend.api"
    label = "api"

    def ready(self) -> None:
        # The checks register themselves; the tasks of all apps belong to this Celery application.
        from backend import celery  # noqa: F401
        from backend.api import checks  # noqa: F401
