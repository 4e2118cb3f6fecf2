"""Ending what somebody is logged in with."""

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User


@transaction.atomic
def end_all(*, user: User) -> None:
    """Log ``user`` out on every phone and browser, at once: access tokens end as well."""
    sessions = UserSession.objects.filter(user=user)
    Session.objects.filter(session_key__in=sessions.values("session_key")).delete()
    sessions.delete()
    user.tokens_valid_from = timezone.now()
    user.save(update_fields=["tokens_valid_from"])
