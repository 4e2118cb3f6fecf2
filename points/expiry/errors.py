"""Refusals about expiry."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Invalid


class ExpiryPolicyInvalid(Invalid):
    code = "expiry_policy_invalid"
    title = _(
        "Points expire never, after whole years, or after 1 to 120 months; what is posted late"
        " lasts 0 to 366 days at least."
    )


class ExpiryDayNotOver(Conflict):
    code = "expiry_day_not_over"
    title = _("Points can be spent until this day is over.")
