"""Timelines of reports, made of the audit trail and the comments, for different readers."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from backend.accounts.models import User
from volunteers.reports import selectors
from volunteers.reports.models import moves
from volunteers.reports.models.reports import Report

TOLD_BY_A_COMMENT = "report.comment"


@dataclass(frozen=True)
class Entry:
    """Something that happened; ``by`` and ``facts`` are empty for who is not staff."""

    at: datetime
    what: str
    text: str = ""
    is_internal: bool = False
    by: User | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def told_to(reader: User | None, report: Report) -> list[Entry]:
    """Return what ``reader``, None for the public, may know of a report, oldest first.

    The public knows its steps and what staff wrote for it; the reporter also what they wrote
    themselves; whoever else may read the report knows all.
    """
    is_reporter = reader is not None and reader.pk == report.reporter_id
    knows_all = reader is not None and not is_reporter
    entries = [Entry(report.submitted_at, "submitted"), *_acts(report, knows_all=knows_all)]
    for one in selectors.comments_on(report):
        is_theirs = one.author_id == report.reporter_id
        if knows_all or (not one.is_internal and (is_reporter or not is_theirs)):
            by = one.author if knows_all or is_theirs else None
            entries.append(Entry(one.written_at, "comment", one.text, one.is_internal, by))
    return sorted(entries, key=lambda entry: entry.at)


def _acts(report: Report, *, knows_all: bool) -> Iterator[Entry]:
    for act in selectors.acts_on(report):
        verb = act.action.removeprefix("report.")
        move = moves.BY_ACT.get(verb)
        if act.action == TOLD_BY_A_COMMENT or (move is None and not knows_all):
            continue
        at = datetime.fromisoformat(act.after["at"]) if "at" in act.after else act.at
        what = verb if move is None or verb == "reopen" else move.to
        is_last = what == report.status and at >= (report.closed_at or at)
        text = report.answer if is_last else ""
        if knows_all:
            yield Entry(at, what, text, by=act.actor, facts=act.after)
        else:
            yield Entry(at, what, text)
