from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from backend.documents.services import Kind


class VerificationConfig(AppConfig):
    name = "backend.verification"

    def ready(self) -> None:
        from backend.documents.services import register as register_document
        from backend.outbox.kinds import Kind, register
        from backend.queues import Queue
        from backend.verification.models import Verification
        from backend.verification.services import running

        verification = Kind(
            model=Verification,
            act=running.run,
            since="asked_at",
            words=Verification.get_kind_display,
            queue=Queue.BULK,
            related=("community",),
            swept_at_most=1,
            shares_at_most=4,  # workers have other things to do as well
            gave_up=running.gave_up,
        )
        register(running.OWED, verification)
        register_document("findings", _findings)
        register_document("audit_entries", _audit_entries)


def _findings() -> "Kind":
    from backend.documents.services import Kind
    from backend.verification.api import exports

    return Kind(exports.findings_seen_by, exports.write_findings)


def _audit_entries() -> "Kind":
    from backend.documents.services import Kind
    from backend.verification.api import exports

    return Kind(exports.trail_seen_by, exports.write_trail)
