"""The data held about payouts: who ordered one, and who received it."""

from backend.payouts.models import Payout
from backend.privacy import held

held.acts(Payout, "ordered_by", "payee")
