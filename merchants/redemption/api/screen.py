"""The clerk's screen: green and a chime, or another colour and what to do."""

from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.request import Request

from backend.accounts.errors import GuardianConsentRequired, TooManyAttempts
from backend.errors import Refusal
from merchants.catalogue.errors import (
    LimitReached,
    NotEligible,
    OfferNotOnNow,
    OfferUnknown,
    OfferWithdrawn,
    OutOfStock,
    PointsNotAgreed,
)
from merchants.redemption import errors
from merchants.redemption.models import Redemption
from merchants.redemption.services import vouchers as redemptions
from merchants.redemption.services.redeeming import Scanned
from points.ledger.errors import InsufficientPoints


class Colour(TextChoices):
    GREEN = "green"
    AMBER = "amber"  # nothing is lost; look again
    RED = "red"  # give nothing out


class Sound(TextChoices):
    SUCCESS = "success"
    ATTENTION = "attention"
    REFUSED = "refused"


# Amber: nothing is lost, and another try may work. The rest is red: give nothing out.
_AMBER = (
    errors.CodeUnknown,
    errors.CodeExpired,
    errors.CodeCancelled,
    errors.QuantityTooLarge,
    errors.PayCodeShown,
    errors.CardPinNeeded,
    errors.CardPinWrong,
    TooManyAttempts,
)
_TAKE_AGAIN = _("Ask the volunteer to take the item again; the points go back by themselves.")
_TO_DO: dict[type[Refusal], Promise] = {
    errors.PayCodeExpired: _("Ask the volunteer to show the code anew; it changes every minute."),
    errors.PayCodeShown: _("Choose what is bought, or enter points; nothing was taken yet."),
    errors.CodeUnknown: _("Scan again, or type the twelve characters under the code."),
    TooManyAttempts: _(
        "Let a colleague scan, or try again in an hour: too many codes were unknown."
    ),
    errors.CodeTampered: _("Give nothing out; this code is none of ours."),
    errors.QuantityTooLarge: _("Hand out what the voucher is for, or fewer."),
    errors.NotYourMerchant: _("Give nothing out; the voucher says which shop it is for."),
    errors.CodeUsed: _("Give nothing out; it was redeemed at the time shown."),
    errors.CodeExpired: _TAKE_AGAIN,
    errors.CodeCancelled: _TAKE_AGAIN,
    errors.OwnVoucher: _("Call a colleague; nobody takes their own points."),
    errors.CardUnknown: _("Scan the card again, or type the twelve characters on it."),
    errors.CardBlocked: _(
        "Give nothing out; the card may be lost. The community's staff issue another one."
    ),
    errors.CardPinNeeded: _("Let the volunteer type the six digits of the PIN."),
    errors.CardPinWrong: _("Let the volunteer type the PIN again; five wrong ones block the card."),
    errors.CardLimitReached: _(
        "Choose something that costs less; a card pays no more than this a day."
    ),
    errors.CardIssuer: _("Call a colleague; whoever issued a card does not take its points."),
    InsufficientPoints: _("Give nothing out; choose something that costs less, or fewer of it."),
    OutOfStock: _("Choose something else, or put what is on the shelf into the stock first."),
    LimitReached: _("Choose something else; one person may take no more of these for now."),
    NotEligible: _("Choose something else; this offer is for others."),
    OfferNotOnNow: _("Choose something else; the offer says its days."),
    OfferWithdrawn: _("Choose something that is on offer."),
    OfferUnknown: _("Choose something that this shop offers there."),
    PointsNotAgreed: _("Choose an offer; the contract does not say what points alone are worth."),
    GuardianConsentRequired: _(
        "Give nothing out; a guardian has to agree in the mini-program first."
    ),
}
_OTHERWISE = _("Give nothing out, and ask the community's staff.")
# Facts about the code, the offer and the shop; a refusal's other facts are the person's.
_FACTS_FOR_A_CLERK = (
    *("redeemed_at", "quantity", "needed", "limit", "period"),
    *("limit_points", "tries_left"),
)


class PaidItemSerializer(serializers.Serializer[Scanned]):
    id = serializers.UUIDField(read_only=True)
    offer_title = serializers.CharField(read_only=True)
    picture = serializers.CharField(read_only=True, allow_null=True)
    quantity = serializers.IntegerField(read_only=True)
    price_points = serializers.IntegerField(read_only=True)


class ScreenSerializer(serializers.Serializer[Any]):
    """A screen to show in large type: the result in a word, the points, a masked name."""

    result = serializers.CharField(read_only=True)
    colour = serializers.ChoiceField(choices=Colour.choices, read_only=True)
    sound = serializers.ChoiceField(choices=Sound.choices, read_only=True)
    price_points = serializers.IntegerField(read_only=True)
    redeemed_at = serializers.DateTimeField(read_only=True)
    volunteer = serializers.CharField(read_only=True)


class ScannedSerializer(ScreenSerializer, PaidItemSerializer):
    """One redeemed item, with its picture."""


class PaidSerializer(ScreenSerializer):
    """Several items redeemed at once; ``price_points`` is their total."""

    items = PaidItemSerializer(many=True, read_only=True)


_SCREEN = ScannedSerializer()  # made once: its fields take longer to copy than to fill


def shown(request: Request, scanned: Scanned | Redemption) -> dict[str, Any]:
    """Return the screen for a voucher redeemed just now, or earlier, less later refunds."""
    return _SCREEN.to_representation(_green() | vars(_now(scanned)))


def shown_together(request: Request, scanned: list[Any]) -> dict[str, Any]:
    """Return the screen for several vouchers that one person paid for in one step."""
    items = [_now(item) for item in scanned]
    price_points = sum(item.price_points for item in items)
    screen = _green() | vars(items[0]) | {"items": items, "price_points": price_points}
    return PaidSerializer(screen).data


def _now(scanned: Scanned | Redemption) -> Scanned:
    return redemptions.scanned(scanned) if isinstance(scanned, Redemption) else scanned


def _green() -> dict[str, Any]:
    return {"result": _("Redeemed"), "colour": Colour.GREEN, "sound": Sound.SUCCESS}


def explained(refusal: Refusal) -> Refusal:
    """Add to a refusal what the screen shows: result, colour, sound and what to do."""
    is_amber = isinstance(refusal, _AMBER)
    refusal.facts |= {
        "result": _("Not redeemed"),
        "colour": Colour.AMBER if is_amber else Colour.RED,
        "sound": Sound.ATTENTION if is_amber else Sound.REFUSED,
        "what_to_do": _TO_DO.get(type(refusal), _OTHERWISE),
    }
    return refusal


def explained_to_clerk(refusal: Refusal) -> Refusal:
    """Explain a refusal without its facts about the person, such as the points they have."""
    refusal.facts = {
        name: fact for name, fact in refusal.facts.items() if name in _FACTS_FOR_A_CLERK
    }
    return explained(refusal)
