"""Webhook events for merchants' own systems. Delivery is in backend/webhooks.

A row's triggers queue its event (the .sql files ending in is_told), and its facts are read when it
is first sent. So the database holds every column here final from the event on; a fact that is not
final at the event, such as a draft's status, is given with the event.
"""

from urllib.parse import urlsplit

from backend.accounts.models import User
from backend.locks import lock_by_id
from backend.webhooks.models import Delivery, Endpoint
from backend.webhooks.owners import Event, Owners
from merchants.partners.models.merchants import Merchant
from merchants.partners.services import partnerships as partners
from merchants.partners.services import telling
from merchants.redemption.models import Redemption, Refund
from merchants.settlement.models.statements import Statement

_WHERE = "community_id partnership_id "  # a partner of several communities tells them apart by it
_FIGURES = _WHERE + "statement_id=pk period_start period_end points amount_fen carried_fen "
_NUMBERED = _FIGURES + "number_year number_in_year digest"
_NO_NUMBER = {"number_year": None, "number_in_year": None, "digest": ""}

EVENTS = {
    "redemption.redeemed": Event(
        Redemption,
        _WHERE + "redemption_id=pk offer_id quantity price_points amount_fen redeemed_at=closed_at",
    ),
    "redemption.refunded": Event(
        Refund, _WHERE + "redemption_id refund_id=pk quantity points amount_fen refunded_at"
    ),
    "statement.drafted": Event(Statement, _FIGURES, status="draft", **_NO_NUMBER),
    "statement.questioned": Event(Statement, _FIGURES, status="questioned", **_NO_NUMBER),
    "statement.approved": Event(Statement, _NUMBERED, status="approved"),
    "statement.paid": Event(Statement, _NUMBERED, status="paid"),
}


def record(action: str, *, endpoint: Endpoint, by: User) -> None:
    """Record ``action`` in the audit trail of each of the merchant's communities."""
    partners.record(
        action,
        actor=by,
        merchant=Merchant.objects.get(pk=endpoint.owner_id),
        target=endpoint,
        after={"is_active": endpoint.disabled_at is None},
    )


def tell_switched_off(delivery: Delivery) -> None:
    """Queue a notice for the merchant's owners."""
    telling.tell(
        "webhook_switched_off",
        community=delivery.community,
        recipients=telling.owners_of(delivery.endpoint.owner_id),
        about=delivery.pk,
        target_id=delivery.endpoint.owner_id,
        facts={"host": urlsplit(delivery.endpoint.url).hostname},
    )


OWNERS = Owners(
    events=EVENTS,
    lock=lock_by_id,
    record=record,
    tell_switched_off=tell_switched_off,
)
