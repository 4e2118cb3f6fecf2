"""Targets, which a tap on a notice opens: their types, and the address of each below ``/api/v1/``.

An app registers the types that its notices open, in its ``texts.py``.
"""

from dataclasses import dataclass
from uuid import UUID

from backend.notices import kinds
from backend.notices.models import Notice

API = "/api/v1/"

registered: dict[str, str] = {}


@dataclass(frozen=True)
class Target:
    """A thing that a notice is about, and the address that opens it."""

    type: str
    id: UUID | None  # None where the address needs none
    address: str


def register(**addresses: str) -> None:
    """Register target types: ``register(report="reports/{id}")``.

    ``{id}`` is the notice's ``target_id``, ``{community}`` the code of its community. Raises
    ValueError if a type is registered already.
    """
    if twice := registered.keys() & addresses.keys():
        raise ValueError(f"These target types are registered already: {twice}.")
    registered.update(addresses)


def target_of(notice: Notice) -> Target | None:
    """Return what a tap on ``notice`` opens; None if nothing."""
    name = kinds.registered[notice.kind].opens
    address = registered[name] if name else ""
    if not address or ("{id}" in address and notice.target_id is None):
        return None
    told = address.format(id=notice.target_id, community=notice.community.code)
    return Target(name, notice.target_id, API + told)
