"""``manage.py load_demo``: the community that `make run` shows."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from backend.top.scenarios import demo
from backend.top.scenarios.replay import ScenarioError


class Command(BaseCommand):
    """Command that loads the demo community if it is missing; then it changes next to nothing."""

    help = "Load the demo community and write its log-ins to $LINLI_HOME/demo.json."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            demo.load(
                home=settings.HOME,
                tell=self.stdout.write,
                watch=lambda events: iter(tqdm(events, unit=" events", mininterval=1)),
            )
        except ScenarioError as error:
            raise CommandError(str(error)) from error
