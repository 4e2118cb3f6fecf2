"""Refusals of payouts."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, NotFound


class PayoutUnderWay(Conflict):
    code = "payout_under_way"
    title = _("This is being paid already.")


class PayoutOutsideLimits(Conflict):
    code = "payout_outside_limits"
    title = _("WeChat does not transfer such an amount at once; pay it another way.")


class PayeeNotOnWeChat(Conflict):
    code = "payee_not_on_wechat"
    title = _("Whoever is to receive this does not log in with WeChat.")


class PayoutFinished(Conflict):
    code = "payout_finished"
    title = _("This payout is finished.")


class OwnPayout(Forbidden):
    code = "own_payout"
    title = _("Whoever receives a payout neither approves nor orders it.")


class PayoutUnknown(NotFound):
    code = "payout_unknown"
    title = _("There is no such payout.")
