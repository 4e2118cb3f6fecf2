"""SQL with which checks hold rows against the audit trail."""


def latest(row: str, entry: str, *actions: str) -> str:
    """Return the join of a row with its newest entry of one of ``actions``, of one noun.

    ``row`` is the alias of the row, ``entry`` that of the entry, whose columns are NULL if there is
    none.
    """
    noun = actions[0].partition(".")[0]
    names = ", ".join(f"'{action}'" for action in actions)
    return f"""
        LEFT JOIN LATERAL (
            SELECT x.id, x.actor_id, x.before, x.after FROM audit_auditentry x
            WHERE x.community_id = %(community)s AND x.target_type = '{noun}'
                AND x.target_id = {row}.id::text AND x.action IN ({names})
            ORDER BY x.id DESC LIMIT 1
        ) AS {entry} ON true
    """  # noqa: S608  # made of constants


def said_by(person: str, entry: str, act: str) -> str:
    """Return the WHEN of a CASE that tells who did ``act`` other than the entry says."""
    return f"""
        WHEN {person} IS DISTINCT FROM {entry}.actor_id
            THEN format('it was {act} by %%s, the trail says %%s',
                coalesce({person}::text, 'nobody'), coalesce({entry}.actor_id::text, 'nobody'))
    """
