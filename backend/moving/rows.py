"""Rows as COPY writes them, and the columns that only their own installation can read.

What an installation's keys encrypt, or hash, is written in the clear into the file, which is
encrypted itself, and encrypted and hashed anew by the keys of the other installation. It stands
there in base64, which COPY writes as it is.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from backend.accounts import phones, vault
from backend.accounts.services.keys import with_secrets
from backend.moving import tables

NULL, NO = b"\\N", b"f"


def leaving(model: type[Any], blocks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    """Return what COPY says of ``model``, with its secrets in the clear."""
    return _changed(model, blocks, _opened, _clear)


def arriving(model: type[Any], blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Return what COPY is to read of ``model``, with its secrets encrypted by our own keys."""
    return _changed(model, blocks, _closed, _our_own)


def _changed(
    model: type[Any],
    blocks: Iterable[bytes | memoryview],
    change_secret: Callable[[bytes], bytes],
    change_row: Callable[[str, list[bytes], dict[str, int]], None],
) -> Iterator[bytes]:
    label, secrets = model._meta.label, tables.encrypted_in(model)
    if not secrets and label not in (tables.PERSON, tables.SECOND_FACTOR):
        yield from map(bytes, blocks)
        return
    at = {column: place for place, column in enumerate(tables.columns_of(model))}
    for line in _lines(blocks):
        row = line.split(b"\t")
        for column in secrets:
            if row[at[column]] not in (b"", NULL):
                row[at[column]] = change_secret(row[at[column]])
        change_row(label, row, at)
        yield b"\t".join(row) + b"\n"


def _lines(blocks: Iterable[bytes | memoryview]) -> Iterator[bytes]:
    rest = b""
    for block in blocks:
        *whole, rest = (rest + block).split(b"\n")
        yield from whole


# --- leaving ----------------------------------------------------------------------------------
def _opened(token: bytes) -> bytes:
    return urlsafe_b64encode(vault.decrypt(token.decode()).encode())


def _clear(label: str, row: list[bytes], at: dict[str, int]) -> None:
    if label == tables.PERSON:
        row[at["phone_digest"]] = NULL
    if label == tables.SECOND_FACTOR:
        data = with_secrets(_read(row[at["data"]]), vault.decrypt)
        row[at["data"]] = urlsafe_b64encode(json.dumps(data).encode())


# --- arriving ---------------------------------------------------------------------------------
def _closed(clear: bytes) -> bytes:
    return vault.encrypt(urlsafe_b64decode(clear).decode()).encode()


def _our_own(label: str, row: list[bytes], at: dict[str, int]) -> None:
    if label == tables.PERSON:
        if token := row[at["phone_encrypted"]]:
            row[at["phone_digest"]] = phones.digest(vault.decrypt(token.decode())).encode()
        row[at["is_superuser"]] = NO  # an installation names its own
    if label == tables.SECOND_FACTOR:
        data = with_secrets(json.loads(urlsafe_b64decode(row[at["data"]])), vault.encrypt)
        row[at["data"]] = json.dumps(data).encode().replace(b"\\", b"\\\\")


def _read(field: bytes) -> Any:
    return json.loads(field.replace(b"\\\\", b"\\"))
