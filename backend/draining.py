"""Draining: the processes of a web share one byte, which tells all that it is about to end.

A balancer needs a moment to hear that a web is not to be asked any more. Meanwhile it goes on
answering, and says at /readyz that it is no longer ready.
"""

import mmap
import signal
from typing import Any

_shared = mmap.mmap(-1, 1)  # made before gunicorn forks


def is_begun() -> bool:
    """Tell whether this web was told to end."""
    return _shared[0] == 1


def begin() -> None:
    """Let all processes of this web know that it was told to end."""
    _shared[0] = 1


def drain_for(seconds: float, server: Any) -> None:
    """Let gunicorn's ``server`` end only ``seconds`` after SIGTERM, or at a second one."""

    def end(*_: Any) -> None:
        server.signal(signal.SIGTERM, None)

    def told_to_end(*_: Any) -> None:
        if is_begun():
            end()
        begin()
        signal.setitimer(signal.ITIMER_REAL, seconds)

    if seconds:
        signal.signal(signal.SIGALRM, end)
        signal.signal(signal.SIGTERM, told_to_end)
