"""Kinds of notices: their words, what a tap opens, and by which channels they go beside the inbox.

Each app registers its own in a ``texts.py``. Words are made when a notice is read or sent, in the
reader's language.
"""

from dataclasses import dataclass

from django.utils.functional import Promise

from backend.notices.models import Channel


@dataclass(frozen=True)
class Kind:
    """A kind of notice.

    ``body`` is filled in from the notice's facts. ``opens`` names the target type that a tap opens
    (targets.py); the notice carries the id. ``template`` names the family of WeChat templates.
    """

    title: Promise | str
    body: Promise | str
    opens: str = ""
    channels: tuple[Channel, ...] = ()
    template: str = ""
    is_urgent: bool = False  # does not wait for the end of quiet hours
    is_required: bool = False  # nobody can switch it off


registered: dict[str, Kind] = {}


def register(**kinds: Kind) -> None:
    """Register kinds by their names. Raises ValueError if one is registered already."""
    if twice := registered.keys() & kinds.keys():
        raise ValueError(f"These kinds of notice are registered already: {twice}.")
    registered.update(kinds)
