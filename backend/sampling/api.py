"""Samples of an auditor: drawing, marking, signing off, and the file."""

from typing import Any

from django.http.response import HttpResponseBase
from django.urls import path
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.fields import CharField, DateField, IntegerField, TextField
from backend.api.files import CSVRenderer, XLSXRenderer, in_each_format
from backend.api.filters import BooleanFilter, DaysFilter
from backend.api.paging import CursorPagination
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.audit import AuditEntrySerializer
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.api.shown import community, in_community
from backend.communities.models import Community
from backend.communities.selectors import AUDITS, WATCHES_OVER
from backend.documents import api as documents
from backend.replica import from_replica
from backend.sampling import files, selectors, services, subjects
from backend.sampling.models import (
    CONCLUSION_MAX,
    NOTE_MAX,
    SEED_MAX,
    SIZE_MAX,
    Sample,
    SampleItem,
)

SUBJECTS = subjects.choices()
MARKS = [choice for choice in SampleItem.Mark.choices if choice[0] != SampleItem.Mark.UNMARKED]
NAMELESS = "Names nobody: it stays when a person is erased."


# --- shapes -----------------------------------------------------------------------------------
class MarksSerializer(serializers.Serializer[Any]):
    """The number of items with each mark."""

    unmarked = serializers.IntegerField(read_only=True)
    right = serializers.IntegerField(read_only=True)
    doubtful = serializers.IntegerField(read_only=True)
    wrong = serializers.IntegerField(read_only=True)


class SampleSerializer(ReadSerializer[Sample]):
    """A sample, and how it was drawn.

    It holds the first ``size_asked`` of the period's rows, or all of them if they are fewer, in the
    order of SHA-256 of ``<seed>:<id>``. ``population`` is the number of rows that the period had
    then. ``head`` is that of the ledger's last seal at that moment, number ``head_number``; empty
    and null if nothing was sealed yet. ``digest`` (SHA-256) is of all that a signed-off sample
    says.
    """

    community = CommunityInBriefSerializer(read_only=True)
    subject = serializers.ChoiceField(choices=SUBJECTS, read_only=True)
    marks = serializers.SerializerMethodField()
    drawn_by = ColleagueSerializer(read_only=True)
    signed_off_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Sample
        fields = (
            "id",
            "since",
            "until",
            "size_asked",
            "population",
            "seed",
            "is_seed_given",
            "head_number",
            "head",
            "drawn_at",
            "signed_off_at",
            "conclusion",
            "digest",
        )

    @staticmethod
    def context_of(*samples: Sample) -> dict[str, Any]:
        return {"marks": selectors.marks_of(samples)}

    @extend_schema_field(MarksSerializer)
    def get_marks(self, sample: Sample) -> dict[str, int]:
        marks: dict[str, int] = self.context["marks"][sample.pk]
        return marks


class ConcernedSerializer(ReadSerializer[User]):
    """A person whom evidence is about: the name is masked."""

    name = serializers.CharField(source="masked_name", read_only=True)

    class Meta:
        model = User
        fields = ("id",)


class EvidenceSerializer(serializers.Serializer[Any]):
    """Evidence of one row, read now.

    ``basis`` is the version of the rule, or of the contract, that was in force; ``transfers`` are
    the ledger's, what reverses the first one after it. ``more`` is what else the row says.
    ``passing`` comes and goes rightly, such as coordinates, and is no part of the digest.
    """

    at = serializers.DateTimeField(read_only=True)
    what = serializers.CharField(read_only=True, help_text="In words.")
    person = serializers.SerializerMethodField()
    points = serializers.IntegerField(read_only=True, allow_null=True)
    amount_fen = serializers.IntegerField(read_only=True, allow_null=True)
    basis = serializers.DictField(read_only=True)
    arithmetic = serializers.DictField(read_only=True)
    transfers = serializers.ListField(child=serializers.DictField(), read_only=True)
    more = serializers.DictField(read_only=True)
    passing = serializers.DictField(read_only=True)

    @extend_schema_field(ConcernedSerializer(allow_null=True))
    def get_person(self, evidence: subjects.Evidence) -> Any:
        person = self.context["people"].get(evidence.person_id)
        return ConcernedSerializer(person).data if person else None


