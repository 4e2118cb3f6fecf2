"""Notices to people about their own log-in."""

from functools import partial

from django.utils.translation import gettext_lazy as _

from backend.notices import targets
from backend.notices.kinds import Kind, register
from backend.notices.models import Channel

targets.register(me="me")

_Security = partial(
    Kind,
    opens="me",
    channels=(Channel.WECHAT, Channel.EMAIL),
    template="security",
    is_urgent=True,
    is_required=True,
)
register(
    new_log_in=_Security(
        _("New log-in"),
        _(
            "%(at)s, from %(address)s with %(device)s. If it was not you, log out everywhere and"
            " change your password."
        ),
    ),
    password_changed=_Security(
        _("Your password was set or changed"),
        _("%(at)s, from %(address)s with %(device)s. If it was not you, tell your community."),
    ),
    second_factor_set=_Security(
        _("A second factor was set up"),
        _("%(at)s, from %(address)s with %(device)s. If it was not you, tell your community."),
    ),
    second_factor_removed=_Security(
        _("Your second factor was removed"),
        _("%(at)s, from %(address)s with %(device)s. If it was not you, tell your community."),
    ),
    recovery_codes_renewed=_Security(
        _("Your recovery codes were made anew"),
        _("%(at)s, from %(address)s with %(device)s. If it was not you, tell your community."),
    ),
)
