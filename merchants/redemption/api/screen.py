"""What a clerk's screen shows and sounds like: green and a chime, or a colour and what to do."""

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
from merchants.redemption.models.redemptions import Redemption
from merchants.redemption.services import vouchers as redemptions
from merchants.redemption.services.vouchers import Scanned
from points.ledger.errors import InsufficientPoints


class Colour(TextChoices):
    GREEN = "green"
    AMBER = "amber"  # nothing is lost; look again
    RED = "red"  # give nothing out


class Sound(TextChoices):
    SUCCESS = "success"
    ATTENTION = "attention"
    REFUSED = "refused"


# What each refusal shows. The order of colours: amber where nothing is lost and another try may do,
# red where nothing may be given out.
_TO_DO: dict[type[Refusal], tuple[Colour, Promise]] = {
    errors.PayCodeExpired: (
        Colour.AMBER,
        _("Ask the volunteer to show the code anew; it changes every minute."),
    ),
    errors.CodeUnknown: (
        Colour.AMBER,
        _("Scan again, or type the twelve characters under the code."),
    ),
    TooManyAttempts: (
        Colour.AMBER,
        _("Let a colleague scan, or try again in an hour: too many codes were unknown."),
    ),
    errors.CodeTampered: (Colour.RED, _("Give nothing out; this code is none of ours.")),
    errors.QuantityTooLarge: (Colour.AMBER, _("Hand out what the voucher is for, or fewer.")),
    errors.NotYourMerchant: (
        Colour.RED,
        _("Give nothing out; the voucher says which shop it is for."),
    ),
    errors.CodeUsed: (Colour.RED, _("Give nothing out; it was redeemed at the time shown.")),
    errors.CodeExpired: (
        Colour.AMBER,
        _("Ask the volunteer to take the item again; the points go back by themselves."),
    ),
    errors.CodeCancelled: (
        Colour.AMBER,
        _("Ask the volunteer to take the item again; the points go back by themselves."),
    ),
    errors.OwnVoucher: (Colour.RED, _("Call a colleague; nobody takes their own points.")),
    InsufficientPoints: (
        Colour.RED,
        _("Give nothing out; choose something that costs less, or fewer of it."),
    ),
    OutOfStock: (
        Colour.RED,
        _("Choose something else, or put what is on the shelf into the stock first."),
    ),
    LimitReached: (
        Colour.RED,
        _("Choose something else; one person may take no more of these for now."),
    ),
    NotEligible: (Colour.RED, _("Choose something else; this offer is for others.")),
    OfferNotOnNow: (Colour.RED, _("Choose something else; the offer says its days.")),
    OfferWithdrawn: (Colour.RED, _("Choose something that is on offer.")),
    OfferUnknown: (Colour.RED, _("Choose something that this shop offers there.")),
    PointsNotAgreed: (
        Colour.RED,
        _("Choose an offer; the contract does not say what points alone are worth."),
    ),
    GuardianConsentRequired: (
        Colour.RED,
        _("Give nothing out; a guardian has to agree in the mini-program first."),
    ),
}
_OTHERWISE = (Colour.RED, _("Give nothing out, and ask the community's staff."))
_SOUNDS = {Colour.AMBER: Sound.ATTENTION, Colour.RED: Sound.REFUSED}
# Of the code, the offer and the shop; what else a refusal tells is of the person.
_FACTS_FOR_A_CLERK = ("redeemed_at", "quantity", "needed", "limit", "period")


class ScannedSerializer(serializers.Serializer[Scanned]):
    """Enough to show in large type: the result in a word, the item with its picture, a masked name,
    the points."""

    id = serializers.UUIDField(read_only=True)
    result = serializers.SerializerMethodField()
    colour = serializers.SerializerMethodField()
    sound = serializers.SerializerMethodField()
    offer_title = serializers.CharField(read_only=True)
    picture = serializers.CharField(read_only=True, allow_null=True)
    quantity = serializers.IntegerField(read_only=True)
    price_points = serializers.IntegerField(read_only=True)
    redeemed_at = serializers.DateTimeField(read_only=True)
    volunteer = serializers.CharField(read_only=True)

    def get_result(self, scanned: Scanned) -> str:
        return str(_("Redeemed"))

    def get_colour(self, scanned: Scanned) -> Colour:
        return Colour.GREEN

    def get_sound(self, scanned: Scanned) -> Sound:
        return Sound.SUCCESS


class PaidItemSerializer(serializers.Serializer[Scanned]):
    id = serializers.UUIDField(read_only=True)
    offer_title = serializers.CharField(read_only=True)
    picture = serializers.CharField(read_only=True, allow_null=True)
    quantity = serializers.IntegerField(read_only=True)
    price_points = serializers.IntegerField(read_only=True)


class PaidSerializer(serializers.Serializer[Any]):
    """The same for several items at once: ``price_points`` is for all."""

    result = serializers.CharField(read_only=True)
    colour = serializers.ChoiceField(choices=Colour.choices, read_only=True)
    sound = serializers.ChoiceField(choices=Sound.choices, read_only=True)
    items = PaidItemSerializer(many=True, read_only=True)
    price_points = serializers.IntegerField(read_only=True)
    redeemed_at = serializers.DateTimeField(read_only=True)
    volunteer = serializers.CharField(read_only=True)


_SCREEN = ScannedSerializer()  # made once: its fields take longer to copy than to fill


def shown(scanned: Scanned) -> dict[str, Any]:
    """The answer's body."""
    return _SCREEN.to_representation(scanned)


def shown_again(request: Request, redemption: Redemption) -> dict[str, Any]:
    """Show a clerk what was redeemed before, less what was refunded since."""
    return shown(redemptions.scanned(redemption))


def shown_together(scanned: list[Scanned]) -> dict[str, Any]:
    """The answer's body for what one person paid for in one step."""
    first = scanned[0]
    return PaidSerializer(
        {
            "result": str(_("Redeemed")),
            "colour": Colour.GREEN,
            "sound": Sound.SUCCESS,
            "items": scanned,
            "price_points": sum(item.price_points for item in scanned),
            "redeemed_at": first.redeemed_at,
            "volunteer": first.volunteer,
        }
    ).data


def shown_together_again(request: Request, redeemed: list[Redemption]) -> dict[str, Any]:
    """Show a clerk what was paid for before."""
    return shown_together([redemptions.scanned(redemption) for redemption in redeemed])


def explained(refusal: Refusal) -> Refusal:
    """The same refusal with what the screen shows: ``result``, ``colour``, ``sound``,
    ``what_to_do``.
    """
    colour, what_to_do = _TO_DO.get(type(refusal), _OTHERWISE)
    facts = {
        "result": _("Not redeemed"),
        "colour": colour,
        "sound": _SOUNDS[colour],
        "what_to_do": what_to_do,
    }
    refusal.facts |= facts
    return refusal


def explained_to_clerk(refusal: Refusal) -> Refusal:
    """The same without what it tells of the person, such as how many points there are."""
    refusal.facts = {
        name: fact for name, fact in refusal.facts.items() if name in _FACTS_FOR_A_CLERK
    }
    return explained(refusal)