class SampleItemSerializer(ReadSerializer[SampleItem]):
    """An item of a sample with its evidence, which is null if the row is gone.

    ``has_changed`` tells that the evidence is not what it was when the sample was drawn. ``trail``
    are the acts on record about it, oldest first, null to who may not read the audit trail. Whoever
    is shown a dispute or a call for help is on record as its reader.
    """

    marked_by = ColleagueSerializer(read_only=True, allow_null=True)
    evidence = serializers.SerializerMethodField()
    has_changed = serializers.SerializerMethodField()
    trail = serializers.SerializerMethodField()

    class Meta:
        model = SampleItem
        fields = ("id", "position", "subject_id", "evidence_digest", "mark", "note", "marked_at")

    rows_for = staticmethod(selectors.told_to)

    @staticmethod
    def context_of(*items: Any) -> dict[str, Any]:
        evidence = selectors.evidence_of(items)
        told = [evidence[one.pk] for one in items if one.is_trail_told and one.pk in evidence]
        trail = selectors.trail_of(items[0].community_id, told) if told else []
        return {
            "evidence": evidence,
            "people": selectors.people_in(evidence.values()),
            "trail": list(trail),
        }

    @classmethod
    def shown_to(cls, reader: User, *items: SampleItem) -> None:
        services.note_reading(reader=reader, items=items)

    @extend_schema_field(EvidenceSerializer(allow_null=True))
    def get_evidence(self, item: SampleItem) -> Any:
        evidence = self.context["evidence"].get(item.pk)
        return EvidenceSerializer(evidence, context=self.context).data if evidence else None

    def get_has_changed(self, item: SampleItem) -> bool:
        return selectors.has_changed(item, self.context["evidence"].get(item.pk))

    @extend_schema_field(AuditEntrySerializer(many=True, allow_null=True))
    def get_trail(self, item: Any) -> Any:
        if not item.is_trail_told:
            return None
        evidence = self.context["evidence"].get(item.pk)
        about = set(evidence.acts_on) if evidence else set()
        acts = [one for one in self.context["trail"] if (one.target_type, one.target_id) in about]
        return AuditEntrySerializer(acts, many=True).data


class DrawSerializer(serializers.Serializer[Any]):
    """A sample to draw of the days ``since`` to ``until``, by the community's clock, all past."""

    subject = serializers.ChoiceField(choices=SUBJECTS)
    since = DateField()
    until = DateField(help_text="The last day; it is over.")
    size = IntegerField(min_value=1, max_value=SIZE_MAX)
    seed = CharField(
        max_length=SEED_MAX,
        allow_blank=True,
        default="",
        help_text="Empty: a random one is made. Who gives one shows that they chose no rows.",
    )


class MarkSerializer(serializers.Serializer[Any]):
    """A mark; what is doubtful or wrong needs a note."""

    mark = serializers.ChoiceField(choices=MARKS)
    note = TextField(max_length=NOTE_MAX, allow_blank=True, default="", help_text=NAMELESS)


class SampleSignOffSerializer(serializers.Serializer[Any]):
    """A sign-off, with what the auditor concludes."""

    conclusion = TextField(max_length=CONCLUSION_MAX, help_text=NAMELESS)


class SampleFilter(DaysFilter):
    moment = "drawn_at"
    subject = filters.ChoiceFilter(choices=SUBJECTS)
    signed_off = BooleanFilter(
        field_name="signed_off_at", lookup_expr="isnull", exclude=True, label="Whether it is."
    )


class ItemFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    mark = filters.ChoiceFilter(choices=SampleItem.Mark.choices)


class InTheirOrder(CursorPagination):
    """Pages in the order of the draw."""

    ordering = "position"


# --- samples ----------------------------------------------------------------------------------
SEEN: Any = seen(selectors.samples_seen_by, "sample_id")
AUDITED = seen(selectors.samples_audited_by, "sample_id")


@from_replica
class SampleListView(ListView[Sample]):
    """List samples, as staff or auditor, newest first: ``GET /api/v1/communities/{code}/samples``.

    ``since`` and ``until`` are about when they were drawn.
    """

    serializer_class = SampleSerializer
    filterset_class = SampleFilter
    finds = in_community(WATCHES_OVER, selectors.samples_in)

    @writes(
        SampleSerializer,
        community(AUDITS),
        body=DrawSerializer,
        creates=selectors.samples_in,
    )
    def post(self, user: User, community: Community, **facts: Any) -> Sample:
        """Draw a sample, as auditor: ``POST /api/v1/communities/{code}/samples``."""
        return services.draw(community=community, drawn_by=user, **facts)


