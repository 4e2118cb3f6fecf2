"""Notices about payouts."""

from django.utils.translation import gettext_lazy as _

from backend.notices import targets
from backend.notices.kinds import Kind, register
from backend.notices.models import Channel

targets.register(payout="payouts/{id}")

register(
    payout_waiting=Kind(
        _("Confirm your money in WeChat"),
        _("%(community)s sends you %(yuan)s yuan. Not confirmed within a day, it goes back."),
        opens="payout",
        channels=(Channel.WECHAT,),
        template="payout",
        is_required=True,
    ),
    payout_failed=Kind(
        _("A payout failed"),
        _("%(title)s: %(reason)s. It is still to be paid."),
        opens="payout",
        channels=(Channel.EMAIL,),
        is_required=True,
    ),
    payout_differs=Kind(
        _("A payout differs from WeChat's record"),
        _("%(title)s: %(difference)s. Compare it with the merchant platform."),
        opens="payout",
        channels=(Channel.EMAIL,),
        is_required=True,
    ),
    payout_unclear=Kind(
        _("A payout needs you"),
        _(
            "%(title)s: WeChat has not told for an hour how it ended (%(reason)s). Look it up at"
            " the merchant platform; do not pay it another way yet. You can cancel it; if WeChat"
            " does not know it, it is then closed a day later."
        ),
        opens="payout",
        channels=(Channel.EMAIL,),
        is_required=True,
    ),
)
