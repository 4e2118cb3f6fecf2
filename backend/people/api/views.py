"""People of a place, their suspensions, and what two of the staff decide about their records."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from rest_framework.request import Request
from rest_framework.views import APIView

from backend.accounts.models import User
from backend.api.code_pictures import CodePictureView
from backend.api.filters import BooleanFilter, PersonFilter, TextFilter
from backend.api.views import ListView, OpenView, below, nothing, seen, writes
from backend.communities.api import shown
from backend.communities.errors import PersonUnknown
from backend.communities.models import Community, Suspension
from backend.communities.selectors import HANDLES, MANAGES, SUSPENDS_NOW, WATCHES_OVER
from backend.people import selectors
from backend.people.api.serializers import (
    LogInChangeSerializer,
    LogInLinkSerializer,
    MergeInBriefSerializer,
    MergeSerializer,
    MySuspensionSerializer,
    PersonInBriefSerializer,
    PersonRecordSerializer,
    ProposeLogInChangeSerializer,
    ProposeMergeSerializer,
    ResetAuthenticatorSerializer,
    SuspendSerializer,
    SuspensionSerializer,
    link_of,
)
from backend.people.models import LogInChange, LogInLink, Loss, Merge, Proposal
from backend.people.services import authenticators, log_in_links, log_ins, merges, suspensions


def _person_in(place: Community, user_id: UUID) -> User:
    """Return a person of the place. Raises PersonUnknown."""
    person: User | None = selectors.people_in(place).filter(pk=user_id).first()
    if person is None:
        raise PersonUnknown
    return person


# --- people -----------------------------------------------------------------------------------
class PersonInPlaceFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    text = TextFilter("name", help_text="Part of their name.")
    is_suspended = BooleanFilter(label="Whether they are suspended here now.")


class PersonListView(ListView[User]):
    """List the people of a place, newest first: ``GET /api/v1/communities/{code}/people``.

    Those who hold or held a role there or below it; a record that was merged into another one is
    left out. For staff, managers and auditors of the place or of one above.
    """

    serializer_class = PersonInBriefSerializer
    filterset_class = PersonInPlaceFilter
    finds = below(shown.place(WATCHES_OVER), selectors.people_in)


def _person(request: Request, **named: Any) -> User:
    """Find a person of the place that the address names, as staff there see them."""
    place = shown.place(WATCHES_OVER)(request, **named)
    person: Any = get_object_or_404(selectors.people_in(place), pk=named["user_id"])
    person.seen_from = place
    found: User = person
    return found


class PersonView(OpenView[User]):
    """Open a person's record: ``GET /api/v1/communities/{code}/people/{user_id}``.

    It tells what concerns the place and what is below it. For staff, managers and auditors of the
    place or of one above.
    """

    serializer_class = PersonRecordSerializer
    finds = _person


class AlikeListView(ListView[User]):
    """List people of the place who may be the same person, newest first.

    ``GET /api/v1/communities/{code}/people/{user_id}/alike``: those with a name like theirs, or
    with none. For staff, managers and auditors.
    """

    serializer_class = PersonInBriefSerializer
    filterset_class = PersonInPlaceFilter
    finds = below(_person, selectors.alike)


_handled_person = below(shown.place(HANDLES), selectors.people_in, "user_id")
_managed_person = below(shown.managed_place, selectors.people_in, "user_id")


class ResetAuthenticatorView(APIView):
    """Remove a lost authenticator of staff, a manager or an auditor.

    ``POST /api/v1/communities/{code}/people/{user_id}/reset-authenticator``. For who manages a
    place above each where they are manager or auditor; of the topmost place it is the operator.
    Their log-ins end, and they set up another one at the next.
    """

    @writes(nothing, _managed_person, body=ResetAuthenticatorSerializer, needs_key=True)
    def post(self, user: User, person: User, loss: str) -> None:
        place = shown.managed_place(self.request, code=self.kwargs["code"])
        authenticators.reset(user=person, place=place, by=user, loss=Loss(loss))


# --- suspensions ------------------------------------------------------------------------------
class SuspensionFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    person = PersonFilter("user")
    is_in_force = BooleanFilter(method="holding", label="Whether it holds now.")

    def holding(self, found: QuerySet[Suspension], name: str, does: bool) -> QuerySet[Suspension]:
        return found.filter(SUSPENDS_NOW) if does else found.exclude(SUSPENDS_NOW)


class SuspensionListView(ListView[Suspension]):
    """List who is or was suspended from a place: ``GET /api/v1/communities/{code}/suspensions``.

    Newest first. ``code`` names a street or a community. For staff, managers and auditors.
    """

    serializer_class = SuspensionSerializer
    filterset_class = SuspensionFilter
    finds = below(shown.wide_place(WATCHES_OVER), selectors.suspensions_in)


class SuspendView(APIView):
    """Suspend a person: ``POST /api/v1/communities/{code}/people/{user_id}/suspensions``.

    For managers; ``code`` names a street or a community. The person sees their points and history,
    exports their data and leaves, and does nothing else there; what they have under way ends.
    ``is_everywhere`` is for who manages all places of the person: it ends their log-ins, too.
    """

    @writes(
        SuspensionSerializer,
        below(shown.wide_place(MANAGES), selectors.people_in, "user_id"),
        body=SuspendSerializer,
        shows=below(shown.wide_place(WATCHES_OVER), selectors.suspensions_in),
        status=201,
        needs_key=True,
    )
    def post(self, user: User, person: User, **facts: Any) -> Suspension:
        place = shown.wide_place(MANAGES)(self.request, **self.kwargs)
        return suspensions.suspend(place=place, user=person, by=user, **facts)


class MySuspensionListView(ListView[Suspension]):
    """List my suspensions, newest first: ``GET /api/v1/me/suspensions``."""

    serializer_class = MySuspensionSerializer
    pagination_class = None
    finds = seen(selectors.my_suspensions)


class SuspensionView(OpenView[Suspension]):
    """Open a suspension: ``GET /api/v1/suspensions/{suspension_id}``. For staff and auditors."""

    serializer_class = SuspensionSerializer
    finds = seen(selectors.suspensions_seen_by, "suspension_id")


class LiftSuspensionView(APIView):
    """Lift a suspension now: ``POST /api/v1/suspensions/{suspension_id}/lift``.

    For managers of its place or of one above. Idempotent: keeps the first end.
    """

    @writes(SuspensionSerializer, seen(selectors.suspensions_managed_by, "suspension_id"))
    def post(self, user: User, suspension: Suspension) -> Suspension:
        return suspensions.lift(suspension=suspension, by=user)


# --- changed log-ins --------------------------------------------------------------------------
class LogInChangeFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Proposal.Status.choices)
    person = PersonFilter("user")


class LogInChangeListView(ListView[LogInChange]):
    """List proposed changes of log-ins: ``GET /api/v1/communities/{code}/log-in-changes``.

    Newest first, for staff, managers and auditors.
    """

    serializer_class = LogInChangeSerializer
    filterset_class = LogInChangeFilter
    finds = below(shown.place(WATCHES_OVER), selectors.log_in_changes_in)


class ProposeLogInChangeView(APIView):
    """Propose another phone number, or to forget WeChat, for somebody who lost theirs.

    ``POST /api/v1/communities/{code}/people/{user_id}/log-in-changes``. For staff and managers;
    about staff and managers, for who might withdraw their roles. Somebody else confirms it within
    seven days. The person is told now, and again then.
    """

    @writes(
        LogInChangeSerializer,
        _handled_person,
        body=ProposeLogInChangeSerializer,
        shows=below(shown.place(HANDLES), selectors.log_in_changes_in),
        status=201,
        needs_key=True,
    )
    def post(self, user: User, person: User, **facts: Any) -> LogInChange:
        place = shown.place(HANDLES)(self.request, **self.kwargs)
        return log_ins.propose(place=place, user=person, by=user, **facts)


class LogInChangeView(OpenView[LogInChange]):
    """Open a change of a log-in: ``GET /api/v1/log-in-changes/{log_in_change_id}``."""

    serializer_class = LogInChangeSerializer
    finds = seen(selectors.log_in_changes_seen_by, "log_in_change_id")


HANDLED_CHANGE = seen(selectors.log_in_changes_handled_by, "log_in_change_id")


class ConfirmLogInChangeView(APIView):
    """Confirm a change of a log-in: ``POST /api/v1/log-in-changes/{log_in_change_id}/confirm``.

    For staff and managers, other than who proposed it. The person's log-ins end.
    """

    @writes(LogInChangeSerializer, HANDLED_CHANGE)
    def post(self, user: User, change: LogInChange) -> LogInChange:
        return log_ins.confirm(change=change, by=user)


class RejectLogInChangeView(APIView):
    """Reject a change of a log-in: ``POST /api/v1/log-in-changes/{log_in_change_id}/reject``.

    Whoever proposed it takes it back so.
    """

    @writes(LogInChangeSerializer, HANDLED_CHANGE)
    def post(self, user: User, change: LogInChange) -> LogInChange:
        return log_ins.reject(change=change, by=user)


# --- links to log in with ---------------------------------------------------------------------
class MakeLogInLinkView(APIView):
    """Make a link by which a person logs in who can not by themselves.

    ``POST /api/v1/communities/{code}/people/{user_id}/log-in-links``. For staff and managers, about
    people on whom nobody else depends (``no_link_for_them``). It is good once, for 72 hours, until
    another one is made. The person is told. Repeated with the same key the answer has the link
    until it was used, then null.
    """

    @writes(LogInLinkSerializer, _handled_person, creates=selectors.log_in_links_of)
    def post(self, user: User, person: User) -> LogInLink:
        place = shown.place(HANDLES)(self.request, **self.kwargs)
        return log_in_links.make(place=place, user=person, by=user)


MY_LINK = seen(selectors.log_in_links_made_by, "log_in_link_id")


class LogInLinkView(OpenView[LogInLink]):
    """Open a link that I made: ``GET /api/v1/log-in-links/{log_in_link_id}``."""

    serializer_class = LogInLinkSerializer
    finds = MY_LINK


class LogInLinkPictureView(CodePictureView):
    """Show a link that I made as a QR code, to be scanned by a phone's own camera.

    ``GET /api/v1/log-in-links/{log_in_link_id}/code.svg`` (and ``.png``).
    """

    def code(self, request: Request, **named: Any) -> str | None:
        link: Any = MY_LINK(request, **named)
        return link_of(link, request)


class RevokeLogInLinkView(APIView):
    """Make a link good no more: ``POST /api/v1/log-in-links/{log_in_link_id}/revoke``.

    For who made it. Idempotent: keeps the first ``revoked_at``.
    """

    @writes(LogInLinkSerializer, MY_LINK)
    def post(self, user: User, link: LogInLink) -> LogInLink:
        return log_in_links.revoke(link=link, by=user)


# --- merges -----------------------------------------------------------------------------------
class MergeFilter(filters.FilterSet):  # type: ignore[misc]  # django-filter is untyped
    status = filters.ChoiceFilter(choices=Proposal.Status.choices)


class MergeListView(ListView[Merge]):
    """List proposed merges of records: ``GET /api/v1/communities/{code}/merges``.

    Newest first, for staff, managers and auditors.
    """

    serializer_class = MergeInBriefSerializer
    filterset_class = MergeFilter
    finds = below(shown.place(WATCHES_OVER), selectors.merges_in)


class ProposeMergeView(APIView):
    """Propose to merge a record into another one of the same person.

    ``POST /api/v1/communities/{code}/people/{user_id}/merges``. The record that the address names
    ends, ``kept_id`` goes on. For staff and managers whose reach has all places of the record that
    ends. The answer shows what each has and what stands against it. Somebody else confirms it
    within seven days.
    """

    @writes(
        MergeSerializer,
        _handled_person,
        body=ProposeMergeSerializer,
        shows=below(shown.place(HANDLES), selectors.merges_in),
        status=201,
        needs_key=True,
    )
    def post(self, user: User, merged: User, kept_id: UUID, **facts: Any) -> Merge:
        place = shown.place(HANDLES)(self.request, **self.kwargs)
        kept = _person_in(place, kept_id)
        return merges.propose(place=place, merged=merged, kept=kept, by=user, **facts)


class MergeView(OpenView[Merge]):
    """Open a merge: ``GET /api/v1/merges/{merge_id}``. For staff, managers and auditors."""

    serializer_class = MergeSerializer
    finds = seen(selectors.merges_seen_by, "merge_id")


HANDLED_MERGE = seen(selectors.merges_handled_by, "merge_id")


class ConfirmMergeView(APIView):
    """Merge two records, for good: ``POST /api/v1/merges/{merge_id}/confirm``.

    It can not be undone. For staff and managers, other than who proposed it. What the record that
    ends has under way ends, its log-ins, roles and points go to the one that stays, and its hours
    and reports stay as history, which count for the person.
    """

    @writes(MergeSerializer, HANDLED_MERGE)
    def post(self, user: User, merge: Merge) -> Merge:
        return merges.confirm(merge=merge, by=user)


class RejectMergeView(APIView):
    """Reject a merge: ``POST /api/v1/merges/{merge_id}/reject``.

    Whoever proposed it takes it back so.
    """

    @writes(MergeSerializer, HANDLED_MERGE)
    def post(self, user: User, merge: Merge) -> Merge:
        return merges.reject(merge=merge, by=user)
