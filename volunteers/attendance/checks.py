"""Checks of hours: the minutes follow from the times, and the trail names who decided on them.

What they earned is derived anew by the checks of awards.
"""

# ruff: noqa: S608  # SQL made of constants

from django.utils.translation import gettext_lazy as _

from backend.audit.entries import latest, said_by
from backend.registries.checks import Check, Kind, queried, register

HOURS = "hours"

# Times count to the minute, from the later of arrival and beginning to the earlier of leaving and
# end: minutes_between of points/rules/services.py, and Attendance.served.
_HOURS = f"""
    SELECT 'volunteers_attendance', a.id, wrong.because
    FROM volunteers_attendance a
    LEFT JOIN volunteers_shift s ON s.community_id = %(community)s AND s.id = a.shift_id
    {latest("a", "decided", "attendance.verify", "attendance.reject")}
    {latest("a", "voided", "attendance.void")}
    CROSS JOIN LATERAL (SELECT greatest(a.checked_in_at, s.starts_at) AS since) AS served
    CROSS JOIN LATERAL (SELECT
        CASE WHEN a.checked_out_at IS NOT NULL THEN (extract(epoch FROM
            date_trunc('minute', greatest(served.since, least(a.checked_out_at, s.ends_at)), 'UTC')
            - date_trunc('minute', served.since, 'UTC')) / 60)::bigint END AS minutes
    ) AS due
    CROSS JOIN LATERAL (SELECT
        coalesce(voided.after ->> 'status', decided.after ->> 'status') AS status
    ) AS said
    CROSS JOIN LATERAL (SELECT CASE
        WHEN s.id IS NULL THEN 'shift ' || a.shift_id || ' is gone'
        WHEN a.worked_minutes IS DISTINCT FROM due.minutes
            THEN format('worked_minutes is %%s, should be %%s',
                coalesce(a.worked_minutes::text, 'empty'), coalesce(due.minutes::text, 'empty'))
        WHEN a.checked_in_at >= s.ends_at OR a.checked_out_at > s.ends_at
            THEN format('from %%s to %%s is not within its shift, which ends at %%s',
                a.checked_in_at, a.checked_out_at, s.ends_at)
        WHEN a.status IS DISTINCT FROM coalesce(said.status, CASE
                WHEN a.status NOT IN ('verified', 'rejected', 'voided') THEN a.status END)
            THEN format('it is %%s, the trail says %%s', a.status,
                coalesce(said.status, 'that nobody decided on it'))
        {said_by("a.verified_by_id", "decided", "decided on")}
        {said_by("a.voided_by_id", "voided", "voided")}
        WHEN a.volunteer_id IN (a.verified_by_id, a.voided_by_id)
            THEN 'the volunteer decided on their own hours'
        WHEN a.verified_by_id = a.voided_by_id THEN 'who verified it voided it'
        WHEN decided.after ->> 'worked_minutes' <> a.worked_minutes::text
            THEN format('worked_minutes is %%s, %%s were verified', a.worked_minutes,
                decided.after ->> 'worked_minutes')
    END AS because) AS wrong
    WHERE a.community_id = %(community)s AND wrong.because IS NOT NULL
        AND (a.id >= %(since_id)s
            OR greatest(a.checked_out_at, a.verified_at, a.voided_at) >= %(since)s)
"""

register(
    Check(
        name=HOURS,
        kind=Kind.AWARDS,
        promise=_(
            "Worked minutes follow from the times and the shift; hours were decided on by whom the"
            " trail names, and nobody by their own."
        ),
        advice=_(
            "Ask who verified the hours, and the volunteer. Hours that nobody verified are voided."
        ),
        tables=("volunteers_attendance",),
        findings=queried(HOURS, _HOURS),
    )
)
