"""Conflicts of interest: people who work for a merchant decide nothing about it as staff.

Every service that staff use about a merchant checks this here, and triggers check it in the
database (``merchants_refuse_own``).
"""

from datetime import date

from backend.accounts.models import User
from merchants.partners import errors, selectors
from merchants.partners.models.partnerships import Partnership


def refuse_own(by: User, partnership: Partnership, since: date | None = None) -> None:
    """Raise OwnMerchant if ``by`` works for the merchant, or did within 90 days or after ``since``.

    ``since`` is the first day of the period concerned, if there is one.
    """
    if selectors.worked_at(by, partnership, since):
        raise errors.OwnMerchant


def refuse_unaccepted(partnership: Partnership) -> None:
    """Raise PartnerNotAccepted if the merchant's owner has not accepted the partnership."""
    if partnership.accepted_at is None:
        raise errors.PartnerNotAccepted


def refuse_unasked(partnership: Partnership) -> None:
    """Raise PartnerNotAccepted if the merchant has not accepted, PartnerEnded if it has ended."""
    refuse_unaccepted(partnership)
    if partnership.status == Partnership.Status.ENDED:
        raise errors.PartnerEnded
