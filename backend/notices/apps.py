from django.apps import AppConfig
from django.core import checks

from backend.registries import discover


class NoticesConfig(AppConfig):
    name = "backend.notices"

    def ready(self) -> None:
        from django.core import checks

        from backend.notices import channels, services
        from backend.notices.channels.wechat import quotas, sending, templates
        from backend.notices.models import Channel, Notice
        from backend.outbox.kinds import Kind, register
        from backend.wechat import push

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
        channels.register(Channel.WECHAT, sending.SENDER)
        checks.register(templates.check_templates)
        for event in quotas.HEARD:
            push.hear(event, quotas.hear)
