"""What causes each kind of notice to owners of wallets: tests/backend/test_notice_kinds.py."""

from datetime import timedelta

from points.awards.services import adjustments
from points.expiry import services as expiry
from points.models import Adjustment


def _corrected(lake, wang, zhao, approver, *, expires_on=None):
    """50 points that staff proposed for Wang, and another approved."""
    adjustment = adjustments.propose(
        community=lake,
        kind=Adjustment.Kind.CORRECTION,
        person=wang,
        amount=50,
        reason="漏记一次",
        expires_on=expires_on,
        by=zhao,
    )
    adjustments.decide(adjustment=adjustment, accept=True, by=approver)


def points_earned(lake, wang, zhao, person):
    _corrected(lake, wang, zhao, person("sun"))
    return wang


def points_expiring(lake, wang, zhao, person):
    _corrected(lake, wang, zhao, person("sun"), expires_on=lake.today + timedelta(days=20))
    expiry.tell(community=lake)
    return wang
