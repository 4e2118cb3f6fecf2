from django.apps import AppConfig


class VerificationConfig(AppConfig):
    name = "backend.verification"

    def ready(self) -> None:
        from backend.outbox.kinds import Kind, register
        from backend.queues import Queue
        from backend.verification.models import Verification
        from backend.verification.services import running

        verification = Kind(
            model=Verification,
            act=running.run,
            since="asked_at",
            words=Verification.get_kind_display,
            queue=Queue.BULK,
            related=("community",),
            swept_at_most=1,
            shares_at_most=4,  # workers have other things to do as well
            gave_up=running.gave_up,
        )
        register(running.OWED, verification)
