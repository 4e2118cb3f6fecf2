"""Copies of the data held about somebody: asked for, made by a task, fetched by a link, removed."""

import secrets
from datetime import datetime, timedelta
from typing import IO
from uuid import UUID

from django.core.files.storage import default_storage
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.db import transaction
from django.utils import timezone, translation

from backend import replica
from backend.accounts.models import User
from backend.accounts.services.people import locked
from backend.audit import services as trail
from backend.files.storing import store
from backend.notices import personal
from backend.outbox import services as outbox
from backend.outbox.kinds import Done
from backend.privacy import selectors
from backend.privacy.errors import ExportExpired, ExportPending, ExportUnknown
from backend.privacy.models import Export
from backend.privacy.services import archive

KEPT_FOR = timedelta(hours=24)  # from when it is finished
FOLDER = "exports"
_signer = TimestampSigner(salt="backend.privacy.export")


@transaction.atomic
def ask(*, user: User, language: str, now: datetime | None = None) -> Export:
    """Return an export of all that is held about ``user``, titled in ``language``; a task makes it.

    Idempotent: answers with the last one while it is pending or can be fetched, for 24 hours. One
    that could not be made is tried anew.
    """
    user = locked(user.pk)
    outbox.owe_anew("export", Export.objects.filter(user=user, given_up_at__isnull=False))
    newest = selectors.exports_of(user).first()
    if newest and selectors.state_of(newest, now=now) != Export.State.EXPIRED:
        return newest
    export = Export.objects.create(
        user=user, language=language, file_name=f"{FOLDER}/{secrets.token_hex(16)}.zip"
    )
    export.refresh_from_db(fields=["requested_at"])  # the database's own time
    trail.record("export.ask", actor=user, target=export)
    return export


def make(export: Export) -> Done:
    """Make the export's file, and tell its person that it is ready.

    If a worker is killed over it, the next one begins anew under the same name.
    """
    with translation.override(export.language):
        size_bytes, _ = replica.read(
            lambda: store(export.file_name, lambda file: archive.write(file, export.user)),
            wait=replica.TASK_WAIT,
        )
    now = timezone.now()
    until = now + KEPT_FOR
    personal.tell(
        "export_ready",
        person=export.user,
        about=export.pk,
        facts={},
        moments={"until": until},
        stale_at=until,
    )
    return Done(finished_at=now, expires_at=until, size_bytes=size_bytes)


def link_token(export: Export) -> str:
    """Return the token that opens this export until it expires or its owner logs out everywhere.

    The token needs no log-in, so that a browser or ``wx.downloadFile`` can fetch the file.
    """
    return _signer.sign(_named(export))


def fetch(
    *, export_id: UUID, user: User | None = None, token: str = "", now: datetime | None = None
) -> IO[bytes]:
    """Return the file, for its owner or whoever has its ``token``; each fetch is recorded.

    Raises ExportUnknown, also if it is another's; ExportPending; ExportExpired if the link is too
    old or the file is gone.
    """
    export = Export.objects.select_related("user").filter(pk=export_id).first()
    if export is None:
        raise ExportUnknown
    if user != export.user:
        _check(token, export)
    state = selectors.state_of(export, now=now)
    if state == Export.State.PENDING:
        raise ExportPending
    if state == Export.State.EXPIRED:
        raise ExportExpired
    try:
        file = default_storage.open(export.file_name)
    except FileNotFoundError:  # since we looked
        raise ExportExpired from None
    with transaction.atomic():
        trail.record("export.fetch", actor=user if user == export.user else None, target=export)
    return file


def remove_expired(*, now: datetime | None = None) -> int:
    """Remove the files that nobody can fetch any more. Returns the count."""
    due = selectors.exports_to_remove(now or timezone.now())
    return sum(_remove(export_id) for export_id in due.values_list("pk", flat=True))


@transaction.atomic
def discard(user: User) -> None:
    """Delete all exports of ``user``, files and rows, because they asked to be erased.

    Waits for an export that is being made.
    """
    for export in Export.objects.select_for_update().filter(user=user).order_by("pk"):
        default_storage.delete(export.file_name)
        export.delete()


@transaction.atomic
def _remove(export_id: UUID) -> bool:
    export = (
        Export.objects.select_for_update(no_key=True, skip_locked=True)
        .filter(pk=export_id, removed_at__isnull=True)
        .first()
    )
    if export is None:
        return False
    default_storage.delete(export.file_name)
    export.removed_at = timezone.now()
    export.save(update_fields=["removed_at"])
    return True


def _check(token: str, export: Export) -> None:
    try:
        if _signer.unsign(token, max_age=KEPT_FOR) != _named(export):
            raise ExportUnknown
    except SignatureExpired:
        raise ExportExpired from None
    except BadSignature:
        raise ExportUnknown from None


def _named(export: Export) -> str:
    """Return the text to sign: the export's id, and from when on its owner's log-ins are good."""
    since = export.user.tokens_valid_from
    return f"{export.pk.hex}.{since.timestamp() if since else 0}"
