from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

if TYPE_CHECKING:
    from backend.documents.services import Kind

# django-pgtrigger lets a session name triggers to be ignored (SET pgtrigger.ignore). What guards
# the ledger guards it against everybody, so the function it asks answers no; and being plain SQL it
# costs a posting nothing. Each migration of a trigger makes the function anew, hence each time.
NEVER_IGNORED = """
    CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name)
    RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT false'
"""


class PointsConfig(AppConfig):
    name = "points"

    def ready(self) -> None:
        from backend.documents.services import register
        from backend.registries import heads
        from backend.sampling import subjects
        from points.awards.kinds import register as register_kind
        from points.awards.sampled import AWARDS
        from points.awards.services.adjustments import KINDS
        from points.seals.selectors import last_head

        post_migrate.connect(_never_ignore_triggers, sender=self)
        register("account", _account)
        register("books", _books)
        heads.answered_by(last_head)
        subjects.register("award", AWARDS)
        for kind in KINDS.values():
            register_kind(kind)


def _account() -> "Kind":
    from backend.documents.services import Kind
    from points.awards.api import exports

    return Kind(exports.account_seen_by, exports.write_account)


def _books() -> "Kind":
    from backend.documents.services import Kind
    from points.awards.api import exports

    return Kind(exports.books_seen_by, exports.write_books)


def _never_ignore_triggers(*, using: str, **_: Any) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(NEVER_IGNORED)
