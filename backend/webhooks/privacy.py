"""What an export tells of webhooks, and what an erasure does to them: nothing but who made one."""

from backend.privacy import held
from backend.webhooks.models import Endpoint

held.acts(Endpoint, "made_by")
