"""Samples that nobody has signed off, as work that waits."""

from django.utils.translation import gettext_lazy as _

from backend.registries.work import Kind, register
from backend.sampling import selectors

register(
    Kind(
        name="samples_open",
        title=_("Samples to sign off"),
        address="communities/{community}/samples?signed_off=false",
        rows=lambda user, community: selectors.samples_audited_by(user).filter(
            community=community, signed_off_at__isnull=True
        ),
        since="drawn_at",
    )
)
