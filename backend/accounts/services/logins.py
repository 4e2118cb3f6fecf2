"""Log-ins with a password."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from backend.accounts.errors import PasswordIsSet, UsernameTaken
from backend.accounts.models import User
from backend.accounts.services.people import locked
from backend.sql import constraint_of


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


@transaction.atomic
def set_first_password(*, user: User, username: str, password: str) -> User:
    """Let ``user`` log in as ``username``, with the password that they choose themselves.

    ``user`` is a person on record, or a new one who is not saved yet. Raises PasswordIsSet,
    UsernameTaken, and ValidationError, by field, if the username is not allowed or the password is
    weak.
    """
    if not user._state.adding:
        user = locked(user.pk)
        if user.has_usable_password():
            raise PasswordIsSet
    if User.objects.filter(username__iexact=username).exclude(pk=user.pk).exists():
        raise UsernameTaken
    user.username = username
    refuse_weak(user, password)
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(update_fields=None if user._state.adding else ["username", "password"])
    except IntegrityError as error:  # somebody else was first
        if "username" not in (constraint_of(error) or ""):
            raise
        raise UsernameTaken from None
    return user


def refuse_weak(user: User, password: str) -> None:
    """Raise ValidationError, by field, for a username that is not allowed or a weak password."""
    user.clean_fields(exclude={field.name for field in User._meta.fields} - {"username"})
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise ValidationError({"password": error.error_list}) from None
