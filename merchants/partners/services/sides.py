"""Whose side somebody is on: who works for a merchant decides nothing about it for the community.

Every service that staff use about a merchant asks here, and triggers ask the same function of the
database once more (``merchants_refuse_own``).
"""

from datetime import date

from backend.accounts.models import User
from merchants.partners import errors, selectors
from merchants.partners.models.partnerships import Partnership


def refuse_own(by: User, partnership: Partnership, since: date | None = None) -> None:
    """Refuse who works for the merchant, or did within 90 days, or from the day ``since`` on.

    ``since`` is the first day of the period concerned, where there is one. Raises OwnMerchant.
    """
    if selectors.worked_at(by, partnership, since):
        raise errors.OwnMerchant


def refuse_unaccepted(partnership: Partnership) -> None:
    """Refuse a partnership to which the owner has not said yes. Raises PartnerNotAccepted."""
    if partnership.accepted_at is None:
        raise errors.PartnerNotAccepted


def refuse_unasked(partnership: Partnership) -> None:
    """Refuse who is no partner, or no more. Raises PartnerNotAccepted, PartnerEnded."""
    refuse_unaccepted(partnership)
    if partnership.status == Partnership.Status.ENDED:
        raise errors.PartnerEnded
