"""What volunteers are told."""

from django.utils.translation import gettext_lazy as _

from backend.notices.texts import register

register(
    shift_reminder=(
        _("Your shift begins soon"),
        _("%(activity)s, %(begins)s at %(place)s. Please check in when you arrive."),
    ),
    join_approved=(
        _("You are a volunteer now"),
        _("%(community)s has taken you in. See which shifts need you."),
    ),
    join_rejected=(
        _("Your request to join was not accepted"),
        _("%(community)s says: %(because)s"),
    ),
)
