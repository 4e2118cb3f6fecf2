"""Ending log-ins."""

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail


@transaction.atomic
def end_all(*, user: User) -> None:
    """Log ``user`` out on every phone and browser, at once: access tokens end as well."""
    end(user=user)
    trail.record("person.log_out_everywhere", actor=user, target=user)


@transaction.atomic
def end(*, user: User) -> None:
    """End the log-ins of ``user`` and their access tokens, for whatever act that is part of."""
    forget(user=user)
    user.tokens_valid_from = timezone.now()
    user.save(update_fields=["tokens_valid_from"])


@transaction.atomic
def forget(*, user: User) -> None:
    """Delete the log-ins of ``user``; access tokens last until they run out."""
    sessions = UserSession.objects.filter(user=user)
    Session.objects.filter(session_key__in=sessions.values("session_key")).delete()
    sessions.delete()
