from django.apps import AppConfig


class PayoutsConfig(AppConfig):
    name = "backend.payouts"

    def ready(self) -> None:
        from backend.outbox.kinds import Kind, register
        from backend.payouts import services
        from backend.payouts.models import Payout
        from backend.wechat import pay

        payout = Kind(
            model=Payout,
            act=services.advance,
            since="ordered_at",
            words=lambda payout: payout.title,
            swept_at_most=100,
            is_ready=pay.is_configured,
        )
        register("payout", payout)
