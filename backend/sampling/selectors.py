"""Reads about samples, and the draw."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db.models import (
    BinaryField,
    Count,
    Exists,
    Func,
    OuterRef,
    Q,
    QuerySet,
    TextField,
    Value,
    Window,
)
from django.db.models.functions import Cast, Concat

from backend.accounts.models import User
from backend.audit.models import AuditEntry
from backend.communities.models import Community
from backend.communities.selectors import AUDITS, WATCHES_OVER, communities_where
from backend.sampling import subjects
from backend.sampling.models import Sample, SampleItem
from backend.sampling.subjects import Evidence

READING = ".view"  # how the trail ends what changes nothing: who read it is no evidence


# --- who sees what ----------------------------------------------------------------------------
def samples_in(community: Community) -> QuerySet[Sample]:
    """Return the community's samples, newest first."""
    return _samples(Q(community=community))


def samples_seen_by(user: User) -> QuerySet[Sample]:
    """Return the samples that ``user`` may read, as staff, manager or auditor, newest first."""
    return _samples(Q(community__in=communities_where(user, WATCHES_OVER)))


def samples_audited_by(user: User) -> QuerySet[Sample]:
    """Return the samples that ``user`` may mark and sign off, as auditor, newest first."""
    return _samples(Q(community__in=communities_where(user, AUDITS)))


def items_of(sample: Sample) -> QuerySet[SampleItem]:
    """Return the items of ``sample`` in the order of the draw, with who marked them."""
    items = SampleItem.objects.filter(community=sample.community_id, sample=sample)
    return items.select_related("sample__community", "marked_by").order_by("position")


def told_to(items: QuerySet[SampleItem], user: User) -> QuerySet[SampleItem]:
    """Annotate each item with ``is_trail_told``: whether ``user`` may read the audit trail."""
    audited = communities_where(user, AUDITS).filter(pk=OuterRef("community"))
    with_all = items.select_related("sample__community", "marked_by")
    return with_all.annotate(is_trail_told=Exists(audited))


def marks_of(samples: Iterable[Sample]) -> dict[UUID, dict[str, int]]:
    """Return how many items of each sample have which mark."""
    samples = list(samples)
    counted = (
        SampleItem.objects.filter(
            community_id__in={one.community_id for one in samples}, sample__in=samples
        )
        .order_by()
        .values_list("sample", "mark")
        .annotate(Count("pk"))
    )
    marks = {one.pk: dict.fromkeys(SampleItem.Mark.values, 0) for one in samples}
    for sample_id, mark, count in counted:
        marks[sample_id][mark] = count
    return marks


def _samples(which: Q) -> QuerySet[Sample]:
    people = ("community", "drawn_by", "signed_off_by")
    return Sample.objects.filter(which).select_related(*people).order_by("-id")


# --- the draw ---------------------------------------------------------------------------------
def population(community: Community, subject: str, since: date, until: date) -> QuerySet[Any]:
    """Return the rows of the days ``since`` to ``until``, by the community's clock."""
    kind = subjects.subject(subject)
    begins, ends = (
        datetime.combine(day, time.min, tzinfo=community.clock)
        for day in (since, until + timedelta(days=1))
    )
    period = {f"{kind.moment}__gte": begins, f"{kind.moment}__lt": ends}
    return kind.rows(community).filter(**period).order_by()


def population_of(sample: Sample) -> QuerySet[Any]:
    """Return the rows of the sample's days, as they are now."""
    return population(sample.community, sample.subject, sample.since, sample.until)


def in_order(rows: QuerySet[Any], seed: str) -> QuerySet[Any]:
    """Return ``rows`` in the order of the draw, each with its ``rank``.

    The rank is SHA-256 of ``<seed>:<id>``: nobody can know it before the seed is, and everybody can
    find it again.
    """
    said = Concat(Value(f"{seed}:"), Cast("pk", TextField()), output_field=TextField())
    rank = Func(
        said, template="sha256(convert_to(%(expressions)s, 'UTF8'))", output_field=BinaryField()
    )
    told = Func("rank_bytes", Value("hex"), function="encode", output_field=TextField())
    ordered: QuerySet[Any] = (
        rows.alias(rank_bytes=rank).order_by("rank_bytes", "pk").annotate(rank=told)
    )
    return ordered


def drawn(rows: QuerySet[Any], *, seed: str, size: int) -> tuple[list[UUID], int]:
    """Return the ids of the first ``size`` of ``rows`` in the order of the draw, and their number.

    It is one statement of one moment, and the rows stay in the database.
    """
    ordered = in_order(rows, seed).annotate(counted=Window(Count("*")))
    first = list(ordered.values_list("pk", "counted")[:size])
    return [pk for pk, _ in first], first[0][1] if first else 0


# --- the evidence -----------------------------------------------------------------------------
def evidence_of(items: Sequence[SampleItem]) -> dict[UUID, Evidence]:
    """Return the evidence of each item whose row is still there, read now, by the item's id.

    The items are of one sample, and have it and its community.
    """
    if not items:
        return {}
    sample, ids = items[0].sample, [item.subject_id for item in items]
    read = subjects.subject(sample.subject).evidence(sample.community, ids)
    return {item.pk: read[item.subject_id] for item in items if item.subject_id in read}


def people_in(evidence: Iterable[Evidence]) -> dict[UUID, User]:
    """Return whom the evidence is about, by their ids."""
    return User.objects.in_bulk({one.person_id for one in evidence if one.person_id})


def has_changed(item: SampleItem, evidence: Evidence | None) -> bool:
    """Tell whether the evidence, as it is read now, is another than when the item was drawn."""
    return item.evidence_digest != (evidence.digest if evidence else "")


def trail_of(community_id: UUID, evidence: Iterable[Evidence]) -> QuerySet[AuditEntry]:
    """Return the audit entries about what the evidence names, oldest first, but for readings."""
    ids: dict[str, set[str]] = defaultdict(set)
    for one in evidence:
        for noun, pk in one.acts_on:
            ids[noun].add(pk)
    about = Q(pk__in=[])
    for noun, named in ids.items():
        about |= Q(target_type=noun, target_id__in=named)
    entries = AuditEntry.objects.filter(about, community=community_id)
    return entries.exclude(action__endswith=READING).select_related("actor").order_by("id")


def has_part_in(user: User, item: SampleItem, evidence: Evidence | None) -> bool:
    """Tell whether the row is about ``user``, or they took part in it or have a stake in it."""
    sample = item.sample
    if evidence is not None:
        if user.pk == evidence.person_id or user.pk in evidence.people:
            return True
        if trail_of(sample.community_id, [evidence]).filter(actor=user).exists():
            return True
    is_theirs = subjects.subject(sample.subject).is_theirs
    return is_theirs(user, sample.community, item.subject_id)
