"""Notices to merchants and to people who deal with them."""

from django.utils.translation import gettext_lazy as _

from backend.notices.kinds import Kind, register

register(
    wish_published=Kind(
        _("Your wish is published"),
        _("%(community)s: it costs %(price_points)s points once somebody fulfils it."),
    ),
    wish_rejected=Kind(
        _("Your wish was not published"),
        _("%(community)s says: %(reason)s"),
    ),
    wish_adopted_by_shop=Kind(
        _("Your wish will be fulfilled"),
        _("%(merchant)s fulfils it. Show your voucher there within %(days)s days."),
    ),
    wish_adopted_by_neighbour=Kind(
        _("Your wish will be fulfilled"),
        _("A neighbour fulfils it; %(community)s brings you together. Say thanks for it."),
    ),
    wish_open_again=Kind(
        _("Your wish is open again"),
        _("It could not be fulfilled after all. Your points are free, and others can adopt it."),
    ),
    wish_thanked=Kind(
        _("A neighbour thanks you"),
        _("You fulfilled a wish. Read the thanks among the wishes."),
    ),
    redemption_refunded=Kind(
        _("Points came back to you"),
        _("%(merchant)s gave back %(points)s points for %(offer)s."),
    ),
    partnership_asked=Kind(
        _("A community would like you as a partner"),
        _("%(community)s asks %(merchant)s. Say yes or no there; until then it learns nothing."),
    ),
    statement_drafted=Kind(
        _("Your statement is ready to be looked at"),
        _(
            "%(community)s, %(first_day)s to %(last_day)s: %(points)s points, %(yuan)s yuan."
            " Ask about any line that looks wrong before it is approved."
        ),
    ),
    statement_asked=Kind(
        _("There is a question about your statement"),
        _("%(community)s asks about a line of %(first_day)s to %(last_day)s. Please answer it."),
    ),
    statement_answered=Kind(
        _("Your question was answered"),
        _("Statement of %(merchant)s, %(first_day)s to %(last_day)s: read the answer there."),
    ),
    statement_paid=Kind(
        _("Your statement has been paid"),
        _("%(community)s, %(number)s: %(yuan)s yuan."),
    ),
    fair_reminder=Kind(
        _("Your stall opens soon"),
        _("%(fair)s, %(begins)s at %(place)s: %(merchant)s has a stall there."),
    ),
    fair_moved=Kind(
        _("A fair with your stall was moved"),
        _("%(fair)s now begins %(begins)s at %(place)s. %(merchant)s has a stall there."),
    ),
    fair_cancelled=Kind(
        _("A fair with your stall was cancelled"),
        _("%(fair)s, %(begins)s at %(place)s, does not take place: %(reason)s"),
    ),
    webhook_switched_off=Kind(
        _("Your webhook was switched off"),
        _("Nothing reached %(host)s for days. Mend it, switch it on, then redeliver."),
    ),
)
