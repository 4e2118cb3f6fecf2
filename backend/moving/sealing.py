"""The file of a move, encrypted and authenticated piece by piece, so that it can be of any size.

A format's name and a salt, then pieces of 64 KiB encrypted with ChaCha20-Poly1305. A piece's nonce
is its number and whether it is the last, as in the STREAM construction (Hoang et al., 2015), so
pieces that were changed, swapped, repeated or cut off are found. The key is made of the operator's
key file by scrypt.
"""

import os
import secrets
from typing import IO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from backend.moving.errors import MoveRefused

FORMAT = b"linli-community-1\n"
SALT, TAG, PIECE = 16, 16, 65_536  # bytes
SHORTEST_KEY = 24  # characters


def _cipher(key: str, salt: bytes) -> ChaCha20Poly1305:
    if len(key) < SHORTEST_KEY:
        raise MoveRefused("key_too_short", f"A key has at least {SHORTEST_KEY} characters.")
    return ChaCha20Poly1305(Scrypt(salt, length=32, n=2**15, r=8, p=1).derive(key.encode()))


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


class Writer:
    """Encrypts what is written to it into ``file``. Only ``finish`` makes the file whole."""

    def __init__(self, file: IO[bytes], key: str) -> None:
        salt = secrets.token_bytes(SALT)
        self._file, self._cipher, self._header = file, _cipher(key, salt), FORMAT + salt
        self._number, self._waits = 0, bytearray()
        file.write(self._header)

    def write(self, data: bytes) -> int:
        self._waits += data
        while len(self._waits) > PIECE:  # the last one is known when no more comes
            self._put(bytes(self._waits[:PIECE]), is_last=False)
            del self._waits[:PIECE]
        return len(data)

    def finish(self) -> None:
        """Write the last piece, and see that all of the file is on disk."""
        self._put(bytes(self._waits), is_last=True)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _put(self, piece: bytes, *, is_last: bool) -> None:
        nonce = _nonce(self._number, is_last=is_last)
        self._file.write(self._cipher.encrypt(nonce, piece, self._header))
        self._number += 1


class Reader:
    """Decrypts ``file``. Raises MoveRefused ``file_altered`` where it is not as it was written."""

    def __init__(self, file: IO[bytes], key: str) -> None:
        header = file.read(len(FORMAT) + SALT)
        if not header.startswith(FORMAT) or len(header) < len(FORMAT) + SALT:
            raise MoveRefused("file_of_another_format", "This is no file of export_community.")
        self._file, self._header = file, header
        self._cipher = _cipher(key, header[len(FORMAT) :])
        self._number, self._ahead, self._is_over = 0, file.read(PIECE + TAG), False
        self._left = self._take()  # another key is found at once

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes; none at the end alone."""
        while not self._left and not self._is_over:
            self._left = self._take()
        data, self._left = self._left[:size], self._left[size:]
        return data

    def finish(self) -> None:
        """Read to the end, which is where a file that was cut off is found."""
        while self.read(PIECE):
            pass

    def _take(self) -> bytes:
        piece, self._ahead = self._ahead, self._file.read(PIECE + TAG)
        self._is_over = not self._ahead
        nonce = _nonce(self._number, is_last=self._is_over)
        self._number += 1
        try:
            return self._cipher.decrypt(nonce, piece, self._header)
        except InvalidTag:
            raise MoveRefused(
                "file_altered", "The key is another, or the file is not as it was written."
            ) from None
