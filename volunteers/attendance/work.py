"""Hours to verify, and appeals and objections to decide on, as work that waits."""

from django.utils.translation import gettext_lazy as _

from backend.registries.work import Kind, register
from volunteers.attendance import selectors
from volunteers.attendance.models.objections import Objection

register(
    Kind(
        name="hours_to_verify",
        title=_("Hours to verify"),
        address="communities/{community}/hours-to-verify",
        rows=selectors.hours_to_verify,
        since="checked_out_at",
    ),
    Kind(
        name="objections",
        title=_("Appeals and objections to decide on"),
        address="objections?community={community}&status=open",
        rows=lambda user, community: selectors.objections_handled_by(user).filter(
            community=community, status=Objection.Status.OPEN
        ),
        since="raised_at",
    ),
)
