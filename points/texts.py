"""Texts of notices to owners of wallets."""

from django.utils.translation import gettext_lazy as _

from backend.notices import targets
from backend.notices.kinds import Kind, register
from backend.notices.models import Channel

targets.register(
    transfer="me/transfers/{id}",
    wallet="me/wallets/{community}",
)

register(
    points_earned=Kind(
        _("You earned points"),
        _("%(community)s: %(points)s points are yours. Your statement says what for."),
        opens="transfer",
        channels=(Channel.WECHAT,),
        template="points",
    ),
    points_expiring=Kind(
        _("Your points are about to expire"),
        _(
            "%(community)s: %(points)s points expire soon. The first can be spent until"
            " %(expires_on)s, the last until %(until)s."
        ),
        opens="wallet",
        channels=(Channel.WECHAT,),
        template="points",
    ),
)
