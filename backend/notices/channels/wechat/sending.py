"""Sending a notice as a WeChat subscribe message.

A worker that dies after WeChat has acted and before the quota's entry, or an answer that is lost on
its way, lets the next try send the message again: once for each time. A lost answer leaves an entry
(``unanswered``), so such repeats can be counted. Once the entry of a sent message stands, it is not
sent again, whatever becomes of the worker.
"""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from backend.notices.channels import Sender
from backend.notices.channels.wechat import quotas, templates
from backend.notices.channels.wechat.quotas import Why
from backend.notices.models import Message
from backend.outbox.kinds import Done, Failed, Later, Outcome
from backend.wechat import client
from backend.wechat.errors import (
    WeChatMessageRefused,
    WeChatNotAccepted,
    WeChatSendsAlready,
    WeChatUnanswered,
    WeChatUnavailable,
    WeChatUserAway,
)

A_MOMENT = timedelta(seconds=5)
NO_TEMPLATE = "wechat_no_template"


def is_ready() -> bool:
    """Tell whether there is a mini-program with templates."""
    return bool(settings.WECHAT_APP_ID and settings.WECHAT_TEMPLATES)


def reaches(kind: str, user_ids: Iterable[UUID]) -> set[UUID]:
    """Return those of some people who accept a message about that kind of notice."""
    template = templates.of(kind)
    return quotas.accepting(template.id, user_ids) if template else set()


def send(message: Message) -> Outcome:
    """Send a message, unless one is on its way to the person already: then a moment later.

    Whoever accepts no more has the notice in the inbox, and is skipped.
    """
    template = templates.of(message.notice.kind)
    if template is None:
        return Done(skipped_at=Now(), reason=NO_TEMPLATE)
    try:
        quota = quotas.take(message=message, template_id=template.id)
    except WeChatSendsAlready:
        return Later(A_MOMENT)
    except WeChatNotAccepted as refusal:
        return Done(skipped_at=Now(), reason=refusal.code)
    if quota is None:
        return Done(sent_at=Now())
    page, values = templates.filled(template, message)
    why = ""
    outcome: Outcome = Later(A_MOMENT)
    try:
        client.send_message(
            openid=quota.account.uid,
            template_id=template.id,
            page=page,
            values=values,
            language=message.language,
        )
        why, outcome = Why.SENT, Done(sent_at=Now())
    except WeChatSendsAlready:
        pass
    except WeChatNotAccepted as refusal:
        why, outcome = Why.REFUSED, Done(skipped_at=Now(), reason=refusal.code)
    except WeChatUserAway as refusal:
        outcome = Done(skipped_at=Now(), reason=refusal.code)
    except WeChatMessageRefused as refusal:
        wrong = f"{refusal.code} {refusal.facts['errcode']} {refusal.facts['field']}"
        outcome = Failed(wrong.strip(), for_good=True)
    except WeChatUnanswered as refusal:
        why, outcome = Why.UNANSWERED, Failed(refusal.code)
    except WeChatUnavailable as refusal:
        outcome = Failed(refusal.code)
    quotas.give_back(quota, message=message, why=why)
    return outcome


sender = Sender(is_ready=is_ready, reaches=reaches, send=send)
