from django.apps import AppConfig


class ImportsConfig(AppConfig):
    name = "backend.imports"

    def ready(self) -> None:
        from backend.imports.models import Import
        from backend.imports.services import working
        from backend.outbox.kinds import Kind, register
        from backend.queues import Queue

        owed = Kind(
            model=Import,
            act=working.work,
            since="asked_at",
            queue=Queue.BULK,
            related=("community", "uploaded_by", "run_by", "taken_back_by"),
            swept_at_most=1,
            shares_at_most=4,  # workers have other things to do as well
            waits=(5, 60, 300),  # somebody looks at the screen
            gave_up=working.gave_up,
        )
        register(working.OWED, owed)
