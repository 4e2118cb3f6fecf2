"""Quotas of WeChat subscribe messages: a ledger of accepts, fed by WeChat's push and answers.

One accept is one message. An entry counts once by its key: of an event the moment, since WeChat
repeats what is not answered, and a person taps once at a moment; of a message its id.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.db.models import QuerySet, Sum

from backend import clocks
from backend.accounts.models import User
from backend.accounts.services.people import WECHAT
from backend.ids import new_id
from backend.notices.models import Message, WeChatQuota, WeChatQuotaEntry
from backend.wechat.errors import WeChatNotAccepted, WeChatSendsAlready

Why = WeChatQuotaEntry.Why
HEARD = POPUP, CHANGE = "subscribe_msg_popup_event", "subscribe_msg_change_event"
ACCEPTS = ("accept", "acceptWithAudio")
LEASE = timedelta(minutes=2)  # longer than the tries of one call


def accepting(template_id: str, user_ids: Iterable[UUID]) -> set[UUID]:
    """Return those of some people who accept a message of the template."""
    quotas = WeChatQuota.objects.filter(template_id=template_id, left__gt=0)
    return set(quotas.filter(account__user__in=user_ids).values_list("account__user_id", flat=True))


def left_of(user: User) -> dict[str, int]:
    """Return how many messages of each template a person still accepts."""
    quotas = _quotas_of(user.pk).values_list("template_id").annotate(Sum("left"))
    return dict(quotas.order_by())


# --- what WeChat pushes -----------------------------------------------------------------------
def hear(told: Mapping[str, Any]) -> None:
    """Enter what a person tapped or changed, of each template. Idempotent by the event's moment.

    Somebody whom we do not know, and what is not understood, changes nothing. A rejected popup
    leaves what was accepted before.
    """
    event, moment = told.get("Event"), told.get("CreateTime")
    account = SocialAccount.objects.filter(
        provider=WECHAT, uid=str(told.get("FromUserName") or "")
    ).first()
    chosen = told.get("List")
    for one in chosen if isinstance(chosen, list) else [chosen]:
        choice = one if isinstance(one, dict) else {}
        template_id, status = choice.get("TemplateId"), choice.get("SubscribeStatusString")
        if account is None or not isinstance(template_id, str) or not 0 < len(template_id) <= 64:
            continue
        key = f"{event}:{moment}"[:100]
        if event == POPUP and status in ACCEPTS:
            _enter_event(account, template_id, Why.ACCEPTED, key)
        elif event == CHANGE and status == "reject":
            _enter_event(account, template_id, Why.DECLINED, key)


@transaction.atomic
def _enter_event(account: SocialAccount, template_id: str, why: str, key: str) -> None:
    """Enter one choice in a transaction of its own: two locks would have to be taken in order."""
    quota, _ = WeChatQuota.objects.get_or_create(account=account, template_id=template_id)
    _enter(_locked(quota), why, key)


# --- sending ----------------------------------------------------------------------------------
@transaction.atomic
def take(*, message: Message, template_id: str) -> WeChatQuota | None:
    """Begin to send ``message``: nothing else is sent to its recipient until ``give_back``.

    No lock is held meanwhile, and after a crash the lease ends by itself. Returns None if it was
    sent already by a worker that could not record that. Raises WeChatSendsAlready,
    WeChatNotAccepted.
    """
    now = clocks.now()
    theirs = _quotas_of(message.notice.recipient_id).select_related("account").order_by("pk")
    quotas = list(theirs.select_for_update(no_key=True, of=("self",)))
    if any(quota.sending_until and quota.sending_until > now for quota in quotas):
        raise WeChatSendsAlready
    if WeChatQuotaEntry.objects.filter(quota__in=quotas, key=_sent(message)).exists():
        return None
    usable = (quota for quota in quotas if quota.template_id == template_id and quota.left)
    if (quota := next(usable, None)) is None:
        raise WeChatNotAccepted
    quota.sending_until = now + LEASE
    quota.save(update_fields=["sending_until"])
    return quota


@transaction.atomic
def give_back(quota: WeChatQuota, *, message: Message, why: str = "") -> None:
    """End what ``take`` began, and enter how it ended, if that says something of the quota.

    What the person accepted while WeChat was asked stays, also if WeChat then said that nothing is
    left. Does nothing if the person has left meanwhile.
    """
    locked = _locked(quota)
    if locked is None:
        return
    key = _sent(message) if why == Why.SENT else f"{why}:{new_id()}"
    if why:
        _enter(locked, why, key, at_most=quota.left)
    if locked.sending_until == quota.sending_until:
        locked.sending_until = None
        locked.save(update_fields=["sending_until"])


def _enter(quota: WeChatQuota | None, why: str, key: str, at_most: int | None = None) -> None:
    """Enter a change of a locked quota once; of what is left at most ``at_most`` is taken away."""
    if quota is None:
        return
    taken = quota.left if at_most is None else min(at_most, quota.left)
    changes = {Why.ACCEPTED: 1, Why.SENT: -min(1, taken), Why.UNANSWERED: 0}
    change = changes.get(Why(why), -taken)
    _, is_new = WeChatQuotaEntry.objects.get_or_create(
        quota=quota, key=key, defaults={"why": why, "change": change}
    )
    if is_new and change:
        quota.left += change
        quota.save(update_fields=["left"])


def _locked(quota: WeChatQuota) -> WeChatQuota | None:
    return WeChatQuota.objects.select_for_update(no_key=True).filter(pk=quota.pk).first()


def _quotas_of(user_id: UUID) -> QuerySet[WeChatQuota]:
    accounts = SocialAccount.objects.filter(provider=WECHAT, user=user_id)
    return WeChatQuota.objects.filter(account__in=accounts)


def _sent(message: Message) -> str:
    return f"sent:{message.pk}"
