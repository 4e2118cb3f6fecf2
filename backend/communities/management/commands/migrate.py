"""``manage.py migrate``, which also says if a function's file is not migrated yet."""

from django.core.management.commands import migrate

from backend.communities.management.commands.makemigrations import Autodetector


class Command(migrate.Command):
    autodetector = Autodetector
