from django.apps import AppConfig

from backend.registries import discover


class PrivacyConfig(AppConfig):
    name = "backend.privacy"

    def ready(self) -> None:
        from backend.outbox.kinds import Kind, register
        from backend.privacy.models import Export
        from backend.privacy.services import exports
        from backend.queues import Queue

        discover("privacy")
        export = Kind(
            model=Export,
            act=exports.make,
            since="requested_at",
            queue=Queue.BULK,
            holds_row=True,
            fair_by=("user_id",),
            related=("user",),
            shares_at_most=100,
        )
        register("export", export)
