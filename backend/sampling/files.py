"""Files of a sample: its items with their marks and notes, and all that it was drawn from.

Neither has the words of a report: those of a dispute are nobody's to carry away.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from django.utils.translation import gettext as _

from backend.accounts.models import User
from backend.documents.models import Document
from backend.documents.selectors import streamed
from backend.files import spreadsheets
from backend.files.spreadsheets import Cell, Sheet
from backend.sampling import selectors, subjects
from backend.sampling.models import Sample, SampleItem
from backend.sampling.subjects import Evidence


def about(sample: Sample) -> dict[str, Any]:
    """Return what a document is about. A file from before the sign-off is not that of after it."""
    return {"sample": str(sample.pk), "is_signed_off": sample.signed_off_at is not None}


def seen_by(user: User, document: Document) -> bool:
    """Tell whether ``user`` may read the sample that the document is about."""
    its = selectors.samples_seen_by(user).filter(community=document.community_id)
    return its.filter(pk=document.about["sample"]).exists()


def write(document: Document, file: IO[bytes]) -> str:
    """Write a sample's items (XLSX), or all it was drawn from (CSV). Returns the file's name."""
    community = document.community
    sample = selectors.samples_in(community).get(pk=document.about["sample"])
    title = subjects.subject(sample.subject).title
    name = f"{community.name} {_('Sample')} {title} {sample.since} – {sample.until}"
    sheet = _items(name, sample) if document.ending == "xlsx" else _draw(name, sample)
    spreadsheets.write(sheet, file, document.ending)
    return name


def _items(name: str, sample: Sample) -> Sheet:
    return Sheet(name, _header(), _rows(sample), head=_head(sample))


def _draw(name: str, sample: Sample) -> Sheet:
    """Return every row of the period, as it is now, in the order of the draw."""
    ordered = selectors.in_order(selectors.population_of(sample), sample.seed)
    lines = enumerate(streamed(ordered.values_list("pk", "rank")), start=1)
    rows = ([number, str(pk), rank] for number, (pk, rank) in lines)
    return Sheet(name, [_("No."), _("Id"), _("SHA-256 of seed:id")], rows)


def _head(sample: Sample) -> list[tuple[str, Cell]]:
    community = sample.community
    marks = selectors.marks_of([sample])[sample.pk]
    counted = (f"{_mark(mark)} {count}" for mark, count in marks.items())
    head: list[tuple[str, Cell]] = [
        (_("Community"), community.name),
        (_("Sample of"), str(subjects.subject(sample.subject).title)),
        (_("Sample"), str(sample.pk)),
        (_("Days"), f"{sample.since} – {sample.until}"),
        (_("Population"), sample.population),
        (_("Items asked for"), sample.size_asked),
        (_("Seed"), sample.seed),
        (_("Seed given by the auditor"), _("Yes") if sample.is_seed_given else _("No")),
        (_("Drawn by"), sample.drawn_by.shown_name),
        (_("Drawn at"), sample.drawn_at.astimezone(community.clock)),
        (_("Last seal when drawn"), sample.head_number or ""),
        (_("Head of that seal"), sample.head),
        (_("Marks"), ", ".join(counted)),
        (_("Signed off by"), sample.signed_off_by.shown_name if sample.signed_off_by else ""),
        (_("Signed off at"), _local(sample, sample.signed_off_at)),
        (_("Conclusion"), sample.conclusion),
        (_("Digest (SHA-256)"), sample.digest),
    ]
    return head


def _header() -> list[str]:
    return [
        _("No."),
        _("Id"),
        _("Time"),
        _("What happened"),
        _("Person"),
        _("Points"),
        _("Amount (fen)"),
        _("Rule or terms"),
        _("Transfer"),
        _("Key"),
        _("Mark"),
        _("Note"),
        _("Marked by"),
        _("Marked at"),
        _("Changed since it was drawn"),
        _("Digest of the evidence"),
    ]


def _rows(sample: Sample) -> Iterator[list[Cell]]:
    items = list(selectors.items_of(sample))
    evidence = selectors.evidence_of(items)
    people = selectors.people_in(evidence.values())
    for item in items:
        one = evidence.get(item.pk)
        yield [
            item.position,
            str(item.subject_id),
            *(_said(sample, one, people) if one else [_("It is gone."), *[""] * 7]),
            _mark(item.mark),
            item.note,
            item.marked_by.shown_name if item.marked_by else "",
            _local(sample, item.marked_at),
            _("Yes") if selectors.has_changed(item, one) else _("No"),
            item.evidence_digest,
        ]


def _said(sample: Sample, one: Evidence, people: dict[Any, User]) -> list[Cell]:
    person = people.get(one.person_id)
    moved = one.transfers[0] if one.transfers else {}
    return [
        _local(sample, one.at),
        one.what,
        person.masked_name if person else "",
        "" if one.points is None else one.points,
        "" if one.amount_fen is None else one.amount_fen,
        ", ".join(f"{name}: {value}" for name, value in one.basis.items() if value is not None),
        str(moved.get("id", "")),
        str(moved.get("key", "")),
    ]


def _mark(mark: str) -> str:
    return _(SampleItem.Mark(mark).label)


def _local(sample: Sample, moment: datetime | None) -> Cell:
    return moment.astimezone(sample.community.clock) if moment else ""
