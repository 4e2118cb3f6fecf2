"""A voucher, or the last piece of what was redeemed, was given back: who must hear of it.

A slice further up registers what it does about it, in the same transaction, when the app is ready.
"""

from collections.abc import Callable

from merchants.redemption.models import Redemption

_listeners: list[Callable[..., object]] = []  # of a redemption, is_news=…


def heard_by(listener: Callable[..., object]) -> None:
    """Call ``listener`` from now on. Idempotent."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(redemption: Redemption, *, is_news: bool) -> None:
    """Tell every listener, under the lock of the voucher and before the wallet's.

    ``is_news``: the volunteer did not ask for it themselves.
    """
    for listener in _listeners:
        listener(redemption, is_news=is_news)
