"""Files in the storage: those that a task makes, and those that a transaction comes with."""

import hashlib
import tempfile
import weakref
from collections.abc import Callable
from typing import IO
from uuid import uuid4

from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.fields.files import FieldFile


def store(name: str, write: Callable[[IO[bytes]], object]) -> tuple[int, str]:
    """Store what ``write`` writes as ``name``. Returns its size in bytes and its SHA-256.

    Replaces what a worker that was killed left under the name.
    """
    with tempfile.TemporaryFile() as file:
        write(file)
        size = file.tell()
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        default_storage.delete(name)
        default_storage.save(name, File(file))
    return size, digest


def keep(file: FieldFile, jpeg: "ContentFile[bytes]") -> None:
    """Store a picture under a name that tells nothing, unless the transaction is rolled back."""
    file.save(f"{uuid4().hex}.jpg", jpeg, save=False)
    discard_unless_committed(str(file.name))


def discard_unless_committed(name: str) -> None:
    """Delete the stored file ``name`` again if the transaction that runs is rolled back.

    Django calls something when a transaction commits, and nothing when it does not; but it lets go
    of what it would have called.
    """

    def stays() -> None:
        undo.detach()

    undo = weakref.finalize(stays, default_storage.delete, name)
    transaction.on_commit(stays)
