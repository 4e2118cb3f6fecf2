"""``manage.py clockwork [--run NAME]``"""

from argparse import ArgumentParser
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from backend import clocks
from backend.celery import CLOCK
from backend.clockwork import selectors, services
from backend.clockwork.errors import UnderWay
from backend.clockwork.models import NEW, SKIPPED, Run
from backend.clockwork.works import Work


class Command(BaseCommand):
    """Command that shows what runs by the clock, how it went, and what is late; or runs one."""

    help = "Show what runs when, how the last run went, and what is late."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--run", choices=sorted(CLOCK), metavar="NAME", help="run it now, here")

    def handle(self, *args: Any, **options: Any) -> None:
        if name := options["run"]:
            try:
                run = services.run_now(name)
            except UnderWay:
                raise CommandError(f"{name} is queued or running already.") from None
            if run.has_failed:
                raise CommandError(f"{name}: {_told(run)}")
            self.stdout.write(f"{name}: {_told(run)}")
            return
        now, newest, late = clocks.now(), selectors.newest(), selectors.late_since()
        for name, work in CLOCK.items():
            self.stdout.write(f"{name} of {work.owner}: {_declared(work)}")
            self.stdout.write(f"  next {_moment(work.when.next(now))}")
            if run_ := newest.get(name):
                self.stdout.write(f"  last {_moment(run_.slot)}: {_told(run_)}")
            if name in late:
                since = late[name]
                self.stdout.write(f"  LATE since {_moment(since)}" if since else "  NEVER RUN")
        self.stdout.write(f"{len(CLOCK)} works, {len(late)} late")


def _declared(work: Work) -> str:
    missed = "caught up, late after" if work.catches_up else "skipped after"
    return f"{work.when}, {missed} {_length(work.may_be_late)}, queue {work.queue}"


def _told(run: Run) -> str:
    if run.reason in SKIPPED:
        told = "nothing was to be done yet" if run.reason == NEW else "skipped, it was too late"
    elif run.has_failed:
        told = f"failed ({run.reason}) at try {run.tries}"
        told += f", tried again from {_moment(run.leased_until)}" if run.leased_until else ""
    elif run.started_at is None:
        told = "queued"
    elif run.finished_at is None or run.is_open:
        told = f"running since {_moment(run.started_at)}"
    else:
        counts = ", ".join(f"{count} {word}" for word, count in run.did.items())
        took = (run.finished_at - run.started_at).total_seconds()
        told = f"done in {took:.1f} s" + (f": {counts}" if counts else "")
    return told + (f" (after {run.missed} missed)" if run.missed else "")


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}Z"


def _length(length: timedelta) -> str:
    minutes = length.total_seconds() / 60
    return f"{minutes / 60:g} h" if minutes >= 60 else f"{minutes:g} min"
