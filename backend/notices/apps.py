from django.apps import AppConfig
from django.core import checks

from backend.registries import discover


class NoticesConfig(AppConfig):
    name = "backend.notices"

    def ready(self) -> None:
        from backend.notices import channels, mailboxes, services
        from backend.notices.channels import email, sms
        from backend.notices.models import Channel, Mailbox, Notice
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
        code = Kind(
            model=Mailbox,
            act=mailboxes.send_code,
            since="given_at",
            fair_by=("user_id",),
            is_ready=email.is_ready,
        )
        register("email_code", code)
        channels.register(Channel.EMAIL, email.sender)
        channels.register(Channel.SMS, sms.sender)
        checks.register(sms.check_templates)
