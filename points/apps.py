from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.db import connections
from django.db.models.signals import post_migrate

from backend.tables import NEVER_IGNORED

if TYPE_CHECKING:
    from backend.documents.services import Kind


class PointsConfig(AppConfig):
    name = "points"

    def ready(self) -> None:
        from backend.documents.services import register
        from backend.registries import discover, heads, merging
        from backend.sampling import subjects
        from points.awards.kinds import register as register_kind
        from points.awards.sampled import AWARDS
        from points.awards.services.adjustments import KINDS
        from points.passing import selectors as passing
        from points.passing.services import pass_on_everywhere
        from points.seals.selectors import last_head, places

        post_migrate.connect(_never_ignore_triggers, sender=self)
        register("account", _account)
        register("books", _books)
        register("trial_balance", _trial_balance)
        heads.answered_by(last_head, places)
        subjects.register("award", AWARDS)
        merging.register(finds=passing.conflicts, counts=passing.counted, moves=pass_on_everywhere)
        for kind in KINDS.values():
            register_kind(kind)
        discover("events")


def _account() -> "Kind":
    from backend.documents.services import Kind
    from points.awards.api import exports

    return Kind(exports.account_seen_by, exports.write_account)


def _books() -> "Kind":
    from backend.documents.services import Kind
    from points.awards.api import exports

    return Kind(exports.books_seen_by, exports.write_books)


def _trial_balance() -> "Kind":
    from backend.documents.services import Kind
    from points.awards.api import exports, trial_balance

    return Kind(exports.books_seen_by, trial_balance.write_accounts)


def _never_ignore_triggers(*, using: str, **_: Any) -> None:
    with connections[using].cursor() as cursor:
        cursor.execute(NEVER_IGNORED)
