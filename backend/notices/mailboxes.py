"""E-mail addresses of staff: given, verified by a code that is sent there, removed.

Not django-allauth's addresses: it would keep them readable, and serve log-in by them. These only
tell where to send notices, so two people may share an office's.
"""

from datetime import timedelta

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _

from backend.accounts import vault
from backend.accounts.models import User
from backend.accounts.services import attempts
from backend.accounts.services.people import locked
from backend.audit import services as trail
from backend.codes import as_made, new_code
from backend.communities.models import Membership
from backend.communities.selectors import WATCHES_OVER
from backend.notices.channels import email
from backend.notices.errors import EmailCodeExpired, EmailCodeWrong, EmailForStaffOnly
from backend.notices.models import Mailbox
from backend.notices.selectors import mailbox_of
from backend.outbox.kinds import Done, Outcome

CODE_LENGTH = 8
CODE_LASTS = timedelta(minutes=30)


def give(*, user: User, address: str) -> Mailbox:
    """Put down the address of ``user`` and owe it a code; another address before it is forgotten.

    Giving the address again sends another code, unless it is verified: then nothing happens. Raises
    EmailForStaffOnly, TooManyAttempts.
    """
    if not _works_somewhere(user):
        raise EmailForStaffOnly
    known = Mailbox.objects.filter(user=user).first()
    if known is not None and known.verified_at is not None and known.address == address:
        return known
    attempts.take(attempts.MAILED_CODES, user.pk)
    with transaction.atomic():
        locked(user.pk)  # two taps queue here
        mailbox, _is_new = Mailbox.objects.update_or_create(
            user=user,
            defaults={
                "address_encrypted": vault.encrypt(address),
                "code_encrypted": vault.encrypt(new_code(CODE_LENGTH)),
                "code_expires_at": timezone.now() + CODE_LASTS,
                "given_at": Now(),
                "verified_at": None,
                "next_at": Now(),
                "attempts": 0,
                "given_up_at": None,
            },
        )
        mailbox.refresh_from_db()  # the database's own time
        trail.record("person.give_email", actor=user, target=user)
    return mailbox


def verify(*, user: User, code: str) -> Mailbox:
    """Record that ``user`` reads what is sent to their address. Idempotent.

    A wrong code spends a try. Raises EmailUnknown, EmailCodeWrong, EmailCodeExpired,
    TooManyAttempts.
    """
    with attempts.guessing(user, EmailCodeWrong):
        return _verify(user, as_made(code))


@transaction.atomic
def _verify(user: User, code: str) -> Mailbox:
    locked(user.pk)
    mailbox = mailbox_of(user)
    if mailbox.verified_at is not None:
        return mailbox
    if not constant_time_compare(mailbox.code, code):
        raise EmailCodeWrong
    if mailbox.code_expires_at <= timezone.now():
        raise EmailCodeExpired
    mailbox.verified_at = timezone.now()
    mailbox.code_encrypted = ""
    mailbox.next_at = None
    mailbox.save(update_fields=["verified_at", "code_encrypted", "next_at"])
    trail.record("person.verify_email", actor=user, target=user)
    return mailbox


@transaction.atomic
def remove(*, user: User) -> None:
    """Forget the address of ``user``. Idempotent."""
    locked(user.pk)
    if Mailbox.objects.filter(user=user).delete()[0]:
        trail.record("person.remove_email", actor=user, target=user)


def send_code(mailbox: Mailbox) -> Outcome:
    """Send the code, in every language, because nobody knows yet who reads it."""
    if mailbox.verified_at is not None or mailbox.code_expires_at <= timezone.now():
        return Done()
    words = []
    for language in ("zh-hans", "en"):
        with translation.override(language):
            words.append(
                _(
                    "Your code is %(code)s. Enter it within %(minutes)s minutes to be told things"
                    " by e-mail. If you did not ask for it, ignore this mail."
                )
                % {"code": mailbox.code, "minutes": int(CODE_LASTS.total_seconds() / 60)}
            )
    with translation.override("zh-hans"):
        subject = _("Your code for Linli")
    return email.deliver(
        EmailMessage(subject, "\n\n".join(words), to=[mailbox.address]),
        # A code that is sent anew is another mail.
        key=f"code-{mailbox.pk}-{mailbox.code_expires_at:%Y%m%d%H%M%S%f}",
    )


def _works_somewhere(user: User) -> bool:
    return Membership.objects.filter(
        user=user, role__in=WATCHES_OVER, ended_at__isnull=True
    ).exists()
