"""Triggers that several tables share: people decide nothing about a merchant they work for."""

from typing import Any

import pgtrigger


def not_their_own(
    name: str,
    operation: Any,
    person: str,
    *,
    partnership: str = "NEW.partnership_id",
    since: str = "NULL",
    condition: Any = None,
) -> pgtrigger.Trigger:
    """Return a trigger that refuses a ``person`` who works for the merchant, or did lately.

    Arguments are SQL expressions over ``NEW``. Source: the function merchants_worked_at.
    """
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.After,
        operation=operation,
        condition=condition,
        func=f"""
        PERFORM merchants_refuse_own(NEW.community_id, {partnership}, {person}, {since});
        RETURN NULL;
    """,
    )
