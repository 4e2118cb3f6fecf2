"""The ways that a report goes: from where, to where, by whom, which moments are set, who is told.

This table is the only one: services act by it, and a trigger of the database is made of it.
"""

from dataclasses import dataclass

OPEN = ("submitted", "accepted", "made_safe", "fixed")
ENDED = ("closed", "rejected", "duplicate", "not_ours", "withdrawn", "voided")


@dataclass(frozen=True, kw_only=True)
class Move:
    """A move to the status ``to``; the audit trail has it as ``report.<act>``.

    ``sets`` are the moments that become now unless they are set: a step that was skipped happened
    at the latest with the next one. ``by_cell``: the leader and the worker of the report's cell may
    do it as well as staff. ``tells`` is the notice to the reporter, ``tells_confirmers`` that to
    whoever confirmed the report.
    """

    act: str
    of: tuple[str, ...]
    to: str
    sets: tuple[str, ...]
    by_cell: bool = False
    needs_answer: bool = False
    tells: str = ""
    tells_confirmers: str = ""


MOVES = (
    Move(
        act="accept",
        of=OPEN[:1],
        to="accepted",
        sets=("accepted_at",),
        by_cell=True,
        tells="report_accepted",
    ),
    Move(
        act="make_safe",
        of=OPEN[:2],
        to="made_safe",
        sets=("accepted_at", "made_safe_at"),
        by_cell=True,
        tells="report_made_safe",
    ),
    Move(
        act="fix",
        of=OPEN[:3],
        to="fixed",
        sets=("accepted_at", "made_safe_at", "fixed_at"),
        by_cell=True,
        tells="report_fixed",
    ),
    Move(
        act="close",
        of=OPEN,
        to="closed",
        sets=("accepted_at", "made_safe_at", "fixed_at", "closed_at", "earned_at"),
        tells="report_closed",
        tells_confirmers="report_confirmed_closed",
    ),
    Move(
        act="reject",
        of=OPEN,
        to="rejected",
        sets=("closed_at",),
        needs_answer=True,
        tells="report_rejected",
        tells_confirmers="report_confirmed_ended",
    ),
    Move(
        act="mark_duplicate",
        of=OPEN,
        to="duplicate",
        sets=("closed_at",),
        tells="report_duplicate",
        tells_confirmers="report_confirmed_ended",
    ),
    Move(
        act="mark_not_ours",
        of=OPEN,
        to="not_ours",
        sets=("closed_at",),
        needs_answer=True,
        tells="report_not_ours",
        tells_confirmers="report_confirmed_ended",
    ),
    Move(act="withdraw", of=OPEN[:1], to="withdrawn", sets=("closed_at",)),  # by its reporter
    Move(
        act="reopen",  # by its reporter or staff
        of=("closed", "rejected"),
        to="accepted",
        sets=("accepted_at",),
        tells="report_reopened",
    ),
    Move(act="void", of=("closed",), to="voided", sets=("voided_at",), tells="report_voided"),
)
BY_ACT = {move.act: move for move in MOVES}
TRANSITIONS = [(status, move.to) for move in MOVES for status in move.of]
