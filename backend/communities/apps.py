from django.apps import AppConfig

from backend.registries import homes, leaving


class CommunitiesConfig(AppConfig):
    name = "backend.communities"

    def ready(self) -> None:
        from backend.communities import selectors
        from backend.communities.services import roles

        homes.found_by(selectors.home_of)
        leaving.places_by(roles.hold)
