"""Listeners for vouchers, and fully refunded redemptions, that are given back.

A slice further up registers its listener when the app is ready; it runs in the same transaction.
"""

from collections.abc import Callable

from merchants.redemption.models import Redemption

_listeners: list[Callable[..., object]] = []  # of a redemption, is_news=…


def heard_by(listener: Callable[..., object]) -> None:
    """Register ``listener`` to be called from now on. Idempotent."""
    if listener not in _listeners:
        _listeners.append(listener)


def tell(redemption: Redemption, *, is_news: bool) -> None:
    """Call every listener, with the voucher locked and the wallet not yet.

    ``is_news`` means that the volunteer did not ask for it.
    """
    for listener in _listeners:
        listener(redemption, is_news=is_news)
