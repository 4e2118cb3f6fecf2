"""Checks of reports: verdict, category, reporter and who decided are those of the trail."""

# ruff: noqa: S608  # SQL made of constants

from django.utils.translation import gettext_lazy as _

from backend.audit.entries import latest, said_by
from backend.registries.checks import Check, Kind, queried, register

REPORTS = "reports"

_REPORTS = f"""
    SELECT 'volunteers_report', r.id, wrong.because
    FROM volunteers_report r
    {latest("r", "newest", "report.accept", "report.close", "report.void")}
    {latest("r", "closed", "report.close")}
    {latest("r", "voided", "report.void")}
    CROSS JOIN LATERAL (SELECT CASE
        WHEN r.status <> coalesce(newest.after ->> 'status', 'submitted')
            THEN format('it is %%s, the trail says %%s', r.status,
                coalesce(newest.after ->> 'status', 'submitted'))
        WHEN r.category <> closed.after ->> 'category'
            THEN format('its category is %%s, it was closed as %%s', r.category,
                closed.after ->> 'category')
        WHEN r.reporter_id::text <> closed.after ->> 'reporter'
            THEN format('its reporter is %%s, it was closed as one of %%s', r.reporter_id,
                closed.after ->> 'reporter')
        {said_by("r.closed_by_id", "closed", "closed")}
        {said_by("r.voided_by_id", "voided", "voided")}
        WHEN r.reporter_id IN (r.closed_by_id, r.voided_by_id)
            THEN 'its reporter decided on it'
        WHEN r.closed_by_id = r.voided_by_id THEN 'who closed it voided it'
    END AS because) AS wrong
    WHERE r.community_id = %(community)s AND wrong.because IS NOT NULL
        AND (r.id >= %(since_id)s
            OR greatest(r.accepted_at, r.closed_at, r.voided_at) >= %(since)s)
"""

register(
    Check(
        name=REPORTS,
        kind=Kind.AWARDS,
        promise=_(
            "A report's verdict, category and reporter are those with which it was closed, by whom"
            " the trail names."
        ),
        advice=_("Ask who closed it. A report that was verified wrongly is voided."),
        tables=("volunteers_report",),
        findings=queried(REPORTS, _REPORTS),
    )
)
