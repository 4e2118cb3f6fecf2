"""Verifications and what they found: read by those who watch over a community, decided by few."""

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from backend.accounts.api.serializers import ColleagueSerializer
from backend.accounts.models import User
from backend.api.fields import CharField
from backend.api.filters import BooleanFilter, CharFilter, DaysFilter, TextFilter
from backend.api.serializers import ReadSerializer
from backend.api.views import ListView, OpenView, below, seen, writes
from backend.communities.api.serializers import CommunityInBriefSerializer
from backend.communities.api.shown import community, in_community
from backend.communities.models import Community
from backend.communities.selectors import WATCHES_OVER
from backend.registries import checks
from backend.replica import from_replica
from backend.verification import selectors
from backend.verification.models import EVERYTHING, KINDS, Finding, Verification
from backend.verification.services import asking, findings


class VerificationSerializer(ReadSerializer[Verification]):
    """A verification: of everything, or of what is new since the one before (``since_id``).

    ``asked_by`` is null if the clock or an operator asked. ``seal`` and ``head`` are the last
    seal's when it began, 0 and null if there was none. While it runs, ``under_way`` is the check
    being made, and ``checks_over`` of ``checks_count`` are over. ``findings_count`` tells all that
    it found, ``new_findings_count`` what had not been found before.
    """

    community = CommunityInBriefSerializer(read_only=True)
    since_id = serializers.UUIDField(read_only=True, allow_null=True)
    asked_by = ColleagueSerializer(read_only=True, allow_null=True)
    stopped_by = ColleagueSerializer(read_only=True, allow_null=True)
    head = serializers.SerializerMethodField()
    under_way = serializers.CharField(read_only=True)  # "" between checks
    checks_over = serializers.SerializerMethodField()

    class Meta:
        model = Verification
        fields: tuple[str, ...] = (
            "id",
            "community",
            "kind",
            "status",
            "is_whole",
            "since_id",
            "asked_at",
            "asked_by",
            "started_at",
            "finished_at",
            "stopped_by",
            "seal",
            "head",
            "under_way",
            "checks_count",
            "checks_over",
            "findings_count",
            "new_findings_count",
        )

    def get_head(self, verification: Verification) -> str | None:
        return None if verification.head is None else bytes(verification.head).hex()

    def get_checks_over(self, verification: Verification) -> int:
        return len(verification.checks)


class PromiseSerializer(serializers.Serializer[Any]):
    """A check: what it promises, and what a finding of it means and asks for."""

    check = serializers.CharField(read_only=True)
    promise = serializers.CharField(read_only=True)
    advice = serializers.CharField(read_only=True)


class CheckSerializer(PromiseSerializer):
    """A check that is over: the rows it read, how long it took and how much it found.

    ``new``: how many of its findings no verification had found before.
    ``is_whole``: it read everything, not only what is new. ``error`` is empty unless it broke off.
    """

    rows = serializers.IntegerField(read_only=True)
    seconds = serializers.FloatField(read_only=True)
    findings = serializers.IntegerField(read_only=True)
    new = serializers.IntegerField(read_only=True)
    is_whole = serializers.BooleanField(read_only=True)
    error = serializers.CharField(read_only=True)


class VerificationInFullSerializer(VerificationSerializer):
    """A verification with the checks that are over, in their order."""

    checks = serializers.SerializerMethodField()

    @extend_schema_field(CheckSerializer(many=True))
    def get_checks(self, verification: Verification) -> Any:
        over = [one | words_of(one["check"]) for one in verification.checks]
        return CheckSerializer(over, many=True).data


class VerificationAskedSerializer(serializers.Serializer[Any]):
    """A verification to ask for."""

    kind = serializers.ChoiceField(choices=KINDS, default=EVERYTHING, initial=EVERYTHING)
    is_whole = serializers.BooleanField(
        default=True,
        initial=True,
        help_text="Read everything, else what is new since the last verification.",
    )


class FindingSerializer(ReadSerializer[Finding]):
    """A row that breaks a promise; ``because`` says what is there and what should be.

    ``row`` is the row's id in ``table``, or the name of what is no row. It was found first by one
    verification and seen last by another; ``gone_since`` says when it was not found again.
    """

    community = CommunityInBriefSerializer(read_only=True)
    check = serializers.CharField(source="check_name", read_only=True)
    promise = serializers.SerializerMethodField()
    advice = serializers.SerializerMethodField()
    first_found_by_id = serializers.UUIDField(read_only=True)
    last_seen_by_id = serializers.UUIDField(read_only=True)
    signed_off_by = ColleagueSerializer(read_only=True, allow_null=True)

    class Meta:
        model = Finding
        fields = (
            "id",
            "community",
            "kind",
            "check",
            "promise",
            "advice",
            "table",
            "row",
            "because",
            "first_found_by_id",
            "last_seen_by_id",
            "found_at",
            "gone_since",
            "status",
            "signed_off_by",
            "signed_off_at",
            "words",
        )

    def get_promise(self, finding: Finding) -> str:
        return words_of(finding.check_name)["promise"]

    def get_advice(self, finding: Finding) -> str:
        return words_of(finding.check_name)["advice"]


