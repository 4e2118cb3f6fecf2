"""Telling merchants' own systems: signed, in order for each object, again until it arrives.

At least once: who is told twice knows it by the same ``webhook-id``. What is owed the database's
triggers write. Source: the Standard Webhooks specification.
"""

import json
from datetime import datetime, timedelta
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import Now, RowNumber
from django.utils import timezone

from backend.accounts import vault
from backend.accounts.models import User
from backend.communities.selectors import tenants
from backend.errors import Refusal
from backend.webhooks import addresses, schedule, sending, signing
from merchants.partners import errors, selectors
from merchants.partners.models.merchants import Merchant
from merchants.partners.models.webhooks import WebhookDelivery, WebhookEndpoint
from merchants.partners.services import partnerships as partners
from merchants.partners.services import telling

ENDPOINTS_AT_MOST = 5  # that are switched on
SWEPT_AT_MOST = 10  # of one endpoint at once: workers are there for others too
OVERLAP = timedelta(hours=24)  # in which an old secret signs beside the new
OLD_SECRETS_AT_MOST = 9  # a header has only so much room
KEEP = timedelta(days=90)  # the trigger webhook_stays lets go of nothing sooner
BATCH = 5_000  # rows a statement; keeps each transaction short
LEASE = timedelta(minutes=1)  # longer than one try takes
State = WebhookDelivery.State


@transaction.atomic
def register(*, merchant: Merchant, url: str, by: User) -> tuple[WebhookEndpoint, str]:
    """An address that is told from now on, and its secret, readable until it has been used.

    Raises WebhookUrlRefused, WebhookHostUnknown, WebhookAddressRefused, WebhookKnown,
    TooManyWebhooks.
    """
    addresses.checked(url, allowed=settings.WEBHOOK_ALLOWED)
    Merchant.objects.select_for_update(no_key=True).get(pk=merchant.pk)
    if merchant.webhooks.filter(url=url).exists():
        raise errors.WebhookKnown
    _refuse_too_many(merchant)
    secret = signing.new_secret()
    endpoint = WebhookEndpoint.objects.create(
        merchant=merchant, url=url, secret_encrypted=vault.encrypt(secret), made_by=by
    )
    endpoint.refresh_from_db(fields=["made_at"])  # the database's own time
    _record("webhook.register", endpoint, by)
    return endpoint, secret


@transaction.atomic
def renew_secret(*, endpoint: WebhookEndpoint, by: User) -> tuple[WebhookEndpoint, str]:
    """Another secret; each one before signs beside it until 24 hours after it was replaced.

    Also where several are renewed within a day: nobody knows which of them the receiver has.
    """
    endpoint = _locked(endpoint)
    secret, now = signing.new_secret(), timezone.now()
    old = {endpoint.secret: (now + OVERLAP).isoformat()} | endpoint.old_secrets(now)
    newest = dict(list(old.items())[:OLD_SECRETS_AT_MOST])
    endpoint.old_secrets_encrypted = vault.encrypt(json.dumps(newest))
    endpoint.secret_encrypted = vault.encrypt(secret)
    endpoint.secret_confirmed_at = None
    endpoint.save(
        update_fields=["secret_encrypted", "old_secrets_encrypted", "secret_confirmed_at"]
    )
    _record("webhook.renew_secret", endpoint, by)
    return endpoint, secret


@transaction.atomic
def set_active(*, endpoint: WebhookEndpoint, is_active: bool, by: User) -> WebhookEndpoint:
    """Switch it off, or on again; what happens while it is off is not owed to it.

    Raises TooManyWebhooks.
    """
    # The merchant first, as when one is registered: only so many are on.
    merchant = Merchant.objects.select_for_update(no_key=True).get(pk=endpoint.merchant_id)
    endpoint = _locked(endpoint)
    if (endpoint.disabled_at is None) != is_active:
        if is_active:
            _refuse_too_many(merchant)
        endpoint.disabled_at = None if is_active else timezone.now()
        endpoint.disabled_because = "" if is_active else "owner"
        endpoint.silences, endpoint.silent_until = 0, None
        endpoint.save(update_fields=["disabled_at", "disabled_because", "silences", "silent_until"])
        _record("webhook.switch", endpoint, by)
    return endpoint


