"""A worker of the bench ``notices``: it does what the outbox's tasks do, until nothing is due."""

import os

import django


def _deliver() -> None:
    from backend.outbox import services as outbox

    while shares := outbox.shares("notice"):
        for share in shares:
            outbox.work("notice", share)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.test_settings")
    django.setup()

    from bench._team import work

    work({"deliver": _deliver})
