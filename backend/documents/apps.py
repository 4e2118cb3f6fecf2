from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "backend.documents"

    def ready(self) -> None:
        from backend.documents import services
        from backend.documents.models import Document
        from backend.outbox.kinds import Kind, register
        from backend.queues import Queue

        document = Kind(
            model=Document,
            act=services.make,
            since="asked_at",
            words=lambda asked: f"{asked.kind}.{asked.ending} · {asked.asked_by.masked_name}",
            words_from=("asked_by",),
            queue=Queue.BULK,
            holds_row=True,
            fair_by=("asked_by_id",),
            related=("community", "asked_by"),
            swept_at_most=1,
            shares_at_most=4,  # workers have other things to do as well
        )
        register("document", document)
