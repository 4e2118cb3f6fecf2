"""Processes of a test's own, which need not read the project again."""

import multiprocessing
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from typing import Any

from django.db import connection


def forked(target: Callable[..., Any], *arguments: Any) -> BaseProcess:
    """Start ``target`` in a process that dies with ours, with a database connection of its own."""
    connection.close()
    process = multiprocessing.get_context("fork").Process(
        target=_alone, args=(target, *arguments), daemon=True
    )
    process.start()
    return process


def _alone(target: Callable[..., Any], *arguments: Any) -> None:
    # A page that a test left in a browser may have asked for something since, by our connection.
    # It stays the parent's: nobody closes it here.
    born_with, connection.connection = connection.connection, None
    target(*arguments)
    del born_with
