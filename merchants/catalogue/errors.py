"""Refusals about offers and fairs."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound


class OutOfStock(Conflict):
    code = "out_of_stock"
    title = _("This is sold out.")


class StockFull(Conflict):
    """Stock would exceed ``limit`` pieces."""

    code = "stock_full"
    title = _("There is no room for so many pieces.")


class FairNotInOrder(Invalid):
    code = "fair_not_in_order"
    title = _("A fair ends after it starts and lasts a week at most.")


class FairOver(Conflict):
    code = "fair_over"
    title = _("This fair is over.")


class FairBegun(Conflict):
    code = "fair_begun"
    title = _("This fair has begun; it can not be moved.")


class FairCancelled(Conflict):
    code = "fair_cancelled"
    title = _("This fair was cancelled.")


class FairsOverlap(Conflict):
    """Merchants named in ``merchants`` are at another fair at that time."""

    code = "fairs_overlap"
    title = _("A merchant is at another fair at that time.")


class OfferNotPriced(Conflict):
    code = "offer_not_priced"
    title = _("The merchant's contract needs a price in yuan for this offer.")


class OfferCodeTaken(Conflict):
    code = "offer_code_taken"
    title = _("The community has an offer with this code.")


class OfferCodeReserved(Invalid):
    code = "offer_code_reserved"
    title = _("Codes that begin like this are made by the system.")


class OfferIncomplete(Invalid):
    code = "offer_incomplete"
    title = _(
        "A seat has a date and nothing else does; a limit has a period; from comes before until."
    )


class OfferRaisedAlone(Conflict):
    code = "offer_raised_alone"
    title = _("One person alone raised its price; before more is put in, another confirms it.")


class OfferStatusWrong(Conflict):
    code = "offer_status_wrong"
    title = _("This is not possible in the offer's present state.")


class StaffWithdrewIt(Forbidden):
    code = "staff_withdrew_it"
    title = _("The community took this off the list; its staff put it back.")


class OwnOffer(Forbidden):
    code = "own_offer"
    title = _("Who proposed an offer does not decide on it.")


class OfferNotOnNow(Conflict):
    code = "offer_not_on_now"
    title = _("This is not on offer today.")


class NotEligible(Forbidden):
    """A condition in ``missing`` is not met: hours, stars, groups, min_age or max_age."""

    code = "not_eligible"
    title = _("This offer is for others; it says for whom.")


class LimitReached(Conflict):
    """One person took ``taken`` pieces of ``limit`` in a ``period``."""

    code = "limit_reached"
    title = _("One person may take no more of these for now.")


class OfferWithdrawn(Conflict):
    code = "offer_withdrawn"
    title = _("This is not on offer any more.")


class PointsNotAgreed(Conflict):
    code = "points_not_agreed"
    title = _("The merchant's contract is not by points: choose what is taken.")


class OfferUnknown(NotFound):
    code = "offer_unknown"
    title = _("This merchant has no such offer.")
