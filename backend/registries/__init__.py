"""Registries, through which apps and the ground floor work together without naming each other.

An app that holds data about people has a ``privacy.py``, one that sends notices a ``texts.py``: the
ground floor reads them all. What one app asks of another, or must hear of, has a module here.
"""

from importlib import import_module
from pathlib import Path

from django.apps import AppConfig, apps
from django.conf import settings


def discover(name: str) -> None:
    """Import every module called ``name`` in our apps, in the order of the settings. Idempotent."""
    for app in ours():
        for file in sorted(Path(app.path).rglob(f"{name}.py")):
            inside = file.relative_to(app.path).with_suffix("").parts
            import_module(".".join((app.name, *inside)))


def ours() -> list[AppConfig]:
    """List our apps, not those that we depend on, in the order of the settings."""
    return [
        app
        for app in apps.get_app_configs()
        if (settings.BASE_DIR / app.name.partition(".")[0]).is_dir()
    ]
