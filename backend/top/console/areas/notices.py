"""Notices: what is owed and what was given up, how notices are worded, files that are made."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from backend.top.calls import Caller
from backend.top.console.pages import Action, Facts, Group, Page, Section, add
from backend.top.console.values import link_to

TEXT = "communities/<str:code>/notice-texts/<str:notice_kind>/<str:language>"
LETTERS = "communities/<str:code>/outbox/<str:kind>/dead-letters"

KINDS: Mapping[str, Any] = {  # of what is owed
    "notice": _("Notices"),
    "message": _("Messages by WeChat, e-mail and SMS"),
    "webhook": _("Webhooks of merchants"),
    "document": _("Files"),
    "email_code": _("Codes by e-mail"),
    "export": _("Exports of personal data"),
    "import": _("Imports"),
    "payout": _("Payouts by WeChat"),
    "screening": _("Screening of reports"),
    "verification": _("Verifications"),
}


def owed_in(caller: Caller, names: Facts, answer: Any) -> Facts:
    """Add what is owed by kind: its words, the figures, and where what was given up is listed."""
    letters = "communities/{code}/outbox/{kind}/dead-letters"
    return {
        "owed": [
            {
                **one,
                "words": KINDS.get(one["kind"], one["kind"]),
                "oldest_at": one["oldest_at"] and datetime.fromisoformat(one["oldest_at"]),
                "link": link_to(letters, one, names),
            }
            for one in answer["kinds"]
        ]
    }


add(
    Page(
        route="communities/<str:code>/outbox",
        title=_("Sending"),
        group=Group.NOTICES,
        icon="outbox",
        explains=_(
            "Notices, webhooks and the like are sent within seconds. What fails is tried again for"
            " some days, and then given up: look why, mend it, and retry."
        ),
        template="console/outbox.html",
        adds=owed_in,
    ),
    Page(
        route=LETTERS,
        title=_("Given up"),
        columns=("words", "reason", "attempts", "owed_at", "given_up_at"),
        opens="communities/{code}/outbox/{kind}/dead-letters/{id}",
        actions=(
            Action(
                address="communities/{code}/outbox/{kind}/retry",
                title=_("Retry all"),
                icon="refresh",
                confirm=_("All that was given up of this kind is tried again at once."),
            ),
            Action(
                address="communities/{code}/outbox/{kind}/dead-letters/{id}/retry",
                title=_("Retry"),
                style="primary",
                batch=True,
            ),
        ),
    ),
    Page(
        route=f"{LETTERS}/<uuid:dead_letter_id>",
        title=_("Given up"),
        named="words",
        sections=(
            Section(_("What"), ("words", "owed_at")),
            Section(_("Why"), ("reason", "attempts", "given_up_at")),
        ),
        actions=(
            Action(
                address="communities/{code}/outbox/{kind}/dead-letters/{id}/retry",
                title=_("Retry"),
                icon="refresh",
                style="primary",
                opens="communities/{code}/outbox",
            ),
        ),
    ),
    Page(
        route="communities/<str:code>/notice-texts",
        title=_("Texts of notices"),
        group=Group.NOTICES,
        icon="edit_note",
        explains=_(
            "What people read, with example facts. A community can word each in its own way."
        ),
        columns=("example.title", "example.body", "language", "own.title"),
        labels={"own.title": _("Our own title")},
        opens="communities/{code}/notice-texts/{kind}/{language}",
    ),
    Page(
        route=TEXT,
        title=_("Text of a notice"),
        named="example.title",
        sections=(
            Section(
                _("What people read today, with example facts"), ("example.title", "example.body")
            ),
            Section(_("Our own text"), ("own.title", "own.body")),
            Section(_("The text of the catalogue"), ("default.title", "default.body")),
            Section(_("Facts that a text may tell"), ("placeholders",)),
        ),
        actions=(
            Action(
                address="communities/{code}/notice-texts/{notice_kind}/{language}",
                title=_("Word it in our own way"),
                icon="edit",
                style="primary",
                method="put",
                initial={"title": "own.title default.title", "body": "own.body default.body"},
                tries="communities/{code}/notice-texts/{notice_kind}/{language}/preview",
                confirm=_(
                    "Write facts as the catalogue does, such as {activity}. Notices told before"
                    " read so too."
                ),
            ),
            Action(
                address="communities/{code}/notice-texts/{notice_kind}/{language}",
                title=_("Put the catalogue's text back"),
                icon="undo",
                style="danger",
                method="delete",
                when=lambda facts: facts.get("own") is not None,
                confirm=_("Your own text is removed."),
            ),
        ),
    ),
    Page(
        route="communities/<str:code>/documents",
        title=_("My files"),
        group=Group.HOME,
        icon="draft",
        rank=9,
        explains=_("Files that take long are made meanwhile, and kept for a day."),
        columns=("name", "kind", "ending", "state", "asked_at", "expires_at"),
        opens="communities/{code}/documents/{id}",
    ),
)
