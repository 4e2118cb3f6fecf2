"""Conditions of an offer: who may take it, and when."""

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import F, Sum

from backend.accounts import ages
from backend.accounts.models import User
from backend.communities.models import Community
from backend.registries import volunteering
from merchants.catalogue import errors
from merchants.catalogue.models import Offer
from merchants.redemption.errors import CardLimitReached
from merchants.redemption.models import Card, Redemption


def check_open(offer: Offer, moment: datetime) -> None:
    """Raise OfferNotOnNow if ``moment`` is outside the offer's days, or its event has begun."""
    day = moment.astimezone(offer.community.clock).date()
    if (
        (offer.valid_from is not None and day < offer.valid_from)
        or (offer.valid_until is not None and day > offer.valid_until)
        or (offer.starts_at is not None and moment >= offer.starts_at)
    ):
        raise errors.OfferNotOnNow


def check_eligible(offer: Offer, volunteer: User, moment: datetime) -> None:
    """Check the volunteer's hours, stars, group and age at ``moment``; an unknown age fails.

    Raises NotEligible with every condition that is ``missing``.
    """
    missing: dict[str, Any] = {}
    if offer.min_hours or offer.min_stars or offer.groups:
        standing = volunteering.source().standing(
            community_id=offer.community_id, user_id=volunteer.pk
        ) or volunteering.Standing(kind="", minutes=0, stars=0)
        if standing.minutes < offer.min_hours * 60:
            missing["hours"] = offer.min_hours
        if standing.stars < offer.min_stars:
            missing["stars"] = offer.min_stars
        if offer.groups and standing.kind not in offer.groups:
            missing["groups"] = offer.groups
    born_on, today = volunteer.born_on, moment.astimezone(ages.CLOCK).date()
    if offer.min_age is not None and (
        born_on is None or born_on > ages.years_before(offer.min_age, today)
    ):
        missing["min_age"] = offer.min_age
    if offer.max_age is not None and (
        born_on is None or born_on <= ages.years_before(offer.max_age + 1, today)
    ):
        missing["max_age"] = offer.max_age
    if missing:
        raise errors.NotEligible(missing=missing)


def check_limit(offer: Offer, volunteer: User, quantity: int, moment: datetime) -> None:
    """Raise LimitReached if the pieces taken in the period, less refunds, would exceed the limit.

    The caller holds the lock of the volunteer's wallet, so that two phones of one person queue.
    """
    if offer.limit_quantity is None or offer.limit_period is None:
        return
    clock = offer.community.clock
    since = datetime.combine(
        period_start(offer.limit_period, moment.astimezone(clock).date()), time(), tzinfo=clock
    )
    taken = Redemption.objects.filter(
        community_id=offer.community_id,
        volunteer=volunteer,
        offer=offer,
        status__in=[Redemption.Status.HELD, Redemption.Status.REDEEMED],
        taken_at__gte=since,
    ).aggregate(quantity=Sum(F("quantity") - F("refunded_quantity")))["quantity"]
    if (taken or 0) + quantity > offer.limit_quantity:
        raise errors.LimitReached(
            limit=offer.limit_quantity, period=offer.limit_period, taken=taken or 0
        )


def check_card(card: Card, moment: datetime) -> None:
    """Raise CardLimitReached if cards of the volunteer paid more on the day than the limit.

    What is being paid counts as taken by now; refunds are deducted. All cards of a volunteer count,
    so another card is no new limit. The caller holds the lock of the wallet, so that counters
    queue.
    """
    place = Community.objects.only("timezone", "card_limit_points").get(pk=card.community_id)
    day = moment.astimezone(place.clock).date()
    paid = Redemption.objects.filter(
        community_id=card.community_id,
        volunteer=card.volunteer_id,
        card__isnull=False,
        status__in=[Redemption.Status.HELD, Redemption.Status.REDEEMED],
        taken_at__gte=datetime.combine(day, time(), tzinfo=place.clock),
    ).aggregate(
        points=Sum(F("price_points") * (F("quantity") - F("refunded_quantity")) / F("quantity"))
    )["points"]
    if (paid or 0) > place.card_limit_points:
        raise CardLimitReached(limit_points=place.card_limit_points)


def period_start(period: str, day: date) -> date:
    """Return the first day of the period that contains ``day``."""
    starts = {
        Offer.Period.DAY: day,
        Offer.Period.WEEK: day - timedelta(days=day.weekday()),
        Offer.Period.MONTH: day.replace(day=1),
        Offer.Period.YEAR: day.replace(month=1, day=1),
    }
    # For ever: with a day's room for clocks east of Greenwich.
    return starts.get(Offer.Period(period), date(1, 1, 2))
