"""Notices to volunteers."""

from django.utils.translation import gettext_lazy as _

from backend.notices.texts import register

register(
    shift_reminder=(
        _("Your shift begins soon"),
        _("%(activity)s, %(begins)s at %(place)s. Please check in when you arrive."),
    ),
    shift_moved=(
        _("Your shift was moved"),
        _("%(activity)s now begins %(begins)s at %(place)s. Cancel if you cannot come."),
    ),
    shift_cancelled=(
        _("Your shift was cancelled"),
        _("%(activity)s, %(begins)s at %(place)s, does not take place: %(reason)s"),
    ),
    join_approved=(
        _("You are a volunteer now"),
        _("%(community)s has taken you in. See which shifts need you."),
    ),
    join_rejected=(
        _("Your request to join was not accepted"),
        _("%(community)s says: %(reason)s"),
    ),
    hours_voided=(
        _("Hours of yours were voided"),
        _("%(activity)s, %(begins)s: %(reason)s. What they earned is taken back."),
    ),
    report_voided=(
        _("A report of yours was voided"),
        _("Your report of %(begins)s: %(reason)s. What it earned is taken back."),
    ),
    team_accepted=(
        _("You belong to the team %(team)s now"),
        _("%(team)s has taken you in. See which of its shifts need you."),
    ),
    team_rejected=(
        _("Your request to join a team was not accepted"),
        _("%(team)s says: %(reason)s"),
    ),
    team_removed=(
        _("You no longer belong to the team %(team)s"),
        _("%(team)s says: %(reason)s"),
    ),
    team_dissolved=(
        _("The team %(team)s was dissolved"),
        _("%(team)s no longer exists: %(reason)s. Hours and points stay yours."),
    ),
)
