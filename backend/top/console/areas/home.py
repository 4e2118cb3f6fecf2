"""The home of a place, and the operator's page."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from backend.top.calls import Caller
from backend.top.console.areas.notices import KINDS
from backend.top.console.pages import Facts, Group, Page, add
from backend.top.console.values import Reader

GIB = 1024**3


def _schedule(told: str) -> str:
    """Return when a work runs, ``every 15 s`` or ``daily at 03:10 Asia/Shanghai``, in words."""
    if told.startswith("every "):
        return gettext("every {seconds} s").format(seconds=told.split(" ")[1])
    return gettext("daily at {time}").format(time=told.removeprefix("daily at "))


def _status(caller: Caller, names: Facts, status: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the answer as the operator's page says it."""
    reader = Reader(ZoneInfo(settings.TIME_ZONE_OF_PLACES))

    def at(row: Mapping[str, Any], *fields: str) -> dict[str, Any]:
        """Return the row, with its moments as people read them."""
        return {**row, **{name: reader.draw(row[name], name) for name in fields}}

    works = [
        {**at(one, "last_at", "next_at", "late_since"), "schedule": _schedule(one["schedule"])}
        for one in status["works"]
    ]
    disk = status["disk"]
    return {
        "status": at(status, "backed_up_at"),
        "owed": [
            {**at(one, "oldest_at"), "words": KINDS.get(one["kind"], one["kind"])}
            for one in status["owed"]
        ],
        "works": works,
        "late": [one for one in works if one["is_late"]],
        "disk": disk
        and {
            "free": f"{disk['free_bytes'] / GIB:.1f}",
            "total": f"{disk['total_bytes'] / GIB:.1f}",
            "percent": round(100 * disk["free_bytes"] / disk["total_bytes"]),
        },
    }


add(
    # Drawn by backend/top/console/home.py, which also knows streets and estates.
    Page(
        route="communities/<str:code>",
        title=_("What waits, and figures"),
        group=Group.HOME,
        icon="dashboard",
    ),
    Page(
        route="operator",
        title=_("The installation"),
        group=Group.SETTINGS,
        icon="monitor_heart",
        rank=1,
        explains=_("How this installation is. Nothing here is about a person."),
        template="console/operator.html",
        adds=_status,
    ),
)
