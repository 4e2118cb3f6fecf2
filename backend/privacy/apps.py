from django.apps import AppConfig

from backend.registries import discover


class PrivacyConfig(AppConfig):
    name = "backend.privacy"

    def ready(self) -> None:
        discover("privacy")
