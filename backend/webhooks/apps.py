from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "backend.webhooks"

    def ready(self) -> None:
        from backend.outbox.kinds import Kind, register
        from backend.webhooks import queue, services
        from backend.webhooks.models import Delivery

        webhook = Kind(
            model=Delivery,
            act=services.deliver,
            since="happened_at",
            words=lambda told: f"{told.event} → {told.endpoint}",
            words_from=("endpoint",),
            fair_by=("endpoint_id",),
            related=("endpoint",),
            lease=queue.LEASE,
            among=queue.in_turn,
            admits=queue.admits,
            gave_up=services.give_up,
            anew={"status": Delivery.Status.PENDING, "delivered_at": None},
        )
        register("webhook", webhook)
