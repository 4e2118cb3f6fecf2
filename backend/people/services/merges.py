"""Merging two records of one person. What was done under each stays where it was done."""

from collections.abc import Iterator

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from backend.accounts.models import Consent, Guardianship, User
from backend.accounts.selectors import consents_in_force
from backend.accounts.services import guardians, sessions
from backend.accounts.services.people import all_locked, keep_off_lists
from backend.audit import services as trail
from backend.communities.models import Community, Membership
from backend.communities.selectors import HANDLES, suspensions_in_force
from backend.communities.services import roles
from backend.names import is_one_person
from backend.notices import personal
from backend.people import selectors
from backend.people.errors import MergeOfOne, MergeRefused, OwnPerson
from backend.people.models import Merge
from backend.people.services.proposals import is_decided_so, require_open
from backend.people.services.standing import (
    require_above,
    require_no_operator,
    require_reach,
)
from backend.privacy.selectors import holds_a_role, moved_of
from backend.registries import merging
from backend.registries.leaving import tell_everywhere

Status, Conflict = Merge.Status, Merge.Conflict


@transaction.atomic
def propose(
    *, place: Community, merged: User, kept: User, by: User, seen_by: str, reason: str
) -> Merge:
    """Propose that the record ``merged`` go on in ``kept``. Nothing changes before it is confirmed.

    Raises MergeOfOne, OwnPerson, StandsAbove, BelongsElsewhere (whoever merges handles all places
    of the record that is merged).
    """
    _require_right(by, merged, kept)
    merge = Merge.objects.create(
        community=place, merged=merged, kept=kept, seen_by=seen_by, reason=reason, proposed_by=by
    )
    merge.refresh_from_db(fields=["proposed_at"])  # the database's own time
    _record("merge.propose", merge, by)
    return merge


@transaction.atomic
def confirm(*, merge: Merge, by: User) -> Merge:
    """Merge the two records, for good: it can not be undone. Idempotent for the same decider.

    What the merged record has under way ends, its log-ins, roles and points go to the one that is
    kept, and nobody logs in to it again. Hours, reports and awards stay under it as history, which
    the person's totals, export and erasure include. Raises OwnPerson, StandsAbove,
    BelongsElsewhere, ProposalDecided, OwnProposal, ProposalExpired, MergeRefused.
    """
    merge, merged, kept = _locked(merge)
    if is_decided_so(merge, Status.CONFIRMED, by):
        return merge
    _require_right(by, merged, kept)
    require_open(merge, confirmed_by=by)
    if against := selectors.standing_against(merging.conflicts(merged, kept)):
        raise MergeRefused(conflicts=against)
    now = timezone.now()
    figures = selectors.figures_of(merged, kept)
    tell_everywhere(merged.pk, now)
    _move_log_ins(merged, kept)
    merging.tell(merging.Merging(id=merge.pk, merged=merged, kept=kept, at=now))
    for role in Membership.objects.filter(user=merged, ended_at=None).order_by("pk"):
        roles.end(membership=role, ended_by=by)
    merge.save_with(status=Status.CONFIRMED, decided_by=by, decided_at=now, figures=figures)
    _record("merge.confirm", merge, by)
    personal.tell(
        "records_merged",
        person=kept,
        about=merge.pk,
        facts={"place": merge.community.name},
        moments={"at": now},
    )
    return merge


@transaction.atomic
def reject(*, merge: Merge, by: User) -> Merge:
    """Reject the merge, or take it back. Idempotent for the same decider.

    Raises OwnPerson, StandsAbove, BelongsElsewhere, ProposalDecided.
    """
    merge, merged, kept = _locked(merge)
    if not is_decided_so(merge, Status.REJECTED, by):
        _require_right(by, merged, kept)
        require_open(merge)
        merge.save_with(status=Status.REJECTED, decided_by=by, decided_at=timezone.now())
        _record("merge.reject", merge, by)
    return merge


