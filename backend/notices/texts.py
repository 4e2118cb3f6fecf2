"""The words of each kind of notice, made when it is read, in the reader's language."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from backend.notices.models import Notice


def words(notice: Notice) -> tuple[str, str]:
    """``(title, body)`` of ``notice`` in the active language."""
    facts = notice.facts
    if notice.kind == "shift_reminder":
        return _("Your shift begins soon"), _(
            "%(activity)s, %(begins)s at %(place)s. Please check in when you arrive."
        ) % {**facts, "begins": _local(facts)}
    if notice.kind == "points_expiring":
        return _("Your points are about to expire"), _(
            "%(community)s: %(points)s points can be spent until %(expires_on)s, then they expire."
        ) % facts
    if notice.kind == "join_approved":
        return _("You are a volunteer now"), _(
            "%(community)s has taken you in. See which shifts need you."
        ) % facts
    if notice.kind == "join_rejected":
        return _("Your request to join was not accepted"), _(
            "%(community)s says: %(because)s"
        ) % facts
    raise ValueError(f"No words for a notice of kind {notice.kind!r}.")


def _local(facts: dict[str, Any]) -> str:
    moment = datetime.fromisoformat(facts["starts_at"]).astimezone(ZoneInfo(facts["timezone"]))
    return f"{moment:%Y-%m-%d %H:%M}"
