"""Checks of hours: minutes follow from times, and the trail names who decided and corrected.

What they earned is derived anew by the checks of awards.
"""

# ruff: noqa: S608  # SQL made of constants

from django.utils.translation import gettext_lazy as _

from backend.audit.entries import latest, said_by
from backend.registries.checks import Check, Kind, queried, register

HOURS, OBJECTIONS = "hours", "objections"
DECISIONS = ("attendance.verify", "attendance.reject", "attendance.reopen")

# Times count to the minute, from the later of arrival and beginning to the earlier of leaving, end
# and limit: minutes_between of points/rules/services.py, and Attendance.served.
_HOURS = f"""
    SELECT 'volunteers_attendance', a.id, wrong.because
    FROM volunteers_attendance a
    LEFT JOIN volunteers_shift s ON s.community_id = %(community)s AND s.id = a.shift_id
    {latest("a", "decided", *DECISIONS, "attendance.finalise")}
    {latest("a", "judged", *DECISIONS)}
    {latest("a", "counted", "attendance.verify")}
    {latest("a", "voided", "attendance.void")}
    LEFT JOIN LATERAL (
        SELECT c.checked_in_at, c.checked_out_at, c.corrected_by_id FROM volunteers_correction c
        WHERE c.community_id = %(community)s AND c.attendance_id = a.id
        ORDER BY c.id DESC LIMIT 1
    ) AS corrected ON true
    CROSS JOIN LATERAL (SELECT greatest(a.checked_in_at, s.starts_at) AS since) AS served
    CROSS JOIN LATERAL (SELECT
        CASE WHEN a.checked_out_at IS NOT NULL THEN (extract(epoch FROM
            date_trunc('minute', greatest(served.since,
                least(coalesce(a.counts_until, a.checked_out_at), s.ends_at)), 'UTC')
            - date_trunc('minute', served.since, 'UTC')) / 60)::bigint END AS minutes
    ) AS due
    CROSS JOIN LATERAL (SELECT
        coalesce(voided.after ->> 'status', decided.after ->> 'status') AS status,
        -- Back among those to be verified, nobody has decided on it.
        CASE WHEN judged.after ->> 'status' <> 'checked_out' THEN judged.actor_id END AS decider
    ) AS said
    CROSS JOIN LATERAL (
        SELECT jsonb_agg(who::text ORDER BY who::text) AS attested_by
        FROM (SELECT DISTINCT unnest(
            ARRAY[a.checked_in_by_id, a.checked_out_by_id, a.corrected_by_id]) AS who) AS people
        WHERE who <> a.volunteer_id
    ) AS attested
    CROSS JOIN LATERAL (SELECT CASE
        WHEN s.id IS NULL THEN 'shift ' || a.shift_id || ' is gone'
        WHEN a.worked_minutes IS DISTINCT FROM due.minutes
            THEN format('worked_minutes is %%s, should be %%s',
                coalesce(a.worked_minutes::text, 'empty'), coalesce(due.minutes::text, 'empty'))
        WHEN a.checked_in_at >= s.ends_at OR a.checked_out_at > s.ends_at
            THEN format('from %%s to %%s is not within its shift, which ends at %%s',
                a.checked_in_at, a.checked_out_at, s.ends_at)
        WHEN a.status IS DISTINCT FROM coalesce(said.status, CASE
                WHEN a.status NOT IN ('verified', 'published', 'rejected', 'voided')
                THEN a.status END)
            THEN format('it is %%s, the trail says %%s', a.status,
                coalesce(said.status, 'that nobody decided on it'))
        WHEN a.verified_by_id IS DISTINCT FROM said.decider
            THEN format('it was decided on by %%s, the trail says %%s',
                coalesce(a.verified_by_id::text, 'nobody'), coalesce(said.decider::text, 'nobody'))
        {said_by("a.voided_by_id", "voided", "voided")}
        WHEN a.volunteer_id IN (a.verified_by_id, a.voided_by_id)
            THEN 'the volunteer decided on their own hours'
        WHEN a.verified_by_id IN (a.checked_in_by_id, a.checked_out_by_id, a.corrected_by_id)
            THEN 'who marked or corrected it decided on it'
        WHEN a.verified_by_id = a.voided_by_id THEN 'who verified it voided it'
        WHEN a.corrected_by_id IS DISTINCT FROM corrected.corrected_by_id
            THEN format('it was corrected by %%s, its last correction says %%s',
                coalesce(a.corrected_by_id::text, 'nobody'),
                coalesce(corrected.corrected_by_id::text, 'nobody'))
        WHEN (corrected.checked_in_at, corrected.checked_out_at)
                <> (a.checked_in_at, a.checked_out_at)
            THEN format('it lasted from %%s to %%s, corrected to %%s to %%s', a.checked_in_at,
                a.checked_out_at, corrected.checked_in_at, corrected.checked_out_at)
        WHEN a.status NOT IN ('verified', 'published', 'voided') THEN NULL
        WHEN counted.after ->> 'worked_minutes' <> a.worked_minutes::text
            THEN format('worked_minutes is %%s, %%s were verified', a.worked_minutes,
                counted.after ->> 'worked_minutes')
        WHEN counted.after -> 'attested_by' IS DISTINCT FROM attested.attested_by
            THEN format('it was attested by %%s, the trail says %%s',
                coalesce(attested.attested_by::text, 'nobody'),
                coalesce(counted.after ->> 'attested_by', 'nobody'))
    END AS because) AS wrong
    WHERE a.community_id = %(community)s AND wrong.because IS NOT NULL
        AND (a.id >= %(since_id)s
            OR greatest(a.checked_out_at, a.verified_at, a.voided_at) >= %(since)s)
"""

