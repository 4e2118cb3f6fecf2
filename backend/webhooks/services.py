"""Webhooks to owners' own systems: signed, in order for each object, retried until they arrive.

Delivery is at least once: a receiver recognises a repeat by its ``webhook-id``. Source: the
Standard Webhooks specification.
"""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from backend.accounts import vault
from backend.accounts.models import User
from backend.communities.selectors import tenants_here
from backend.errors import Refusal
from backend.locks import locked
from backend.outbox import services as outbox
from backend.outbox.kinds import Done, Failed
from backend.webhooks import addresses, owners, queue, selectors, sending, signing
from backend.webhooks.errors import TooManyWebhooks, WebhookKnown
from backend.webhooks.models import Delivery, Endpoint, Silence

ENDPOINTS_AT_MOST = 5  # that are switched on
OVERLAP = timedelta(hours=24)  # in which an old secret signs beside the new
OLD_SECRETS_AT_MOST = 9  # a header has only so much room
KEEP = timedelta(days=90)  # the trigger delivery_stays lets go of nothing sooner
BATCH = 5_000  # rows a statement; keeps each transaction short
PING = "ping"
GONE = "gone"  # why an event is given up that nothing is left to be told of


# --- the owner's side -------------------------------------------------------------------------
@transaction.atomic
def create(*, owner_id: UUID, url: str, by: User) -> tuple[Endpoint, str]:
    """Make an endpoint of ``url``. Returns it and its secret, which can be read until it was used.

    Raises WebhookUrlRefused, WebhookHostUnknown, WebhookAddressRefused, WebhookKnown,
    TooManyWebhooks.
    """
    addresses.checked(url, allowed=settings.WEBHOOK_ALLOWED)
    owners.declared().lock(owner_id)
    if selectors.endpoints_of(owner_id).filter(url=url).exists():
        raise WebhookKnown
    _refuse_too_many(owner_id)
    secret = signing.new_secret()
    endpoint = Endpoint.objects.create(
        owner_id=owner_id, url=url, secret_encrypted=vault.encrypt(secret), made_by=by
    )
    endpoint.refresh_from_db(fields=["made_at"])  # the database's own time
    _record("webhook.create", endpoint, by)
    return endpoint, secret


@transaction.atomic
def rotate_secret(*, endpoint: Endpoint, by: User) -> tuple[Endpoint, str]:
    """Make a new secret. Each earlier one signs beside it until 24 hours after it was replaced.

    Several made within a day all sign, since nobody knows which one the receiver has.
    """
    endpoint = locked(endpoint)
    secret, now = signing.new_secret(), timezone.now()
    old = {endpoint.secret: (now + OVERLAP).isoformat()} | endpoint.old_secrets(now)
    newest = dict(list(old.items())[:OLD_SECRETS_AT_MOST])
    endpoint.old_secrets_encrypted = vault.encrypt(json.dumps(newest))
    endpoint.secret_encrypted, endpoint.secret_confirmed_at = vault.encrypt(secret), None
    changed = ["secret_encrypted", "old_secrets_encrypted", "secret_confirmed_at"]
    endpoint.save(update_fields=changed)
    _record("webhook.rotate_secret", endpoint, by)
    return endpoint, secret


@transaction.atomic
def switch(*, endpoint: Endpoint, is_active: bool, by: User) -> Endpoint:
    """Switch an endpoint off or on. Events while it is off are not owed to it.

    Idempotent: keeps the first ``disabled_at``. Raises TooManyWebhooks.
    """
    # The owner first, as when one is made: only so many are on.
    owners.declared().lock(endpoint.owner_id)
    endpoint = locked(endpoint)
    if (endpoint.disabled_at is None) != is_active:
        if is_active:
            _refuse_too_many(endpoint.owner_id)
        endpoint.disabled_at = None if is_active else timezone.now()
        endpoint.disabled_reason = "" if is_active else "owner"
        endpoint.save(update_fields=["disabled_at", "disabled_reason"])
        Silence.objects.filter(endpoint=endpoint).delete()
        _record("webhook.switch", endpoint, by)
    return endpoint


@transaction.atomic
def ping(*, endpoint: Endpoint, community_id: UUID) -> Delivery:
    """Owe the endpoint a ping, recorded in a community of the owner's.

    A ping is delivered like other events, and ends the wait after a silence.
    """
    now = timezone.now()
    Silence.objects.filter(endpoint=endpoint).update(until_at=now)
    delivery = Delivery.objects.create(
        community_id=community_id,
        endpoint=endpoint,
        event=PING,
        object_id=endpoint.pk,
        ordering_id=endpoint.pk,
        happened_at=now,
        next_at=now,
    )
    return queue.here(delivery).get()  # with the database's own defaults


@transaction.atomic
def redeliver(*, delivery: Delivery) -> Delivery:
    """Send a delivery once more, with its id and body, from the first try on."""
    outbox.owe_anew("webhook", queue.here(delivery))
    return queue.here(delivery).get()


