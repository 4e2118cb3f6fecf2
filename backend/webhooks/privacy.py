"""The data held about webhooks: only who made one."""

from backend.privacy import held
from backend.webhooks.models import Endpoint

held.acts(Endpoint, "made_by")