def conflicts(merged: User, kept: User) -> Iterator[merging.Conflict]:
    """Yield what the ground floor knows against merging the two records, or about it."""
    born = {merged.born_on, kept.born_on} - {None}
    each_other = Guardianship.objects.filter(child__in=[merged, kept], guardian__in=[merged, kept])
    facts = {
        Conflict.MERGED_ALREADY: not merged.is_active or not kept.is_active,
        Conflict.HOLDS_A_ROLE: holds_a_role(merged),
        Conflict.SUSPENDED: suspensions_in_force(merged.pk).exists(),
        Conflict.ERASURE_ASKED: bool(merged.erasure_requested_at or kept.erasure_requested_at),
        Conflict.BIRTHDAYS_DIFFER: len(born) > 1,
        Conflict.GUARDIAN_OF_EACH_OTHER: each_other.filter(withdrawn_at=None).exists(),
        Conflict.COMMUNITY_MOVED: moved_of(merged).exists() or moved_of(kept).exists(),
        Conflict.NAMES_DIFFER: bool(merged.name and kept.name)
        and not is_one_person(merged.name, kept.name),
    }
    yield from (merging.Conflict(code) for code, is_so in facts.items() if is_so)


def _require_right(by: User, merged: User, kept: User) -> None:
    if merged.pk == kept.pk:
        raise MergeOfOne
    if by.pk in (merged.pk, kept.pk):
        raise OwnPerson
    require_above(by, kept)
    require_no_operator(merged)
    require_reach(by, merged, HANDLES)


def _locked(merge: Merge) -> tuple[Merge, User, User]:
    """Lock both people, at whom whoever decides has to queue, and return the proposal anew."""
    people = all_locked(Q(pk__in=[merge.merged_id, merge.kept_id]))
    merge = Merge.objects.select_related("community", "proposed_by", "decided_by").get(pk=merge.pk)
    merge.merged, merge.kept = people[merge.merged_id], people[merge.kept_id]
    return merge, merge.merged, merge.kept


def _move_log_ins(merged: User, kept: User) -> None:
    """Move WeChat accounts, number, consents and guardianships, and close ``merged``.

    Both are locked. Of two numbers the one that is kept stays; the other brings nobody back.
    """
    SocialAccount.objects.filter(user=merged).update(user=kept)
    Authenticator.objects.filter(user=merged).delete()
    sessions.end(user=merged)
    if kept.phone and kept.phone != merged.phone:
        keep_off_lists(merged)
    number, kept.phone = merged.phone, kept.phone or merged.phone
    if not kept.name:
        kept.name = merged.name
    if kept.born_on is None:
        kept.born_on = merged.born_on
    given = list(consents_in_force(merged))
    guardians.move(fresh=merged, known=kept)
    Consent.objects.filter(user=merged, withdrawn_at=None).update(withdrawn_at=timezone.now())
    for consent in given:
        if consent.purpose == Consent.Purpose.PHONE and kept.phone != number:
            continue
        Consent.objects.get_or_create(
            user=kept,
            purpose=consent.purpose,
            withdrawn_at=None,
            defaults={"version": consent.version, "given_at": consent.given_at},
        )
    User.objects.filter(merged_into=merged).update(merged_into=kept)
    kept.merged_ids = [*kept.merged_ids, merged.pk, *merged.merged_ids]
    merged.is_active = merged.is_superuser = False
    merged.phone, merged.merged_ids, merged.merged_into = "", [], kept
    merged.set_unusable_password()
    merged.save()
    kept.save(update_fields=["name", "phone_encrypted", "phone_digest", "born_on", "merged_ids"])


def _record(action: str, merge: Merge, by: User) -> None:
    facts = {"merged": str(merge.merged_id), "kept": str(merge.kept_id)}
    told = trail.facts_of(merge, "seen_by", "status")
    trail.record(action, actor=by, target=merge, after=facts | told)
