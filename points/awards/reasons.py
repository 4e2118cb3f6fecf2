"""Why points and fen move, in words."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

WORDS: Mapping[str, Any] = {
    "campaign": _("Spent by a campaign"),
    "confirmation": _("Confirmation"),
    "correction": _("Correction"),
    "donation": _("Donation"),
    "expiry": _("Expiry"),
    "hours": _("Volunteer hours"),
    "merge": _("Records of one person merged"),
    "opening": _("Brought along from paper"),
    "recovery": _("Repaid"),
    "redemption": _("Redemption"),
    "refund": _("Refund"),
    "report": _("Report"),
    "reversal": _("Reversal"),
    "settlement": _("Settlement"),
    "top_up": _("Paid into a fund"),
    "void": _("Voided"),
    "wish": _("Wish"),
}


def words_for(reason: str) -> str:
    """Return what a transfer's reason is called; one that is not known stays as it is."""
    return str(WORDS.get(reason, reason))