_CORRECTIONS = f"""
    SELECT 'volunteers_correction', c.id, wrong.because
    FROM volunteers_correction c
    LEFT JOIN volunteers_attendance a
        ON a.community_id = %(community)s AND a.id = c.attendance_id
    {latest("c", "made", "correction.make")}
    CROSS JOIN LATERAL (SELECT CASE
        WHEN a.id IS NULL THEN 'attendance ' || c.attendance_id || ' is gone'
        {said_by("c.corrected_by_id", "made", "made")}
        WHEN a.volunteer_id = c.corrected_by_id THEN 'the volunteer corrected their own times'
        WHEN made.after ->> 'attendance' <> c.attendance_id::text
            THEN 'the trail names attendance ' || (made.after ->> 'attendance')
        WHEN ((made.before ->> 'checked_in_at')::timestamptz,
                (made.before ->> 'checked_out_at')::timestamptz,
                (made.after ->> 'checked_in_at')::timestamptz,
                (made.after ->> 'checked_out_at')::timestamptz)
            <> (c.was_in_at, c.was_out_at, c.checked_in_at, c.checked_out_at)
            THEN 'the trail has other times'
    END AS because) AS wrong
    WHERE c.community_id = %(community)s AND c.id >= %(since_id)s AND wrong.because IS NOT NULL
"""

_OBJECTIONS = f"""
    SELECT 'volunteers_objection', o.id, wrong.because
    FROM volunteers_objection o
    LEFT JOIN volunteers_attendance a
        ON a.community_id = %(community)s AND a.id = o.attendance_id
    {latest("o", "decided", "objection.decide")}
    CROSS JOIN LATERAL (SELECT CASE
        WHEN a.id IS NULL THEN 'attendance ' || o.attendance_id || ' is gone'
        WHEN o.status <> coalesce(decided.after ->> 'status', 'open')
            THEN format('it is %%s, the trail says %%s', o.status,
                coalesce(decided.after ->> 'status', 'open'))
        {said_by("o.decided_by_id", "decided", "decided on")}
        WHEN o.decided_by_id IN (o.raised_by_id, a.volunteer_id)
            THEN 'whom it concerns decided on it'
        WHEN o.is_appeal <> (o.raised_by_id = a.volunteer_id)
            THEN format('it was raised by %%s, and is_appeal is %%s', o.raised_by_id, o.is_appeal)
        WHEN decided.after ->> 'attendance' <> o.attendance_id::text
            THEN 'the trail names attendance ' || (decided.after ->> 'attendance')
        WHEN decided.after ->> 'raised_by' <> o.raised_by_id::text
            THEN 'the trail says that it was raised by ' || (decided.after ->> 'raised_by')
    END AS because) AS wrong
    WHERE o.community_id = %(community)s AND wrong.because IS NOT NULL
        AND (o.id >= %(since_id)s OR o.decided_at >= %(since)s)
"""

register(
    Check(
        name=HOURS,
        kind=Kind.AWARDS,
        promise=_(
            "Worked minutes follow from the times and the shift; hours were decided on by whom the"
            " trail names, and by nobody whose own they are or who marked or corrected them."
        ),
        advice=_(
            "Ask who verified the hours, and the volunteer. Hours that nobody verified are voided."
        ),
        tables=("volunteers_attendance", "volunteers_correction"),
        findings=queried(HOURS, _HOURS, _CORRECTIONS),
    ),
    Check(
        name=OBJECTIONS,
        kind=Kind.AWARDS,
        promise=_(
            "Appeals and objections were decided on by whom the trail names, and as it says."
        ),
        advice=_("Ask whoever raised it, and whom the trail names; decide on the hours anew."),
        tables=("volunteers_objection",),
        findings=queried(OBJECTIONS, _OBJECTIONS),
    ),
)
