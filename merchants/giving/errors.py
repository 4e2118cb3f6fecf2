"""Refusals about campaigns and wishes."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid


class CampaignTitleTaken(Conflict):
    code = "campaign_title_taken"
    title = _("The community has a campaign of this name.")


class CampaignClosed(Conflict):
    code = "campaign_closed"
    title = _("This campaign takes no more points.")


class PoolTooSmall(Conflict):
    code = "pool_too_small"
    title = _("That is more than was given and is left.")


class GivenLater(Conflict):
    code = "given_later"
    title = _("What is promised is put on record when it is given.")


class WishOpenAlready(Conflict):
    code = "wish_open_already"
    title = _("You have a wish already; when it is fulfilled you may make another.")


class WishNotOpenNow(Conflict):
    code = "wish_not_open_now"
    title = _("This wish can not be fulfilled at present.")


class WishStatusWrong(Conflict):
    code = "wish_status_wrong"
    title = _("This is not possible in the wish's present status.")


class OwnWish(Forbidden):
    code = "own_wish"
    title = _("Who wishes neither decides on it nor fulfils it.")


class WishWithoutPrice(Invalid):
    code = "wish_without_price"
    title = _("A wish is published with its price in points.")


class WishNotScanned(Conflict):
    code = "wish_not_scanned"
    title = _("The shop has not scanned the voucher of this wish yet.")
