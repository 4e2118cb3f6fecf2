"""Texts of notices to owners of wallets."""

from django.utils.translation import gettext_lazy as _

from backend.notices.kinds import Kind, register

register(
    points_expiring=Kind(
        _("Your points are about to expire"),
        _("%(community)s: %(points)s points can be spent until %(expires_on)s, then they expire."),
    ),
)
