"""Files in the storage: those that a task makes, and those that a transaction comes with."""

import hashlib
import tempfile
import weakref
from collections.abc import Callable
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction


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


def discard_unless_committed(name: str) -> None:
    """Delete the stored file ``name`` again if the transaction that runs is rolled back.

    Django calls something when a transaction commits, and nothing when it does not; but it lets go
    of what it would have called.
    """

    def stays() -> None:
        undo.detach()

    undo = weakref.finalize(stays, default_storage.delete, name)
    transaction.on_commit(stays)
