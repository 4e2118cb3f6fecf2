from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "backend.outbox"

    def ready(self) -> None:
        from backend.api import health
        from backend.outbox import selectors

        health.register("owed", selectors.oldest)
