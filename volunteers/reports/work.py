"""Reports by colour and clock, and comments on bulletins, as work that waits."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.models import Community
from backend.registries.work import Kind, register
from volunteers.reports import selectors
from volunteers.reports.models.categories import Colour
from volunteers.reports.models.publicity import BulletinComment

OVERDUE = {
    Colour.RED: _("Red reports, overdue"),
    Colour.YELLOW: _("Yellow reports, overdue"),
    Colour.BLUE: _("Blue reports, overdue"),
}
DUE_SOON = {
    Colour.RED: _("Red reports, due within a day"),
    Colour.YELLOW: _("Yellow reports, due within a day"),
    Colour.BLUE: _("Blue reports, due within a day"),
}
CLOCKS = {"overdue": selectors.overdue, "due_soon": selectors.due_soon}


def _reports(colour: Colour, clock: str, title: Any) -> Kind:
    def rows(user: User, community: Community) -> QuerySet[Any]:
        worked_on = selectors.reports_worked_on_by(user)
        return worked_on.filter(CLOCKS[clock](), community=community, colour=colour)

    return Kind(
        name=f"reports_{colour}_{clock}",
        title=title,
        address=f"reports?community={{community}}&colour={colour}&is_{clock}=true",
        rows=rows,
        since="due_at" if clock == "overdue" else "submitted_at",
    )


register(
    *(_reports(colour, "overdue", title) for colour, title in OVERDUE.items()),
    *(_reports(colour, "due_soon", title) for colour, title in DUE_SOON.items()),
    Kind(
        name="bulletin_comments",
        title=_("Comments on bulletins to decide on"),
        address="communities/{community}/comments?status=waiting",
        rows=lambda user, community: selectors.comments_handled_by(user, community).filter(
            status=BulletinComment.Status.WAITING
        ),
        since="written_at",
    ),
)
