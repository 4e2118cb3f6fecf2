"""Refusals about rules."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Invalid


class RuleInvalid(Invalid):
    code = "rule_invalid"
    title = _("This is not a rule that can be applied.")


class RuleMissing(Conflict):
    code = "rule_missing"
    title = _("No rule of this community covers this category on that day.")


class CashNotAllowedForHours(RuleInvalid):
    code = "cash_not_allowed_for_hours"
    title = _("Volunteer hours are never rewarded with money.")


class RuleBackdated(Invalid):
    code = "rule_backdated"
    title = _("A rule can not begin in the past: what was earned stays as it was promised.")
