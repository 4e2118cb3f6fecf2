"""Rules for hours and reports, their versions, and when points expire."""

from django.utils.translation import gettext_lazy as _

from backend.top.calls import Caller
from backend.top.console.pages import Action, Facts, Group, Page, Related, Section, add

RULES = "communities/<str:code>/rules"


def may_publish(caller: Caller, names: Facts, answer: Facts) -> Facts:
    """Tell a page of rules where the next one is written, if the caller may publish it."""
    code = names["code"]
    return {
        "code": code,
        "may_publish": caller.may("post", f"communities/{code}/rules/versions"),
    }


add(
    Page(
        route=RULES,
        title=_("Rules"),
        group=Group.SETTINGS,
        icon="calculate",
        explains=_("What hours and reports earn. A published version is never changed."),
        columns=("subject", "category", "is_inherited", "in_force.parameters", "upcoming"),
        opens="communities/{here}/rules/{id}",
        template="console/first/rules.html",
        adds=may_publish,
    ),
    Page(
        route=f"{RULES}/<uuid:rule_id>",
        title=_("Rule"),
        named="category",
        sections=(
            Section(_("Rule"), ("subject", "category", "is_inherited")),
            Section(
                _("In force"),
                (
                    *("in_force.number", "in_force.valid_from", "in_force.valid_to"),
                    "in_force.parameters",
                ),
            ),
            Section(_("Upcoming"), ("upcoming",)),
        ),
        template="console/first/rule.html",
        adds=may_publish,
        related=(Related("communities/{code}/rules/{id}/versions"),),
    ),
    Page(
        route=f"{RULES}/<uuid:rule_id>/versions",
        title=_("Versions of a rule"),
        columns=("number", "valid_from", "valid_to", "published_at", "parameters"),
        opens="communities/{code}/rules/{rule_id}/versions/{number}",
        filters=(),
    ),
    Page(
        route=f"{RULES}/<uuid:rule_id>/versions/<int:number>",
        title=_("Version of a rule"),
        explains=_("A published version never changes: awards made under it recompute for ever."),
        sections=(
            Section(_("Validity"), ("number", "valid_from", "valid_to", "published_at")),
            Section(_("What it says"), ("parameters",)),
        ),
        related=(Related("communities/{code}/rules/{rule_id}/versions"),),
    ),
    Page(
        route="communities/<str:code>/expiry",
        title=_("Expiry of points"),
        group=Group.SETTINGS,
        icon="event_busy",
        sections=(
            Section(
                _("In force"),
                tuple(
                    f"in_force.{name}"
                    for name in ("kind", "months", "at_least_days", "valid_from", "place")
                ),
            ),
            Section("", ("upcoming", "next", "last_runs")),
        ),
        actions=(
            Action(
                address="communities/{code}/expiry/policies",
                title=_("Decide when points expire"),
                style="primary",
            ),
        ),
    ),
)
