"""Notices owed to people, and the messages by which they go beyond the inbox."""

from datetime import time
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from backend.accounts import vault
from backend.communities.models import TenantModel
from backend.ids import new_id
from backend.outbox.models import Owed, owed_indexes, owed_or_given_up
from backend.tables import PersonKey, TenantForeignKey


class Channel(models.TextChoices):
    """A way by which a notice goes to a person beside their inbox, which has every notice."""

    WECHAT = "wechat", _("WeChat")
    EMAIL = "email", _("E-mail")
    SMS = "sms", _("SMS")


class Notice(TenantModel, Owed):
    """A notice that one person is owed once, from ``due_at`` on and not after ``stale_at``.

    A delivered notice stands in the in-app inbox. Its words are made from ``kind`` and ``facts``
    when it is read, in the reader's language (kinds.py).
    """

    key = models.CharField(max_length=100)  # the event's; one key tells once
    recipient = PersonKey()
    kind = models.SlugField(db_index=False)
    facts = models.JSONField(default=dict)
    target_id = models.UUIDField(null=True)  # of what a tap opens; the kind says what that is
    due_at = models.DateTimeField()
    stale_at = models.DateTimeField(null=True)  # telling it later would only confuse
    created_at = models.DateTimeField(auto_now_add=True)
    delivered_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)  # no longer true, or stale before it was told

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="notice_told_once", fields=["community", "key"]),
            models.CheckConstraint(
                name="notice_read_after_delivery",
                condition=Q(read_at__isnull=True) | Q(delivered_at__isnull=False),
            ),
            owed_or_given_up("notice"),
        ]
        indexes: ClassVar = [
            models.Index(name="notice_inbox", fields=["community", "recipient", "-id"]),
            *owed_indexes("notice", "community"),
        ]

    def __str__(self) -> str:
        return self.key


class NoticeText(TenantModel):
    """A community's own text of a kind of notice in one language, in place of the catalogue's.

    It names facts as ``{activity}`` (words.py). Empty once it was reset.
    """

    kind = models.SlugField(db_index=False)
    language = models.CharField(max_length=10)
    title = models.CharField(max_length=60, blank=True)
    body = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="notice_text_once", fields=["community", "kind", "language"]
            ),
            models.CheckConstraint(
                name="notice_text_whole_or_reset",
                condition=Q(title="", body="") | ~Q(title="") & ~Q(body=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.language}"


class Mailbox(Owed):
    """The e-mail address of one of the staff. Nothing but the code is sent there until it is told.

    What is owed is the mail with the code.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = PersonKey()
    address_encrypted = models.TextField()  # a Fernet token, see backend/accounts/vault.py
    code_encrypted = models.TextField(blank=True)  # "" once it was told
    code_expires_at = models.DateTimeField()
    given_at = models.DateTimeField(db_default=Now())
    verified_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="mailbox_of_person", fields=["user"]),
            owed_or_given_up("mailbox"),
        ]
        indexes: ClassVar = owed_indexes("mailbox", "user")

    def __str__(self) -> str:
        return f"mailbox of {self.user_id}"

    @property
    def address(self) -> str:
        """The address decrypted."""
        return vault.decrypt(self.address_encrypted)

    @property
    def code(self) -> str:
        """The code decrypted; empty once it was told."""
        return vault.decrypt(self.code_encrypted) if self.code_encrypted else ""


class Message(TenantModel, Owed):
    """A delivered notice on its way by one channel beside the inbox, not before ``due_at``.

    It is sent, or skipped for ``reason`` (nobody can be reached after all), or given up.
    """

    notice = TenantForeignKey(Notice, models.CASCADE, related_name="messages", db_index=False)
    channel = models.CharField(max_length=10, choices=Channel)
    language = models.CharField(max_length=10)  # of its words
    due_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    skipped_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="message_once_a_channel", fields=["community", "notice", "channel"]
            ),
            models.CheckConstraint(
                name="message_sent_or_skipped",
                condition=Q(sent_at__isnull=True) | Q(skipped_at__isnull=True),
            ),
            owed_or_given_up("message"),
        ]
        indexes: ClassVar = owed_indexes("message", "community", "channel")

    def __str__(self) -> str:
        return f"{self.notice_id} by {self.channel}"


class WeChatQuota(models.Model):
    """Number of messages of a WeChat template that a person still accepts: the sum of its entries.

    WeChat keeps the true number and tells it to nobody: this one follows what WeChat tells us.
    ``sending_until`` is a lease, since WeChat refuses two messages to one person at one moment.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    account = models.ForeignKey(
        "socialaccount.SocialAccount", models.CASCADE, related_name="+", db_index=False
    )
    template_id = models.CharField(max_length=64)
    left = models.PositiveIntegerField(db_default=0)
    sending_until = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="wechat_quota_once", fields=["account", "template_id"])
        ]

    def __str__(self) -> str:
        return f"{self.template_id}: {self.left}"


class WeChatQuotaEntry(models.Model):
    """Change of a quota, entered once by its ``key``; it goes with the person's account."""

    class Why(models.TextChoices):
        ACCEPTED = "accepted"  # the person tapped
        DECLINED = "declined"  # the person refused all in WeChat's settings
        SENT = "sent"
        REFUSED = "refused"  # WeChat says that nothing is left
        UNANSWERED = "unanswered"  # a message may have been sent, and will be sent again

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    quota = models.ForeignKey(WeChatQuota, models.CASCADE, related_name="entries", db_index=False)
    key = models.CharField(max_length=100)
    why = models.CharField(max_length=10, choices=Why)
    change = models.IntegerField()
    entered_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="wechat_quota_entered_once", fields=["quota", "key"])
        ]
        triggers: ClassVar = [
            pgtrigger.Protect(name="wechat_quota_entry_stays", operation=pgtrigger.Update)
        ]

    def __str__(self) -> str:
        return f"{self.why} {self.change:+}"


class NoticeSettings(models.Model):
    """A person's own wishes about messages, which never concern the inbox.

    Quiet hours are by the clock of the community that tells; there are none from a time to itself.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    language = models.CharField(max_length=10, default=settings.LANGUAGE_CODE)
    quiet_from = models.TimeField(default=time(22))
    quiet_until = models.TimeField(default=time(8))
    switched_off = models.JSONField(default=dict)  # channels, by kind

    def __str__(self) -> str:
        return f"{self.user_id}: {self.language}"
