"""Texts of notices to those who audit or manage a community."""

from django.utils.translation import gettext_lazy as _

from backend.notices import targets
from backend.notices.kinds import Kind, register
from backend.notices.models import Channel

targets.register(verification="communities/{community}/verifications/{id}")

register(
    findings=Kind(
        _("A verification has found something new"),
        _(
            "%(community)s: %(count)s new findings. Please look at each, and sign it off with what"
            " was done."
        ),
        opens="verification",
        channels=(Channel.EMAIL,),
        is_required=True,
    ),
)