class FindingSignOffSerializer(serializers.Serializer[Any]):
    """A signature under a finding."""

    words = CharField(max_length=500, help_text="What was done, or why nothing is to be done.")


class VerificationFilter(DaysFilter):
    moment = "asked_at"
    kind = filters.ChoiceFilter(choices=KINDS)
    status = filters.ChoiceFilter(choices=Verification.Status.choices)
    is_whole = BooleanFilter()


class FindingFilter(DaysFilter):
    moment = "found_at"
    check = CharFilter(field_name="check_name", help_text="Such as `totals`.")
    kind = filters.ChoiceFilter(choices=checks.Kind.choices)
    status = filters.ChoiceFilter(choices=Finding.Status.choices)
    is_gone = BooleanFilter(field_name="gone_since", lookup_expr="isnull", exclude=True)
    table = CharFilter(help_text="The database's name of a table.")
    row = CharFilter(help_text="The id of a row: all that was found of it.")
    text = TextFilter("because", "words")


@from_replica
class VerificationListView(ListView[Verification]):
    """List the verifications of a community: ``GET /api/v1/communities/{code}/verifications``.

    Newest first. For staff, managers and auditors.
    """

    serializer_class = VerificationSerializer
    filterset_class = VerificationFilter
    finds = in_community(WATCHES_OVER, selectors.verifications_of)

    @writes(
        VerificationSerializer,
        community(selectors.DECIDES),
        body=VerificationAskedSerializer,
        creates=selectors.verifications_of,
        status=202,
    )
    def post(self, user: User, community: Community, *, kind: str, is_whole: bool) -> Verification:
        """Ask for a verification: ``POST /api/v1/communities/{code}/verifications``.

        For auditors and managers, of the community or of the street above it. A worker runs it;
        ``Location`` says where it can be watched. ``verification_under_way`` while one of the kind
        waits or runs.
        """
        return asking.ask(community=community, kind=kind, is_whole=is_whole, asked_by=user)

    def finalize_response(
        self, request: Request, response: Response, *args: Any, **kwargs: Any
    ) -> Response:
        told = super().finalize_response(request, response, *args, **kwargs)
        if told.status_code == 202:
            told["Location"] = request.build_absolute_uri(f"{request.path}/{told.data['id']}")
        return told


@from_replica
class VerificationView(OpenView[Verification]):
    """Open a verification, how far it has come, and its checks.

    ``GET /api/v1/communities/{code}/verifications/{verification_id}``. For staff, managers and
    auditors.
    """

    serializer_class = VerificationInFullSerializer
    finds = in_community(WATCHES_OVER, selectors.verifications_of, "verification_id")


class StopView(APIView):
    """Stop a verification: ``POST /api/v1/verifications/{verification_id}/stop``.

    For auditors and managers. It ends within seconds, and what it has found stays. Idempotent;
    ``verification_over`` if it has ended otherwise.
    """

    @writes(
        VerificationInFullSerializer, seen(selectors.verifications_decided_by, "verification_id")
    )
    def post(self, user: User, verification: Verification) -> Verification:
        return asking.stop(verification=verification, by=user)


@from_replica
class FindingListView(ListView[Finding]):
    """List all that verifications found: ``GET /api/v1/communities/{code}/findings``.

    Newest first. For staff, managers and auditors.
    """

    serializer_class = FindingSerializer
    filterset_class = FindingFilter
    finds = in_community(WATCHES_OVER, selectors.findings_of)


@from_replica
class VerificationFindingListView(ListView[Finding]):
    """List what stood when a verification ran, of the checks that it made.

    ``GET /api/v1/communities/{code}/verifications/{verification_id}/findings``. Newest first. For
    staff, managers and auditors. Of one check at most a thousand are kept.
    """

    serializer_class = FindingSerializer
    filterset_class = FindingFilter
    finds = below(VerificationView.finds, selectors.findings_at)


@from_replica
class FindingView(OpenView[Finding]):
    """Open a finding: ``GET /api/v1/findings/{finding_id}``. For staff, managers and auditors."""

    serializer_class = FindingSerializer
    finds = seen(selectors.findings_seen_by, "finding_id")


class SignOffView(APIView):
    """Sign a finding off, with words: ``POST /api/v1/findings/{finding_id}/sign-off``.

    For auditors and managers. It is final, and stays signed off as long as it is found unchanged.
    ``finding_signed_off`` if somebody did already, or with other words.
    """

    @writes(
        FindingSerializer,
        seen(selectors.findings_decided_by, "finding_id"),
        body=FindingSignOffSerializer,
    )
    def post(self, user: User, finding: Finding, *, words: str) -> Finding:
        return findings.sign_off(finding=finding, by=user, words=words)


def words_of(name: str) -> dict[str, str]:
    """Return the words about a check, in the active language; of one that is no more, none."""
    check = checks.named(name)
    return {
        "promise": str(check.promise) if check else "",
        "advice": str(check.advice) if check else "",
    }
