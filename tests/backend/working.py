"""Tasks that take as long as they are told, for real workers: ``settings`` of theirs is below."""

import os
import time
from pathlib import Path

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError

from backend.queues import Queue, in_queue


def note(journal, *words):
    with Path(journal).open("a") as file:
        file.write(" ".join([*words, str(os.getpid())]) + "\n")


@shared_task
@in_queue(Queue.URGENT)
def run_to(journal, name):
    """Be there."""
    note(journal, name, "came")


@shared_task(bind=True)
@in_queue(Queue.URGENT)
def stumble(self, journal, name):
    """Find the database gone at first."""
    note(journal, name, f"was at {self.request.delivery_info['routing_key']}")
    if self.request.retries == 0:
        raise OperationalError


@shared_task
def nap(journal, name, seconds):
    note(journal, name, "began")
    time.sleep(float(seconds))
    note(journal, name, "ended")


@shared_task
@in_queue(Queue.BULK)
def wait_for(journal, name, flag):
    """Take as long as ``flag`` is not there, and half a minute at most."""
    note(journal, name, "began")
    for _ in range(300):
        if Path(flag).exists():
            note(journal, name, "ended")
            break
        time.sleep(0.1)


@shared_task
@in_queue(Queue.BULK)
def grow(journal, name, kib):
    """Take so much memory for a moment."""
    note(journal, name, f"held {len(b'x' * (int(kib) * 1024))}")


@shared_task
@in_queue(Queue.BULK)
def hang(journal, name):
    """Take no notice of the end of its time."""
    try:
        time.sleep(60)
    except SoftTimeLimitExceeded:
        note(journal, name, "was told")
    time.sleep(60)
