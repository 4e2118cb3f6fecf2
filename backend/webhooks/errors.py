"""Refusals about webhooks."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Invalid


class WebhookUrlRefused(Invalid):
    code = "webhook_url_refused"
    title = _("This is not an https address that webhooks can be sent to.")


class WebhookHostUnknown(Invalid):
    code = "webhook_host_unknown"
    title = _("The host of this address can not be found.")


class WebhookAddressRefused(Invalid):
    code = "webhook_address_refused"
    title = _("Webhooks are not sent to private or reserved addresses.")


class WebhookKnown(Conflict):
    code = "webhook_known"
    title = _("This address is told already.")


class TooManyWebhooks(Conflict):
    code = "too_many_webhooks"
    title = _("At most five webhook addresses can be switched on.")
