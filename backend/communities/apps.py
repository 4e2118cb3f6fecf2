from django.apps import AppConfig

from backend.registries import leaving


class CommunitiesConfig(AppConfig):
    name = "backend.communities"

    def ready(self) -> None:
        from backend.communities.services import roles

        leaving.places_by(roles.hold)
