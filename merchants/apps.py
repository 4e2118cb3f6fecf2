from django.apps import AppConfig

from backend.registries import leaving


class MerchantsConfig(AppConfig):
    name = "merchants"

    def ready(self) -> None:
        from backend.documents.services import Kind, register
        from backend.webhooks import owners
        from merchants.giving.services import giving_back
        from merchants.settlement.services import statement_files
        from merchants.webhooks import services as webhooks

        leaving.heard_by(giving_back.give_back)
        register("statement", Kind(statement_files.seen_by, statement_files.write))
        owners.declare(webhooks.OWNERS)
