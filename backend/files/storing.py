"""Files that a task makes, in the storage."""

import hashlib
import tempfile
from collections.abc import Callable
from typing import IO

from django.core.files import File
from django.core.files.storage import default_storage


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
