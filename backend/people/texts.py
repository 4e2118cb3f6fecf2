"""Notices to people about their record."""

from functools import partial

from django.utils.translation import gettext_lazy as _

from backend.notices.kinds import Kind, register
from backend.notices.models import Channel

# By every way there is: somebody else decided about what is theirs.
_About = partial(
    Kind,
    opens="me",
    channels=(Channel.WECHAT, Channel.SMS, Channel.EMAIL),
    template="security",
    is_urgent=True,
    is_required=True,
)
register(
    suspended=_About(
        _("You are suspended"),
        _(
            "%(place)s: %(reason)s. Until this is lifted you can take no part there. What you have"
            " stays yours."
        ),
    ),
    suspended_until=_About(
        _("You are suspended for a time"),
        _(
            "%(place)s, until %(until)s: %(reason)s. Until then you can take no part there. What"
            " you have stays yours."
        ),
    ),
    suspension_lifted=_About(
        _("Your suspension is lifted"),
        _("You can take part in %(place)s again."),
    ),
    log_in_change_proposed=_About(
        _("Somebody asks to change how you log in"),
        _(
            "%(at)s, %(place)s: another phone number or another WeChat account for you. If it was"
            " not you who asked, tell them at once."
        ),
    ),
    log_in_changed=_About(
        _("How you log in was changed"),
        _(
            "%(at)s, by two people of %(place)s. All your log-ins have ended. If it was not you who"
            " asked, tell them at once."
        ),
    ),
    log_in_link_made=_About(
        _("A link to log in with was made for you"),
        _(
            "%(at)s, by staff of %(place)s. Whoever has it can log in as you, once. If it was not"
            " you who asked, tell them at once."
        ),
    ),
    records_merged=_About(
        _("Your two records are one now"),
        _("%(at)s, by two people of %(place)s. Hours and points of both are yours, here."),
    ),
    authenticator_reset=_About(
        _("Your authenticator was reset"),
        _(
            "%(at)s, by a manager. All your log-ins have ended; set up another one at the next. If"
            " it was not you who asked, tell your community."
        ),
    ),
)
