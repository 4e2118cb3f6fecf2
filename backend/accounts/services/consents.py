"""What people allow us to do with their personal data (PIPL 14-16)."""

from backend.accounts.errors import ConsentRequired
from backend.accounts.models import Consent, User


def require(user: User, purpose: str) -> Consent:
    """The consent in force of ``user`` to ``purpose``. Raises ConsentRequired without one."""
    consent = Consent.objects.filter(user=user, purpose=purpose, withdrawn_at=None).first()
    if consent is None:
        raise ConsentRequired(purpose=purpose)
    return consent
