"""The inside of a move's file: a tar archive in a stream, read and written once from end to end.

``manifest.json`` first, then tables in parts of a few MiB each, then stored files, and ``end.json``
last: whoever read that has read everything.
"""

import json
import tarfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from itertools import groupby
from typing import IO, Any, cast

from backend.moving.sealing import Reader, Writer

MANIFEST, END, TABLES, FILES = "manifest.json", "end.json", "tables", "files"
PART = 4 * 1_048_576  # bytes of a table held in memory
READ = 65_536


class Packing:
    """Writes an archive into ``file``, encrypted with ``key``."""

    def __init__(self, file: IO[bytes], key: str) -> None:
        self._sealed = Writer(file, key)
        stream = cast("IO[bytes]", self._sealed)  # of a stream, tarfile asks to write alone
        self._tar = tarfile.open(fileobj=stream, mode="w|gz")  # noqa: SIM115

    def facts(self, name: str, facts: dict[str, Any]) -> None:
        data = json.dumps(facts, ensure_ascii=False).encode()
        self._add(name, len(data), BytesIO(data))

    def table(self, label: str, blocks: Iterable[bytes]) -> int:
        """Add a table, as COPY writes it. Returns the number of rows."""
        part, number, rows = bytearray(), 0, 0
        for block in blocks:
            part += block
            rows += block.count(b"\n")
            if len(part) >= PART:
                self._part(label, number, part)
                number += 1
        self._part(label, number, part)  # also of an empty table
        return rows

    def _part(self, label: str, number: int, part: bytearray) -> None:
        self._add(f"{TABLES}/{label}/{number:06}", len(part), BytesIO(bytes(part)))
        part.clear()

    def stored(self, name: str, size: int, file: IO[bytes]) -> None:
        self._add(f"{FILES}/{name}", size, file)

    def finish(self) -> None:
        self._tar.close()
        self._sealed.finish()

    def _add(self, name: str, size: int, file: IO[bytes]) -> None:
        member = tarfile.TarInfo(name)
        member.size = size
        self._tar.addfile(member, file)


class Unpacking:
    """Reads an archive from ``file``, which was encrypted with ``key``. Raises MoveRefused."""

    def __init__(self, file: IO[bytes], key: str) -> None:
        self._sealed = Reader(file, key)
        stream = cast("IO[bytes]", self._sealed)  # of a stream, tarfile asks to read alone
        self._tar = tarfile.open(fileobj=stream, mode="r|gz")  # noqa: SIM115

    def parts(self) -> Iterator[tuple[str, str, Iterator[bytes]]]:
        """Yield the kind, the name and the content of each part, which is read before the next."""
        for (kind, name), members in groupby(self._tar, self._part_of):
            yield kind, name, self._read(members)
        self._sealed.finish()

    def _part_of(self, member: tarfile.TarInfo) -> tuple[str, str]:
        kind, _, name = member.name.partition("/")
        return (kind, name.partition("/")[0]) if kind == TABLES else (kind, name)

    def _read(self, members: Iterable[tarfile.TarInfo]) -> Iterator[bytes]:
        for member in members:
            content = self._tar.extractfile(member)
            while content and (block := content.read(READ)):
                yield block


def facts_in(content: Iterable[bytes]) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(b"".join(content))
    return facts