@transaction.atomic
def ping(*, endpoint: WebhookEndpoint) -> WebhookDelivery:
    """Something to try it with, delivered like all others, also to who gave no answer lately."""
    now = timezone.now()
    WebhookEndpoint.objects.filter(pk=endpoint.pk).update(silent_until=None)
    return WebhookDelivery.objects.create(
        community_id=selectors.first_community_of(endpoint.merchant_id),
        endpoint=endpoint,
        event="ping",
        object_id=endpoint.pk,
        data={},
        happened_at=now,
        next_at=now,
    )


@transaction.atomic
def repeat(*, delivery: WebhookDelivery) -> WebhookDelivery:
    """Send it once more, with the same id, from the first attempt on."""
    _to_be_sent(WebhookDelivery.objects.filter(pk=delivery.pk))
    delivery.refresh_from_db()
    return delivery


@transaction.atomic
def repeat_since(*, endpoint: WebhookEndpoint, since: datetime) -> int:
    """The same for all that happened since; how many."""
    return _to_be_sent(endpoint.deliveries.filter(happened_at__gte=since))


def deliver(*, delivery_id: UUID) -> None:
    """Try one that is due; harmless to repeat. Nothing is locked while the receiver is asked."""
    delivery = _claim(delivery_id)
    if delivery is None:
        return
    endpoint = delivery.endpoint
    secrets_in_use = [endpoint.secret, *endpoint.old_secrets(timezone.now())]
    status, trouble = _send(delivery, secrets_in_use)
    is_taken = status is not None and 200 <= status < 300
    wait = schedule.wait_after(delivery.attempts, delivery.pk)
    now = timezone.now()
    with transaction.atomic():
        still = WebhookDelivery.objects.filter(
            pk=delivery.pk, state=State.PENDING, attempts=delivery.attempts
        )
        if is_taken:
            still.update(state=State.DELIVERED, last_status=status, trouble="", delivered_at=now)
            if secrets_in_use == [endpoint.secret] and endpoint.secret_confirmed_at is None:
                # Unless it was renewed while the receiver was asked.
                WebhookEndpoint.objects.filter(
                    pk=endpoint.pk, secret_encrypted=endpoint.secret_encrypted
                ).update(secret_confirmed_at=now)
        elif wait is not None:
            still.update(last_status=status, trouble=trouble, next_at=now + wait)
        else:
            still.update(state=State.FAILED, last_status=status, trouble=trouble)
            _switch_off_what_fails(delivery)
        _heed_silence(delivery, is_silent=status is None)


def forget_old() -> int:
    """Delete what happened 90 days ago and is not to be sent any more; how many."""
    forgotten = 0
    for community in tenants():
        old = WebhookDelivery.objects.filter(
            # By the database's clock, as the trigger has it.
            community=community,
            happened_at__lt=Now() - KEEP,
        ).exclude(state=State.PENDING)
        deleted = BATCH
        while deleted == BATCH:
            batch = old.order_by("happened_at").values("pk")[:BATCH]
            deleted, _ = WebhookDelivery.objects.filter(pk__in=batch).delete()
            forgotten += deleted
    return forgotten


def due() -> QuerySet[WebhookDelivery]:
    """What may be sent now: of one object the earliest alone, to nobody who is switched off, or
    gave no answer and is left alone for a while."""
    earlier = WebhookDelivery.objects.filter(
        community=OuterRef("community"),
        endpoint=OuterRef("endpoint"),
        object_id=OuterRef("object_id"),
        state=State.PENDING,
        happened_at__lt=OuterRef("happened_at"),
    )
    return WebhookDelivery.objects.filter(
        ~Exists(earlier),
        _not_silent("endpoint__"),
        state=State.PENDING,
        next_at__lte=timezone.now(),
        endpoint__disabled_at__isnull=True,
    )


def to_sweep() -> QuerySet[WebhookDelivery]:
    """What is due, of each endpoint the earliest few, so that none fills the queue."""
    of_its_endpoint = Window(
        RowNumber(), partition_by=F("endpoint"), order_by=[F("happened_at"), F("id")]
    )
    return due().alias(place=of_its_endpoint).filter(place__lte=SWEPT_AT_MOST).order_by("next_at")


