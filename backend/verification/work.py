"""Findings that nobody has signed off, as work that waits."""

from django.utils.translation import gettext_lazy as _

from backend.registries.work import Kind, register
from backend.verification import selectors
from backend.verification.models import Finding

register(
    Kind(
        name="findings_open",
        title=_("Findings to sign off"),
        address="communities/{community}/findings?status=open",
        rows=lambda user, community: selectors.findings_decided_by(user).filter(
            community=community, status=Finding.Status.OPEN
        ),
        since="found_at",
    )
)
