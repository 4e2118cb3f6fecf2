"""The channel e-mail: plain mails to staff, by whatever server the operator names.

The ``Message-ID`` of a mail is made of its row's id. So a mail that is sent twice, because a worker
died between the effect and its record, is known as the same by whoever receives it.
"""

import smtplib
from collections.abc import Iterable
from email.utils import parseaddr
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from backend.notices import kinds
from backend.notices.channels import Sender
from backend.notices.models import Mailbox, Message
from backend.notices.targets import API, target_of
from backend.notices.words import words
from backend.outbox.kinds import Done, Failed, Outcome


def is_ready() -> bool:
    """Tell whether the operator has named a server and a sender."""
    return bool(settings.DEFAULT_FROM_EMAIL)


def reaches(kind: str, people: Iterable[UUID]) -> set[UUID]:
    """Return those of the people who have verified an address."""
    verified = Mailbox.objects.filter(user__in=list(people), verified_at__isnull=False)
    return set(verified.values_list("user_id", flat=True))


def send(message: Message) -> Outcome:
    """Send a notice as a mail, with a link to what it is about."""
    notice = message.notice
    mailbox = Mailbox.objects.filter(user=notice.recipient_id, verified_at__isnull=False).first()
    if mailbox is None:
        return Done(skipped_at=Now(), reason="no_address")
    title, body = words(notice)
    parts, target = [body], target_of(notice)
    if target is not None and settings.CONSOLE_URL:
        parts.append(f"{settings.CONSOLE_URL}/{target.address.removeprefix(API)}")
    parts.append(notice.community.name)
    if not kinds.registered[notice.kind].is_required:
        parts.append(_("You can switch such mails off in the settings of your notices."))
    subject = " ".join(title.split())  # a header has one line
    mail = EmailMessage(subject, "\n\n".join(parts), to=[mailbox.address])
    return deliver(mail, key=str(message.pk), sent_at=Now())


def deliver(mail: EmailMessage, *, key: str, **values: object) -> Outcome:
    """Hand ``mail`` over to the server; ``values`` are recorded with it.

    An address that the server refuses for good is not tried again. Whatever else goes wrong, our
    credentials or our own address among it, may be mended.
    """
    host = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    mail.extra_headers |= {
        "Message-ID": f"<{key}@{host}>",
        "Auto-Submitted": "auto-generated",  # RFC 3834: no holiday answers to this
    }
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as refused:
        ((code, _words),) = refused.recipients.values()
        return Failed(f"smtp_{code}", for_good=code >= 500)
    except smtplib.SMTPDataError as refused:
        return Failed(f"smtp_{refused.smtp_code}", for_good=refused.smtp_code >= 500)
    except smtplib.SMTPResponseException as refused:
        return Failed(f"smtp_{refused.smtp_code}")
    except (OSError, smtplib.SMTPException) as error:
        return Failed(f"smtp_{type(error).__name__}")
    return Done(**values)


sender = Sender(is_ready=is_ready, reaches=reaches, send=send)
