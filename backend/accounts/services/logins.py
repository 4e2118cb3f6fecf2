"""Giving people a way to log in with a password."""

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from backend.accounts.models import User


@transaction.atomic
def open_login(*, username: str, name: str, password: str) -> User:
    """Let somebody called ``name`` log in as ``username``. Raises ValidationError.

    Whoever has that username, in capitals or not, keeps their name and gets the password: two
    that differ by nothing else could neither of them log in.
    """
    known = User.objects.filter(username__iexact=username).first()
    user = known or User(username=username, name=name)
    user.full_clean(exclude=["password", "phone_digest"])
    validate_password(password, user)
    user.set_password(password)
    user.save()
    return user
