"""Merging two records of a person who redeems, or works for a merchant."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import QuerySet

from backend.accounts.models import User
from backend.communities.selectors import known_to
from backend.registries.merging import Conflict, Merging
from merchants.partners.models.merchants import MerchantMember
from merchants.partners.services import partnerships
from merchants.redemption.models import Card, Redemption


def conflicts(merged: User, kept: User) -> Iterator[Conflict]:
    """Yield what counters and jobs of the two records say about their being merged."""
    both = sorted({*known_to(merged), *known_to(kept)})
    for theirs, other in ((merged, kept), (kept, merged)):
        handed_out = Redemption.objects.filter(
            community__in=both, volunteer=theirs, redeemed_by=other
        )
        for community_id, pk in handed_out.values_list("community_id", "pk"):
            yield Conflict("decided_each_other", community_id, (pk,))
        issued = Card.objects.filter(community__in=both, volunteer=theirs, issued_by=other)
        for community_id, pk in issued.values_list("community_id", "pk"):
            yield Conflict("decided_each_other", community_id, (pk,))
    held = Redemption.objects.filter(
        community__in=both, volunteer=merged, status=Redemption.Status.HELD
    )
    for community_id, pk in held.values_list("community_id", "pk"):
        yield Conflict("under_way", community_id, (pk,))
    shared = _jobs(merged).filter(merchant__in=_jobs(kept).values("merchant"))
    if jobs := tuple(shared.values_list("pk", flat=True)):
        yield Conflict("works_for_both", None, jobs)


def counted(community_id: UUID, user_id: UUID) -> dict[str, int]:
    """Tell how many vouchers of a record are not used yet."""
    held = Redemption.objects.filter(
        community=community_id, volunteer=user_id, status=Redemption.Status.HELD
    )
    return {"vouchers": held.count()}


def move(merging: Merging) -> None:
    """Let the record that stays work wherever the one that ends does, which works there no more."""
    for job in _jobs(merging.merged).select_related("merchant").order_by("pk"):
        job.ended_at = merging.at
        job.save(update_fields=["ended_at"])
        partnerships.employ(
            merchant=job.merchant, user=merging.kept, role=MerchantMember.Role(job.role)
        )


def _jobs(user: User) -> QuerySet[MerchantMember]:
    return MerchantMember.objects.filter(user=user, ended_at=None)
