"""Refusals about verifications and what they found."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict


class VerificationUnderWay(Conflict):
    """Refusal of a verification while another of its kind waits or runs in the community."""

    code = "verification_under_way"
    title = _("A verification of this kind is already waiting or running here.")


class VerificationOver(Conflict):
    """Refusal to stop a verification that has ended."""

    code = "verification_over"
    title = _("This verification is over.")


class FindingSignedOff(Conflict):
    """Refusal of other words, or another's, for what was signed off: that is final."""

    code = "finding_signed_off"
    title = _("This finding has already been signed off.")
