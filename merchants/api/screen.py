"""What a clerk's screen shows and sounds like: green and a chime, or a colour and what to do."""

from datetime import timedelta
from typing import Any

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from rest_framework import exceptions, serializers

from backend.errors import Refusal
from merchants import errors
from merchants.services.redemption import Scanned

GUESSES_COUNT_FOR = timedelta(hours=1)


class Colour(TextChoices):
    GREEN = "green"
    AMBER = "amber"  # nothing is lost; look again
    RED = "red"  # give nothing out


class Sound(TextChoices):
    SUCCESS = "success"
    ATTENTION = "attention"
    REFUSED = "refused"


_TO_DO: dict[type[Refusal], tuple[Colour, Sound, Promise]] = {
    errors.PayCodeExpired: (
        Colour.AMBER,
        Sound.ATTENTION,
        _("Ask the volunteer to show the code anew; it changes every minute."),
    ),
    errors.CodeUnknown: (
        Colour.AMBER,
        Sound.ATTENTION,
        _("Scan again, or type the twelve characters under the code."),
    ),
    errors.CodeTampered: (
        Colour.RED,
        Sound.REFUSED,
        _("Give nothing out; this code is none of ours."),
    ),
    errors.QuantityTooLarge: (
        Colour.AMBER,
        Sound.ATTENTION,
        _("Hand out what the voucher is for, or fewer."),
    ),
    errors.NotYourMerchant: (
        Colour.RED,
        Sound.REFUSED,
        _("Give nothing out; the voucher says which shop it is for."),
    ),
    errors.CodeUsed: (
        Colour.RED,
        Sound.REFUSED,
        _("Give nothing out; it was redeemed at the time shown."),
    ),
    errors.CodeExpired: (
        Colour.AMBER,
        Sound.ATTENTION,
        _("Ask the volunteer to take the item again; the points go back by themselves."),
    ),
    errors.CodeCancelled: (
        Colour.AMBER,
        Sound.ATTENTION,
        _("Ask the volunteer to take the item again; the points go back by themselves."),
    ),
}


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


def explained(refusal: Refusal) -> Exception:
    """The same refusal with what the screen shows: ``colour``, ``sound``, ``what_to_do``.

    Of too many guesses it is the framework's own, 429.
    """
    if isinstance(refusal, errors.TooManyGuesses):
        return exceptions.Throttled(wait=GUESSES_COUNT_FOR.total_seconds())
    if known := _TO_DO.get(type(refusal)):
        colour, sound, what_to_do = known
        facts: dict[str, Any] = {"colour": colour, "sound": sound, "what_to_do": what_to_do}
        refusal.facts |= facts
    return refusal
