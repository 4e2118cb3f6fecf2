"""Notices to merchants and to people who deal with them."""

from django.utils.translation import gettext_lazy as _

from backend.notices import targets
from backend.notices.kinds import Kind, register
from backend.notices.models import Channel

targets.register(
    fair="fairs/{id}",
    my_cards="me/cards",
    my_voucher="me/vouchers/{id}",
    my_wish="me/wishes/{id}",
    partnership="partnerships/{id}",
    redemptions="merchants/{id}/redemptions",
    statement="statements/{id}",
    webhooks="merchants/{id}/webhooks",
    wish="wishes/{id}",
)

register(
    wish_published=Kind(
        _("Your wish is published"),
        _("%(community)s: it costs %(price_points)s points once somebody fulfils it."),
        opens="my_wish",
        channels=(Channel.WECHAT,),
        template="wish",
    ),
    wish_rejected=Kind(
        _("Your wish was not published"),
        _("%(community)s says: %(reason)s"),
        opens="my_wish",
        channels=(Channel.WECHAT,),
        template="wish",
    ),
    wish_adopted_by_shop=Kind(
        _("Your wish will be fulfilled"),
        _("%(merchant)s fulfils it. Show your voucher there within %(days)s days."),
        opens="my_wish",
        channels=(Channel.WECHAT,),
        template="wish",
    ),
    wish_adopted_by_neighbour=Kind(
        _("Your wish will be fulfilled"),
        _("A neighbour fulfils it; %(community)s brings you together. Say thanks for it."),
        opens="my_wish",
        channels=(Channel.WECHAT,),
        template="wish",
    ),
    wish_open_again=Kind(
        _("Your wish is open again"),
        _("It could not be fulfilled after all. Your points are free, and others can adopt it."),
        opens="my_wish",
        channels=(Channel.WECHAT,),
        template="wish",
    ),
    wish_thanked=Kind(
        _("A neighbour thanks you"),
        _("You fulfilled a wish. Read the thanks among the wishes."),
        opens="wish",
    ),
    redemption_refunded=Kind(
        _("Points came back to you"),
        _("%(merchant)s gave back %(points)s points for %(offer)s."),
        opens="my_voucher",
        channels=(Channel.WECHAT,),
        template="points",
    ),
    card_issued=Kind(
        _("A card was issued for you"),
        _(
            "%(community)s printed it. With its PIN it pays up to %(points)s points a day at"
            " the shops. If you did not ask for it, block it and tell us."
        ),
        opens="my_cards",
        channels=(Channel.WECHAT, Channel.SMS),
        template="security",
        is_required=True,
    ),
    card_blocked=Kind(
        _("Your card is blocked"),
        _(
            "It was reported lost, or its PIN was wrong five times. Your points are safe."
            " %(community)s prints you another one."
        ),
        opens="my_cards",
        channels=(Channel.WECHAT, Channel.SMS),
        template="security",
        is_required=True,
    ),
    voucher_expiring=Kind(
        _("Your voucher expires soon"),
        _("%(offer)s at %(merchant)s: show it there before %(until)s, or your points come back."),
        opens="my_voucher",
        channels=(Channel.WECHAT,),
        template="voucher",
    ),
    partnership_asked=Kind(
        _("A community would like you as a partner"),
        _("%(community)s asks %(merchant)s. Say yes or no there; until then it learns nothing."),
        opens="partnership",
        channels=(Channel.WECHAT,),
        template="merchant",
    ),
    statement_drafted=Kind(
        _("Your statement is ready to be looked at"),
        _(
            "%(community)s, %(first_day)s to %(last_day)s: %(points)s points, %(yuan)s yuan."
            " Ask about any line that looks wrong before it is approved."
        ),
        opens="statement",
        channels=(Channel.WECHAT,),
        template="statement",
    ),
    statement_asked=Kind(
        _("There is a question about your statement"),
        _("%(community)s asks about a line of %(first_day)s to %(last_day)s. Please answer it."),
        opens="statement",
        channels=(Channel.WECHAT,),
        template="statement",
    ),
    statement_answered=Kind(
        _("Your question was answered"),
        _("Statement of %(merchant)s, %(first_day)s to %(last_day)s: read the answer there."),
        opens="statement",
        channels=(Channel.WECHAT, Channel.EMAIL),
        template="statement",
    ),
    statement_paid=Kind(
        _("Your statement has been paid"),
        _("%(community)s, %(number)s: %(yuan)s yuan."),
        opens="statement",
        channels=(Channel.WECHAT,),
        template="statement",
    ),
    merchant_month=Kind(
        _("What last month brought your shop"),
        _(
            "%(merchant)s at %(community)s, %(month)s: %(count)s redemptions, %(points)s points,"
            " %(yuan)s yuan, less what was refunded."
        ),
        opens="redemptions",
        channels=(Channel.WECHAT,),
        template="month",
    ),
    fair_reminder=Kind(
        _("Your stall opens soon"),
        _("%(fair)s, %(begins)s at %(place)s: %(merchant)s has a stall there."),
        opens="fair",
        channels=(Channel.WECHAT,),
        template="fair",
    ),
    fair_moved=Kind(
        _("A fair with your stall was moved"),
        _("%(fair)s now begins %(begins)s at %(place)s. %(merchant)s has a stall there."),
        opens="fair",
        channels=(Channel.WECHAT,),
        template="fair",
        is_urgent=True,
    ),
    fair_cancelled=Kind(
        _("A fair with your stall was cancelled"),
        _("%(fair)s, %(begins)s at %(place)s, does not take place: %(reason)s"),
        opens="fair",
        channels=(Channel.WECHAT, Channel.SMS),
        template="fair",
        is_urgent=True,
    ),
    webhook_switched_off=Kind(
        _("Your webhook was switched off"),
        _("Nothing reached %(host)s for days. Mend it, switch it on, then redeliver."),
        opens="webhooks",
        channels=(Channel.WECHAT,),
        template="merchant",
    ),
)
