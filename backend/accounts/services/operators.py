"""Operators of the installation: each begins with a link that is shown to whoever runs it."""

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from backend.accounts.errors import SetupCodeUnknown, SetupCodeUsed
from backend.accounts.models import SetupCode, User
from backend.accounts.services import attempts
from backend.accounts.services.logins import set_first_password
from backend.accounts.services.people import locked
from backend.audit import services as trail
from backend.codes import as_made, new_code
from backend.sql import constraint_of

CODE_LENGTH = 24


def link_to(code: str, url: str = "") -> str:
    """Return the console's page that takes the code, below ``url`` or else where the console is."""
    return f"{url or settings.CONSOLE_URL or settings.CONSOLE_PATH.rstrip('/')}/setup?code={code}"


def is_without_operator() -> bool:
    """Tell whether nobody is an operator yet."""
    return not User.objects.filter(is_superuser=True, is_active=True).exists()


@transaction.atomic
def first_setup_code() -> str | None:
    """Make the installation's first code; None if it has an operator, or a code was made before."""
    if not is_without_operator() or SetupCode.objects.exists():
        return None
    try:
        with transaction.atomic():
            return _make_code()
    except IntegrityError as error:  # another process was first
        if constraint_of(error) != "setup_code_one_at_a_time":
            raise
        return None


@transaction.atomic
def fresh_setup_code() -> str:
    """Make a code for one more operator. One that was not used yet is good no more."""
    unused = SetupCode.objects.filter(used_at=None, replaced_at=None)
    unused.update(replaced_at=timezone.now())
    return _make_code()


def set_up(*, address: str, code: str, name: str, username: str, password: str) -> User:
    """Make the operator whose ``name``, ``username`` and ``password`` these are.

    ``address`` is where the code is brought from, for which wrong ones are counted. Raises
    TooManyAttempts, SetupCodeUnknown, SetupCodeUsed, and what ``set_first_password`` raises.
    """
    with attempts.guessing(address, SetupCodeUnknown), transaction.atomic():
        found = SetupCode.objects.select_for_update(no_key=True).filter(digest=_digest(code))
        setup = found.filter(replaced_at=None).first()
        if setup is None:
            raise SetupCodeUnknown
        if setup.used_at is not None:
            raise SetupCodeUsed
        person = User(name=name)
        user = appoint(set_first_password(user=person, username=username, password=password))
        setup.used_at, setup.used_by = timezone.now(), user
        setup.save(update_fields=["used_at", "used_by"])
    return user


@transaction.atomic
def appoint(user: User) -> User:
    """Make somebody an operator, who owes a second factor from then on. Idempotent."""
    user = locked(user.pk)
    if not user.is_superuser:
        user.is_superuser = user.second_factor_required = True
        user.save(update_fields=["is_superuser", "second_factor_required"])
        trail.record("operator.appoint", actor=None, target=user)
    return user


def _make_code() -> str:
    code = new_code(CODE_LENGTH)
    SetupCode.objects.create(digest=_digest(code))
    return code


def _digest(code: str) -> str:
    made = as_made(code)
    return salted_hmac("backend.accounts.operators", made, algorithm="sha256").hexdigest()
