from datetime import timedelta

from django.apps import AppConfig
from django.core import checks

from backend.registries import discover


class NoticesConfig(AppConfig):
    name = "backend.notices"

    def ready(self) -> None:
        from backend.notices import channels, delivery, mailboxes, security, words
        from backend.notices.channels import email, sms
        from backend.notices.channels.wechat import quotas, sending, templates
        from backend.notices.models import Channel, Mailbox, Message, Notice
        from backend.outbox.kinds import Kind, register
        from backend.queues import Queue
        from backend.wechat import push

        discover("texts")
        security.listen()
        notice = Kind(
            model=Notice,
            act=delivery.deliver,
            since="due_at",
            words=words.in_brief,
            words_from=("recipient",),
            acts_on_all=True,
            queue=Queue.URGENT,
            claimed_at_once=500,
            swept_at_most=5_000,
        )
        register("notice", notice)
        message = Kind(
            model=Message,
            act=delivery.send,
            since="due_at",
            words=words.message_in_brief,
            words_from=("notice__recipient",),
            fair_by=("channel",),
            related=("notice__recipient", "community"),
            lease=timedelta(minutes=2),
            claimed_at_once=5,  # each may take a channel's whole patience
            swept_at_most=500,
        )
        register("message", message)
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
        channels.register(Channel.WECHAT, sending.sender)
        checks.register(sms.check_templates)
        checks.register(templates.check_templates)
        for event in quotas.HEARD:
            push.hear(event, quotas.hear)
