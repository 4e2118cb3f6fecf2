"""Notices about log-ins, passwords and second factors, so that nobody changes them unseen.

django-allauth's signals say what happened. It sends those about a second factor once that is
committed.
"""

from typing import Any

from allauth.account.signals import password_changed, password_set, user_logged_in
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from backend.accounts.addresses import client_ip, counted_as
from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.ids import new_id
from backend.notices import personal
from backend.privacy import held

LONGEST_DEVICE = 80  # of what a browser or phone calls itself


def listen() -> None:
    """Connect to django-allauth's signals, when the app is ready."""
    user_logged_in.connect(_logged_in)
    password_set.connect(_password_changed)
    password_changed.connect(_password_changed)
    authenticator_added.connect(_second_factor_set)
    authenticator_removed.connect(_second_factor_removed)
    authenticator_reset.connect(_recovery_codes_renewed)


def _logged_in(request: HttpRequest, user: User, **_: Any) -> None:
    """Tell a person on whom others depend of a device or an address new to their log-ins."""
    if not any(is_due(user) for is_due in held.DUTIES):
        return
    with transaction.atomic():
        told = (f"device {_device(request)}", f"address {counted_as(request)}")
        is_new = [attempts.is_first_log_in(user.pk, one) for one in told]
        if any(is_new):
            _tell("new_log_in", user, request)


def _password_changed(request: HttpRequest, user: User, **_: Any) -> None:
    _tell("password_changed", user, request)


def _second_factor_set(
    request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    if authenticator.type == Authenticator.Type.TOTP:  # recovery codes are made beside it
        _tell("second_factor_set", user, request)


def _second_factor_removed(
    request: HttpRequest, user: User, authenticator: Authenticator, **_: Any
) -> None:
    if authenticator.type == Authenticator.Type.TOTP:  # recovery codes go with it
        _tell("second_factor_removed", user, request)


def _recovery_codes_renewed(request: HttpRequest, user: User, **_: Any) -> None:
    _tell("recovery_codes_renewed", user, request)


def _tell(kind: str, person: User, request: HttpRequest) -> None:
    personal.tell(
        kind,
        person=person,
        about=new_id(),  # each time is told
        facts={"address": client_ip(request), "device": _device(request)},
        moments={"at": timezone.now()},
    )


def _device(request: HttpRequest) -> str:
    """Return what the browser or phone calls itself."""
    return request.headers.get("User-Agent", "")[:LONGEST_DEVICE] or "?"
