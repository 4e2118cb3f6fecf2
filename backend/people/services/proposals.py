"""The common rules of proposals about a person: who decides, and until when."""

from django.utils import timezone

from backend.accounts.models import User
from backend.people.errors import OwnProposal, ProposalDecided, ProposalExpired
from backend.people.models import Proposal


def is_decided_so(proposal: Proposal, status: Proposal.Status, by: User) -> bool:
    """Tell whether ``by`` decided it so before, for a request that is repeated."""
    return (proposal.status, proposal.decided_by_id) == (status, by.pk)


def require_open(proposal: Proposal, *, confirmed_by: User | None = None) -> None:
    """Raise unless the locked proposal can be decided, by ``confirmed_by`` if it is confirmed.

    Raises ProposalDecided, OwnProposal, ProposalExpired.
    """
    if proposal.status != Proposal.Status.PROPOSED:
        raise ProposalDecided(current_status=proposal.status)
    if confirmed_by is not None:
        if proposal.proposed_by_id == confirmed_by.pk:
            raise OwnProposal
        if timezone.now() >= proposal.expires_at:
            raise ProposalExpired
