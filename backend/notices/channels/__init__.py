"""Channels beside the inbox: whom each can reach, and how it sends."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from uuid import UUID

from backend.notices.models import Channel, Message
from backend.outbox.kinds import Outcome


@dataclass(frozen=True)
class Sender:
    """A channel's functions.

    ``reaches`` returns those of some people who can be told of a kind of notice by this channel at
    all: an address is verified, a message was accepted. ``send`` sends one claimed message, whose
    notice, recipient and community are read with it, while its language is active, and is harmless
    to repeat as far as the channel allows. It returns an outcome of the outbox:
    ``Done(sent_at=Now())``, ``Done(skipped_at=Now(), reason=…)`` if nobody is reached after all,
    ``Failed`` or ``Later``.
    """

    is_ready: Callable[[], bool]
    reaches: Callable[[str, Iterable[UUID]], set[UUID]]
    send: Callable[[Message], Outcome]


registered: dict[Channel, Sender] = {}


def register(channel: Channel, sender: Sender) -> None:
    """Register how ``channel`` sends."""
    registered[channel] = sender


def ready() -> dict[Channel, Sender]:
    """Return the senders that are set up."""
    return {channel: sender for channel, sender in registered.items() if sender.is_ready()}