@transaction.atomic
def redeliver_since(*, endpoint: Endpoint, since: datetime) -> int:
    """Redeliver every event that happened since ``since``. Returns the count."""
    told = selectors.deliveries_to(endpoint).filter(happened_at__gte=since).order_by()
    communities = told.values_list("community_id", flat=True).distinct()
    return sum(outbox.owe_anew("webhook", told.filter(community=one)) for one in communities)


# --- sending ----------------------------------------------------------------------------------
def deliver(delivery: Delivery) -> Done | Failed:
    """Send a delivery to its endpoint, which is asked without a lock."""
    body = _body_of(delivery)
    if body is None:
        return Failed(GONE, for_good=True)
    endpoint = delivery.endpoint
    secrets_in_use = [endpoint.secret, *endpoint.old_secrets(timezone.now())]
    http_status, reason = _send(delivery, body, secrets_in_use)
    queue.heed_silence(delivery, is_silent=http_status is None)
    if http_status is None or not 200 <= http_status < 300:
        return Failed(reason, http_status=http_status)
    if secrets_in_use == [endpoint.secret] and not endpoint.secret_confirmed_at:
        # Unless it was replaced while the receiver was asked.
        Endpoint.objects.filter(pk=endpoint.pk, secret_encrypted=endpoint.secret_encrypted).update(
            secret_confirmed_at=timezone.now()
        )
    return Done(
        status=Delivery.Status.DELIVERED, delivered_at=timezone.now(), http_status=http_status
    )


def give_up(delivery: Delivery) -> None:
    """Record that a delivery failed; switch its endpoint off if nothing else arrived there."""
    queue.here(delivery).update(status=Delivery.Status.FAILED)
    if delivery.reason != GONE:
        _switch_off_what_fails(delivery)


def forget_old() -> int:
    """Delete deliveries of events 90 days ago that are not pending. Returns the count."""
    forgotten = 0
    for community in tenants_here():
        here = Delivery.objects.filter(community=community)
        # By the database's clock, as the trigger has it.
        old = here.filter(happened_at__lt=Now() - KEEP).exclude(status=Delivery.Status.PENDING)
        deleted = BATCH
        while deleted == BATCH:
            batch = old.order_by("happened_at").values("pk")[:BATCH]
            deleted, _ = here.filter(pk__in=batch).delete()
            forgotten += deleted
    return forgotten


def _body_of(delivery: Delivery) -> str | None:
    """Return the body, made at the first try and kept; None if its row is gone."""
    if delivery.body:
        return delivery.body
    data: dict[str, Any] | None = {}
    if delivery.event != PING:
        event = owners.declared().events.get(delivery.event)
        where = {"community_id": delivery.community_id, "object_id": delivery.object_id}
        data = event.tell(**where) if event else None
    if data is None:
        return None
    told = {"type": delivery.event, "timestamp": delivery.happened_at, "data": data}
    body = json.dumps(told, ensure_ascii=False, default=_written)
    if queue.here(delivery).filter(body="").update(body=body):
        return body
    return queue.here(delivery).values_list("body", flat=True).get()  # another worker's


def _written(fact: Any) -> str:
    """Return moments and days in ISO 8601, ids as text."""
    return str(fact.isoformat() if hasattr(fact, "isoformat") else fact)


def _send(delivery: Delivery, body: str, secrets_in_use: list[str]) -> tuple[int | None, str]:
    """Send the body. Returns HTTP's status, or None and the reason."""
    headers = signing.headers(str(delivery.pk), timezone.now(), body, secrets_in_use)
    try:
        # Resolved each time: the name may mean another machine by now.
        target = addresses.checked(delivery.endpoint.url, allowed=settings.WEBHOOK_ALLOWED)
        seconds = settings.WEBHOOK_TIMEOUT_SECONDS
        return sending.post(target=target, headers=headers, body=body.encode(), seconds=seconds), ""
    except Refusal as refusal:
        return None, refusal.code
    except sending.NoAnswer as error:
        return None, str(error)


def _switch_off_what_fails(delivery: Delivery) -> None:
    """Switch the endpoint off if nothing arrived there in all the time of all attempts."""
    arrived = Delivery.objects.filter(
        endpoint=delivery.endpoint, delivered_at__gte=delivery.happened_at
    )
    if not arrived.exists():
        still_on = Endpoint.objects.filter(pk=delivery.endpoint_id, disabled_at__isnull=True)
        if still_on.update(disabled_at=timezone.now(), disabled_reason="failing"):
            owners.declared().tell_switched_off(delivery)


# --- endpoints --------------------------------------------------------------------------------
def _refuse_too_many(owner_id: UUID) -> None:
    """Raise TooManyWebhooks if no more may be on. The caller has locked the owner's row."""
    on = selectors.endpoints_of(owner_id).filter(disabled_at__isnull=True)
    if on.count() >= ENDPOINTS_AT_MOST:
        raise TooManyWebhooks(most=ENDPOINTS_AT_MOST)


def _record(action: str, endpoint: Endpoint, by: User) -> None:
    owners.declared().record(action, endpoint=endpoint, by=by)
