from typing import TYPE_CHECKING

from django.apps import AppConfig

if TYPE_CHECKING:
    from backend.documents.services import Kind


class SamplingConfig(AppConfig):
    name = "backend.sampling"

    def ready(self) -> None:
        from backend.documents.services import register

        register("sample", _sample)


def _sample() -> "Kind":
    from backend.documents.services import Kind
    from backend.sampling import files

    return Kind(files.seen_by, files.write)
