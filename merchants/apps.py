from django.apps import AppConfig


class MerchantsConfig(AppConfig):
    name = "merchants"

    def ready(self) -> None:
        from backend.documents.services import Kind, register
        from merchants.services import statement_files

        register("statement", Kind(statement_files.seen_by, statement_files.write))
