from django.apps import AppConfig

from backend.registries import discover


class NoticesConfig(AppConfig):
    name = "backend.notices"

    def ready(self) -> None:
        discover("texts")
