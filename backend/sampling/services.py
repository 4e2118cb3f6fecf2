"""Drawing samples, marking their items, signing them off."""

import secrets
from collections.abc import Sequence
from datetime import date, datetime
from typing import NoReturn

from django.db import IntegrityError, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.errors import Refusal
from backend.registries import heads
from backend.registries.checks import LONGEST_TRANSACTION
from backend.sampling import errors, selectors, subjects
from backend.sampling.models import Sample, SampleItem
from backend.sql import constraint_of

Mark = SampleItem.Mark

_BY_CONSTRAINT: dict[str | None, type[Refusal]] = {
    "sample_doubt_has_a_note": errors.NoteMissing,
    "sample_is_signed_off": errors.SampleSignedOff,
    "sample_is_whole": errors.SampleNotMarked,
}


@transaction.atomic
def draw(
    *,
    community: Community,
    subject: str,
    since: date,
    until: date,
    size: int,
    drawn_by: User,
    seed: str = "",
    now: datetime | None = None,
) -> Sample:
    """Draw ``size`` rows of the period by chance, or all if there are fewer.

    The order of the draw is that of SHA-256 of ``<seed>:<id>`` (``selectors.in_order``); without a
    ``seed`` a random one is made. It is kept with the sample, as are the period and the number of
    its rows, so that anybody can draw again. Raises PeriodBackwards, DaysNotOver, NothingToDraw.
    """
    if until < since:
        raise errors.PeriodBackwards
    # Of such days no transaction is still to be committed, so the population grows no more.
    settled = (now or timezone.now()) - LONGEST_TRANSACTION
    if until >= settled.astimezone(community.clock).date():
        raise errors.DaysNotOver
    kept_seed = seed or secrets.token_hex(16)
    rows = selectors.population(community, subject, since, until)
    ids, population = selectors.drawn(rows, seed=kept_seed, size=size)
    if not ids:
        raise errors.NothingToDraw
    head = heads.last_head(community.pk)
    sample = Sample.objects.create(
        community=community,
        subject=subject,
        since=since,
        until=until,
        size_asked=size,
        population=population,
        seed=kept_seed,
        is_seed_given=bool(seed),
        head_number=head.number if head else None,
        head=head.value if head else "",
        drawn_by=drawn_by,
    )
    evidence = subjects.subject(subject).evidence(community, ids)
    SampleItem.objects.bulk_create(
        SampleItem(
            community=community,
            sample=sample,
            position=position,
            subject_id=pk,
            evidence_digest=evidence[pk].digest if pk in evidence else "",
        )
        for position, pk in enumerate(ids, start=1)
    )
    drawn = ("subject", "since", "until", "size_asked", "population", "seed", "is_seed_given")
    facts = trail.facts_of(sample, *drawn, "head_number", "head")
    trail.record("sample.draw", actor=drawn_by, target=sample, after=facts)
    return sample


@transaction.atomic
def mark(*, item: SampleItem, mark: Mark, note: str, marked_by: User) -> SampleItem:
    """Mark an item, or mark it anew, as long as its sample is not signed off.

    A note says what is doubtful or wrong. Raises OwnSampleItem if ``marked_by`` has a part or a
    stake in the row, NoteMissing, SampleSignedOff.
    """
    item = item.locked("sample__community")
    evidence = selectors.evidence_of([item]).get(item.pk)
    if selectors.has_part_in(marked_by, item, evidence):
        raise errors.OwnSampleItem
    before = item.mark
    try:
        with transaction.atomic():
            item.save_with(mark=mark, note=note, marked_by=marked_by, marked_at=timezone.now())
    except IntegrityError as error:
        _refuse(error)
    trail.record(
        "sample_item.mark",
        actor=marked_by,
        target=item,
        before={"mark": before},
        after={"mark": mark},
    )
    return item


@transaction.atomic
def sign_off(*, sample: Sample, conclusion: str, signed_off_by: User) -> Sample:
    """Sign off a sample whose items are all marked; nothing of it changes any more.

    Its ``digest``, of all that it says, goes into the audit trail. Idempotent for the same person
    and words. Raises SampleSignedOff, SampleNotMarked.
    """
    sample = sample.locked("community")
    if sample.signed_off_at is not None:
        if (sample.signed_off_by_id, sample.conclusion) == (signed_off_by.pk, conclusion):
            return sample
        raise errors.SampleSignedOff
    try:
        with transaction.atomic():
            sample.save_with(
                signed_off_by=signed_off_by,
                signed_off_at=timezone.now(),
                conclusion=conclusion,
            )
    except IntegrityError as error:
        _refuse(error)
    sample = sample.locked("community")  # with the digest that the trigger made
    facts = {"digest": sample.digest, **selectors.marks_of([sample])[sample.pk]}
    trail.record("sample.sign_off", actor=signed_off_by, target=sample, after=facts)
    return sample


def note_reading(*, reader: User, items: Sequence[SampleItem]) -> None:
    """Write down who reads the evidence of ``items`` of one sample, where it is confidential.

    The items have their sample and its community. Callers answer afterwards.
    """
    if items:
        sample, ids = items[0].sample, [item.subject_id for item in items]
        subjects.subject(sample.subject).note_reading(reader, sample.community, ids)


def _refuse(error: IntegrityError) -> NoReturn:
    """Raise the refusal that the violated constraint stands for, or the error itself."""
    refusal = _BY_CONSTRAINT.get(constraint_of(error))
    if refusal is None:
        raise error
    raise refusal from None