@from_replica
class SampleView(OpenView[Sample]):
    """Open a sample, as staff or auditor: ``GET /api/v1/samples/{sample_id}``."""

    serializer_class = SampleSerializer
    finds = SEEN


class SignOffView(APIView):
    """Sign off a sample, as auditor: ``POST /api/v1/samples/{sample_id}/sign-off``.

    Every item has to be marked. Nothing of it changes any more. Idempotent for the same person and
    words.
    """

    @writes(SampleSerializer, AUDITED, body=SampleSignOffSerializer, needs_key=True)
    def post(self, user: User, sample: Sample, conclusion: str) -> Sample:
        return services.sign_off(sample=sample, conclusion=conclusion, signed_off_by=user)


@extend_schema(responses=documents.LATER)
class SampleFileView(APIView):
    """Fetch a sample as a file: ``GET /api/v1/samples/{sample_id}/items.xlsx``.

    Its head says how the sample was drawn and what was concluded. With more than 500 items a task
    makes the file: 202 until it is there, with ``Retry-After`` and its address in ``Location``.
    """

    def get(self, request: Request, **named: Any) -> HttpResponseBase:
        sample = SEEN(request, **named)
        return _file(request, sample, lines=min(sample.size_asked, sample.population))


@extend_schema(responses=documents.LATER)
class DrawFileView(APIView):
    """Fetch what a sample was drawn from: ``GET /api/v1/samples/{sample_id}/draw.csv``.

    Every row of the period, as it is now, in the order of the draw: the sample is the first ones.
    Of more than 500 rows a task makes the file, as it does for ``items.xlsx``.
    """

    def get(self, request: Request, **named: Any) -> HttpResponseBase:
        sample = SEEN(request, **named)
        return _file(request, sample, lines=sample.population)


def _file(request: Request, sample: Sample, *, lines: int) -> HttpResponseBase:
    return documents.answer(
        request,
        community=sample.community,
        kind="sample",
        about=files.about(sample),
        is_long=lines > documents.AT_ONCE,
    )


# --- items ------------------------------------------------------------------------------------
@from_replica
class SampleItemListView(ListView[SampleItem]):
    """List a sample's items with their evidence, as staff or auditor, in the order of the draw.

    ``GET /api/v1/samples/{sample_id}/items``
    """

    serializer_class = SampleItemSerializer
    filterset_class = ItemFilter
    pagination_class = InTheirOrder
    finds = below(SEEN, selectors.items_of)


@from_replica
class SampleItemView(OpenView[SampleItem]):
    """Open an item with its evidence, as staff or auditor.

    ``GET /api/v1/samples/{sample_id}/items/{item_id}``
    """

    serializer_class = SampleItemSerializer
    finds = below(SEEN, selectors.items_of, "item_id")

    @writes(
        SampleItemSerializer,
        below(AUDITED, selectors.items_of, "item_id"),
        body=MarkSerializer,
        edits=True,
    )
    def put(self, user: User, item: SampleItem, **facts: Any) -> SampleItem:
        """Mark an item, as auditor: ``PUT /api/v1/samples/{sample_id}/items/{item_id}``.

        It may be marked anew until the sample is signed off. Nobody marks what is about them, what
        they did themselves, or what happened at a shop where they work.
        """
        return services.mark(item=item, marked_by=user, **facts)


SAMPLE = "samples/<uuid:sample_id>"
urlpatterns = [
    path("communities/<slug:code>/samples", SampleListView.as_view()),
    path(SAMPLE, SampleView.as_view()),
    path(f"{SAMPLE}/sign-off", SignOffView.as_view()),
    path(f"{SAMPLE}/items", SampleItemListView.as_view()),
    path(f"{SAMPLE}/items/<uuid:item_id>", SampleItemView.as_view()),
    *in_each_format(f"{SAMPLE}/items", SampleFileView, (XLSXRenderer,)),
    *in_each_format(f"{SAMPLE}/draw", DrawFileView, (CSVRenderer,)),
]
