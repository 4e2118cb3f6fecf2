"""Log-ins with a password."""

from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from backend.accounts.models import User


@transaction.atomic
def open_login(*, username: str, name: str, password: str) -> User:
    """Let somebody called ``name`` log in as ``username``. Raises ValidationError.

    A person who has that username, in any case, keeps their name and gets the password: if two
    usernames differed by nothing else, neither could log in.
    """
    known = User.objects.filter(username__iexact=username).first()
    user = known or User(username=username, name=name)
    user.full_clean(exclude=["password", "phone_digest"])
    validate_password(password, user)
    user.set_password(password)
    user.save()
    return user
