"""The data held about exports themselves."""

from django.utils.translation import gettext_lazy as _

from backend.privacy import held
from backend.privacy.models import Export
from backend.privacy.services import exports

held.FORGETS.append(exports.discard)
held.table(
    "exports",
    "您要求过的个人信息副本 / copies like this one",
    "id requested_at finished_at expires_at size_bytes",
    Export,
    "user",
)
held.titles(finished_at=_("Finished at"), size_bytes=_("Bytes"))
