"""The data held about verifications: who asked for one, stopped one, or signed a finding off."""

from backend.privacy import held
from backend.verification.models import Finding, Verification

held.acts(Verification, "asked_by", "stopped_by")
held.acts(Finding, "signed_off_by")
