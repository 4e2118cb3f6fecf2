from django.apps import AppConfig

from backend.registries import discover


class NoticesConfig(AppConfig):
    name = "backend.notices"

    def ready(self) -> None:
        from backend.notices import delivery
        from backend.notices.models import Message, Notice
        from backend.outbox.kinds import Kind, register
        from backend.queues import Queue

        discover("texts")
        security.listen()
        notice = Kind(
            model=Notice,
            act=delivery.deliver,
            since="due_at",
            acts_on_all=True,
            claimed_at_once=500,
            swept_at_most=5_000,
        )
        register("notice", notice)
        message = Kind(
            model=Message,
            act=delivery.send,
            since="due_at",
            fair_by=("channel",),
            related=("notice__recipient", "community"),
            claimed_at_once=10,
            swept_at_most=500,
        )
        register("message", message)
