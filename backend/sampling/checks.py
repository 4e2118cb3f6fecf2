"""Checks: samples hold what their seed draws, and what was signed off."""

from collections.abc import Iterator

from django.utils.translation import gettext_lazy as _

from backend.registries.checks import Check, Finding, Kind, Scope, queried, register, rows_of
from backend.sampling import selectors, subjects
from backend.sampling.models import Sample, SampleItem

SAMPLE, ITEM = Sample._meta.db_table, SampleItem._meta.db_table

# The entry of the audit trail is sealed; a sample is held against it.
_SIGNED_OFF = """
    SELECT s.id, s.conclusion, s.digest, coalesce(a.after->>'digest', 'nothing')
    FROM sampling_sample s
    LEFT JOIN audit_auditentry a ON a.community_id = s.community_id
        AND a.target_type = 'sample' AND a.target_id = s.id::text AND a.action = 'sample.sign_off'
        AND a.actor_id = s.signed_off_by_id
    WHERE s.community_id = %(community)s AND s.signed_off_at >= %(since)s
"""
_DIGEST = "SELECT sampling_digest(%s, %s, %s)"
# A sample, or its sign-off, that the trail tells of and that is not there.
_GONE = """
    SELECT 'sampling_sample', a.target_id, 'the audit trail tells of its ' || CASE a.action
        WHEN 'sample.draw' THEN 'draw, and it is not there'
        ELSE 'sign-off, and it is not signed off' END
    FROM audit_auditentry a
    LEFT JOIN sampling_sample s ON s.community_id = a.community_id AND s.id::text = a.target_id
    WHERE a.community_id = %(community)s AND a.id >= %(since_id)s AND (
        a.action = 'sample.draw' AND s.id IS NULL
        OR a.action = 'sample.sign_off' AND s.signed_off_at IS NULL
    )
"""
_DRAWN = """
    SELECT 'sampling_sample', s.id, format('says %%s; drawn was %%s', said.is, coalesce(
        a.after::text, 'nothing'))
    FROM sampling_sample s
    CROSS JOIN LATERAL jsonb_build_object(
        'subject', s.subject, 'since', s.since, 'until', s.until, 'size_asked', s.size_asked,
        'population', s.population, 'seed', s.seed, 'is_seed_given', s.is_seed_given,
        'head_number', s.head_number, 'head', s.head
    ) AS said ("is")
    LEFT JOIN audit_auditentry a ON a.community_id = s.community_id
        AND a.target_type = 'sample' AND a.target_id = s.id::text AND a.action = 'sample.draw'
        AND a.actor_id = s.drawn_by_id
    WHERE s.community_id = %(community)s AND s.id >= %(since_id)s
        AND a.after IS DISTINCT FROM said.is
"""


def _on_record(scope: Scope) -> Iterator[Finding]:
    """Compare samples, and what each that was signed off says now, with the audit trail."""
    yield from queried("samples_on_record", _DRAWN, _GONE)(scope)
    community = scope.values["community"]
    for sample, conclusion, digest, on_record in list(rows_of(_SIGNED_OFF, scope.values)):
        [(now,)] = rows_of(_DIGEST, [community, sample, conclusion])
        if not now == digest == on_record:
            because = (
                f"its contents give the digest {now};"
                f" signed off and on record are {digest} and {on_record}"
            )
            yield Finding("samples_on_record", SAMPLE, str(sample), because)


def _redrawn(scope: Scope) -> Iterator[Finding]:
    """Draw each sample again, one at a time, and compare: what differs was put in or taken out."""
    values = scope.values
    samples = Sample.objects.filter(community=values["community"], pk__gte=values["since_id"])
    known = dict(subjects.choices())
    for sample in samples.select_related("community").order_by("id"):
        if sample.subject not in known:
            because = f"is of {sample.subject}, of which no samples are drawn"
            yield Finding("samples_drawn", SAMPLE, str(sample.pk), because)
            continue
        ids, population = selectors.drawn(
            selectors.population_of(sample), seed=sample.seed, size=sample.size_asked
        )
        if population != sample.population:
            because = f"drawn of {sample.population} rows; its days have {population}"
            yield Finding("samples_drawn", SAMPLE, str(sample.pk), because)
        drawn = dict(enumerate(ids, start=1))
        there = {item.position: item for item in selectors.items_of(sample)}
        for position in sorted(drawn.keys() | there.keys()):
            item, subject_id = there.get(position), drawn.get(position, "nothing")
            if item is None:
                because = f"item {position} is not there; the seed draws {subject_id}"
                yield Finding("samples_drawn", SAMPLE, str(sample.pk), because)
            elif item.subject_id != subject_id:
                because = f"is {item.subject_id}; the seed draws {subject_id} there"
                yield Finding("samples_drawn", ITEM, str(item.pk), because)


DRAWN = Check(
    name="samples_drawn",
    kind=Kind.LEDGER,
    promise=_("A sample holds what its seed draws from the rows of its days."),
    advice=_("Rows of the period are gone or new, or the sample was changed: draw another."),
    tables=(SAMPLE, ITEM),
    findings=_redrawn,
)
ON_RECORD = Check(
    name="samples_on_record",
    kind=Kind.LEDGER,
    promise=_("A sample says what the audit trail says of its draw and its sign-off."),
    advice=_("Somebody changed a sample in the database: believe the audit trail."),
    tables=(SAMPLE, ITEM),
    findings=_on_record,
)
register(DRAWN, ON_RECORD)