def _claim(delivery_id: UUID) -> WebhookDelivery | None:
    """It is ours for a minute; ``None`` if it is not due, or somebody else's.

    Who gave no answer the last time is asked by one worker at a time.
    """
    with transaction.atomic():
        delivery = (
            due()
            .select_for_update(no_key=True, of=("self",), skip_locked=True)
            .select_related("endpoint")
            .filter(pk=delivery_id)
            .first()
        )
        if delivery is None:
            return None
        until = timezone.now() + LEASE
        if delivery.endpoint.silences:
            asked = WebhookEndpoint.objects.filter(_not_silent(), pk=delivery.endpoint_id)
            if not asked.update(silent_until=until):
                return None
        delivery.attempts += 1
        delivery.next_at = until
        delivery.save(update_fields=["attempts", "next_at"])
        return delivery


def _not_silent(path: str = "") -> Q:
    """Of endpoints, or of what ``path`` leads to one from."""
    return Q(**{f"{path}silent_until__isnull": True}) | Q(
        **{f"{path}silent_until__lte": timezone.now()}
    )


def _send(delivery: WebhookDelivery, secrets_in_use: list[str]) -> tuple[int | None, str]:
    """HTTP's status, or why there is none."""
    endpoint, now = delivery.endpoint, timezone.now()
    body = json.dumps(
        {
            "type": delivery.event,
            "timestamp": delivery.happened_at.isoformat(),
            "data": delivery.data,
        },
        ensure_ascii=False,
    ).encode()
    headers = signing.headers(
        message_id=str(delivery.pk),
        sent_at=int(now.timestamp()),
        body=body,
        secrets_in_use=secrets_in_use,
    )
    try:
        # Looked up anew each time: a name may mean another machine by now.
        target = addresses.checked(endpoint.url, allowed=settings.WEBHOOK_ALLOWED)
        seconds = settings.WEBHOOK_TIMEOUT_SECONDS
        return sending.post(target=target, headers=headers, body=body, seconds=seconds), ""
    except Refusal as refusal:
        return None, refusal.code[:40]
    except sending.NoAnswer as error:
        return None, str(error)[:40]


def _heed_silence(delivery: WebhookDelivery, *, is_silent: bool) -> None:
    """Who gave no answer is left alone, longer each time; who gave one, whatever it says, is not.

    Of those that were asked at the same time one counts: that was one silence.
    """
    asked = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id)
    if is_silent:
        silences = delivery.endpoint.silences + 1
        asked.filter(silences=silences - 1).update(
            silences=silences,
            silent_until=timezone.now() + schedule.silence_after(silences, delivery.pk),
        )
    else:
        asked.filter(silences__gt=0).update(silences=0, silent_until=None)


def _switch_off_what_fails(delivery: WebhookDelivery) -> None:
    """Given up after all attempts, and nothing else arrived meanwhile: nobody is there."""
    arrived = WebhookDelivery.objects.filter(
        endpoint=delivery.endpoint, delivered_at__gte=delivery.happened_at
    )
    if not arrived.exists():
        still_on = WebhookEndpoint.objects.filter(pk=delivery.endpoint_id, disabled_at__isnull=True)
        if still_on.update(disabled_at=timezone.now(), disabled_because="failing"):
            telling.tell(
                "webhook_switched_off",
                community=delivery.community,
                recipients=telling.owners_of(delivery.endpoint.merchant_id),
                about=delivery.pk,
                facts={"host": urlsplit(delivery.endpoint.url).hostname},
            )


def _refuse_too_many(merchant: Merchant) -> None:
    """Whoever calls it holds the merchant's row."""
    if merchant.webhooks.filter(disabled_at__isnull=True).count() >= ENDPOINTS_AT_MOST:
        raise errors.TooManyWebhooks(most=ENDPOINTS_AT_MOST)


def _to_be_sent(deliveries: QuerySet[WebhookDelivery]) -> int:
    return deliveries.update(
        state=State.PENDING, attempts=0, next_at=timezone.now(), delivered_at=None
    )


def _locked(endpoint: WebhookEndpoint) -> WebhookEndpoint:
    return (
        WebhookEndpoint.objects.select_for_update(no_key=True, of=("self",))
        .select_related("merchant")
        .get(pk=endpoint.pk)
    )


def _record(action: str, endpoint: WebhookEndpoint, by: User) -> None:
    partners.record(
        action,
        actor=by,
        merchant=endpoint.merchant,
        target=endpoint,
        after={"is_active": endpoint.disabled_at is None},
    )
