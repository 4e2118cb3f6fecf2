from django.apps import AppConfig
from django.db.models.signals import post_migrate

from backend.registries import homes, leaving


class CommunitiesConfig(AppConfig):
    name = "backend.communities"

    def ready(self) -> None:
        from backend.communities import fence, selectors
        from backend.communities.services import roles

        homes.found_by(selectors.home_of)
        leaving.places_by(roles.hold)
        post_migrate.connect(fence.fence_new_tables, sender=self)
