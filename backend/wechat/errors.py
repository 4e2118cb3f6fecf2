"""WeChat's errors as our own refusals. Source: shared/WECHAT.md, sections 1 and 2."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, Unavailable


class WeChatCodeInvalid(Invalid):
    """Refusal of a code, which works once and for five minutes."""

    code = "wechat_code_invalid"
    title = _("This WeChat code was used already, or is too old. Please try again.")


class WeChatUserBlocked(Forbidden):
    code = "wechat_user_blocked"
    title = _("WeChat does not let this account log in.")


class WeChatUserAway(Conflict):
    """Refusal about a person who has not been in the mini-program for two hours."""

    code = "wechat_user_away"
    title = _("WeChat answers nothing about this person now.")


class WeChatUnavailable(Unavailable):
    """Refusal while WeChat is down, slow, busy or answering nonsense; worth another try."""

    code = "wechat_unavailable"
    title = _("WeChat can not be reached just now. Please try again in a moment.")


class WeChatUnanswered(WeChatUnavailable):
    """Refusal where a request may have arrived, and WeChat may have done what was asked."""


class WeChatNotAccepted(Conflict):
    """Refusal of a message that the person did not accept, or accepts no more."""

    code = "wechat_not_accepted"
    title = _("This person accepts no more messages of this kind on WeChat.")


class WeChatSendsAlready(Conflict):
    """Refusal of a message while another is on its way to the same person; wait a moment."""

    code = "wechat_sends_already"
    title = _("Another message is on its way to this person on WeChat just now.")


class WeChatMessageRefused(Invalid):
    """Refusal of a message that is wrong in a way WeChat's ``errcode``, and ``field``, tell."""

    code = "wechat_message_refused"
    title = _("WeChat does not take this message: its template, page or words are wrong.")


class WeChatPayNotConfigured(Conflict):
    code = "wechat_pay_not_configured"
    title = _("Paying by WeChat is not set up here; pay another way.")
