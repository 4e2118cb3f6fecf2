"""Processes of a test's own, which need not read the project again."""

import ctypes
import multiprocessing
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

from django.db import connection

PR_SET_PDEATHSIG = 1  # sys/prctl.h


def forked(target: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """Start ``target`` in a process with a database connection of its own.

    It dies with the thread that started it.
    """
    connection.close()
    process = multiprocessing.get_context("fork").Process(
        target=_alone, args=(target, *arguments), daemon=True
    )
    process.start()
    return process


def _alone(target: Callable[..., Any], *arguments: Any) -> None:
    # Also where ours is killed: whoever reads what it says would wait for the end of this as well.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # A page that a test left in a browser may have asked for something since, by our connection.
    # It stays the parent's: nobody closes it here.
    born_with, connection.connection = connection.connection, None
    target(*arguments)
    del born_with
