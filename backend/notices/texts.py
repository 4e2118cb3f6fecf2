"""The words of each kind of notice, made when it is read, in the reader's language."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.notices.models import Notice

# Title and body; the facts of a notice fill in the body.
_WORDS: dict[str, tuple[Promise, Promise]] = {
    "shift_reminder": (
        _("Your shift begins soon"),
        _("%(activity)s, %(begins)s at %(place)s. Please check in when you arrive."),
    ),
    "points_expiring": (
        _("Your points are about to expire"),
        _("%(community)s: %(points)s points can be spent until %(expires_on)s, then they expire."),
    ),
    "join_approved": (
        _("You are a volunteer now"),
        _("%(community)s has taken you in. See which shifts need you."),
    ),
    "join_rejected": (
        _("Your request to join was not accepted"),
        _("%(community)s says: %(because)s"),
    ),
    "wish_published": (
        _("Your wish is published"),
        _("%(community)s: it costs %(price_points)s points once somebody fulfils it."),
    ),
    "wish_rejected": (
        _("Your wish was not published"),
        _("%(community)s says: %(because)s"),
    ),
    "wish_adopted_by_shop": (
        _("Your wish will be fulfilled"),
        _("%(merchant)s fulfils it. Show your voucher there within %(days)s days."),
    ),
    "wish_adopted_by_neighbour": (
        _("Your wish will be fulfilled"),
        _("A neighbour fulfils it; %(community)s brings you together. Say thanks for it."),
    ),
    "wish_open_again": (
        _("Your wish is open again"),
        _("It could not be fulfilled after all. Your points are free, and others can adopt it."),
    ),
    "wish_thanked": (
        _("A neighbour thanks you"),
        _("You fulfilled a wish. Read the thanks among the wishes."),
    ),
    "redemption_refunded": (
        _("Points came back to you"),
        _("%(merchant)s gave back %(points)s points for %(offer)s."),
    ),
    "partnership_asked": (
        _("A community would like you as a partner"),
        _("%(community)s asks %(merchant)s. Say yes or no there; until then it learns nothing."),
    ),
    "statement_drafted": (
        _("Your statement is ready to be looked at"),
        _(
            "%(community)s, %(first_day)s to %(last_day)s: %(points)s points, %(yuan)s yuan."
            " Ask about any line that looks wrong before it is approved."
        ),
    ),
    "statement_asked": (
        _("There is a question about your statement"),
        _("%(community)s asks about a line of %(first_day)s to %(last_day)s. Please answer it."),
    ),
    "statement_answered": (
        _("Your question was answered"),
        _("Statement of %(merchant)s, %(first_day)s to %(last_day)s: read the answer there."),
    ),
    "statement_paid": (
        _("Your statement has been paid"),
        _("%(community)s, %(number)s: %(yuan)s yuan."),
    ),
    "payout_waiting": (
        _("Confirm your money in WeChat"),
        _("%(community)s sends you %(yuan)s yuan. Not confirmed within a day, it goes back."),
    ),
    "payout_failed": (
        _("A payout failed"),
        _("%(merchant)s, statement %(number)s: %(reason)s. The statement is still to be paid."),
    ),
    "payout_unclear": (
        _("A payout needs you"),
        _(
            "%(merchant)s, statement %(number)s: WeChat has not told for an hour how it ended"
            " (%(reason)s). Look it up at the merchant platform; do not pay it another way yet."
            " You can cancel it; if WeChat does not know it, it is then closed a day later."
        ),
    ),
    "webhook_switched_off": (
        _("Your webhook was switched off"),
        _("Nothing reached %(host)s for days. Mend it, switch it on and have the rest repeated."),
    ),
}


def words(notice: Notice) -> tuple[str, str]:
    """``(title, body)`` of ``notice`` in the active language."""
    if notice.kind not in _WORDS:
        raise ValueError(f"No words for a notice of kind {notice.kind!r}.")
    title, body = _WORDS[notice.kind]
    return str(title), str(body) % _told(notice.facts)


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    if "starts_at" not in facts:
        return facts
    moment = datetime.fromisoformat(facts["starts_at"]).astimezone(ZoneInfo(facts["timezone"]))
    return facts | {"begins": f"{moment:%Y-%m-%d %H:%M}"}
