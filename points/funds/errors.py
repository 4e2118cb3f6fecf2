"""Refusals about funds."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, NotFound


class FundNameTaken(Conflict):
    code = "fund_name_taken"
    title = _("There is a fund of this name for this year, on other terms.")


class FundMissing(Conflict):
    """Refusal of what the ``fund`` of that name should pay in that ``year``."""

    code = "fund_missing"
    title = _("The fund that pays this was not opened for the year.")


class FundEnded(Conflict):
    code = "fund_ended"
    title = _("This fund has ended; what was left of it was carried over or returned.")


class FundYearNotOver(Conflict):
    code = "fund_year_not_over"
    title = _("A fund ends after its year, not before.")


class FundHasClaims(Conflict):
    """Claims of the fund are open: ``reserved``, ``waiting`` and ``unclaimed`` so many."""

    code = "fund_has_claims"
    title = _("Claims on this fund are still open.")


class FundEntryUnknown(NotFound):
    code = "fund_entry_unknown"
    title = _("There is no such entry in this fund.")


class ClaimSubjectReused(Conflict):
    code = "claim_subject_reused"
    title = _("This record has already claimed something else from a fund.")


class ClaimStatusWrong(Conflict):
    code = "claim_status_wrong"
    title = _("This is not possible in the claim's present status.")


class ClaimNeedsApproval(Conflict):
    code = "claim_needs_approval"
    title = _("A second person has to approve a claim of this size first.")


class ClaimNeedsNoApproval(Conflict):
    code = "claim_needs_no_approval"
    title = _("This claim is small enough to be paid without approval.")


class OwnClaim(Forbidden):
    code = "own_claim"
    title = _("Nobody approves a claim that they asked for or that pays them.")


class ClaimFrozen(Conflict):
    code = "claim_frozen"
    title = _("What this claim is for was opened again; it is not paid until that is closed.")


class ClaimOnItsWay(Conflict):
    code = "claim_on_its_way"
    title = _("The money of this claim is on its way.")


class ClaimNotOwed(Conflict):
    code = "claim_not_owed"
    title = _("Nobody owes this claim: it was not paid, or not taken back.")


class RecoveryTooLarge(Conflict):
    """Refusal of more than is ``owed``."""

    code = "recovery_too_large"
    title = _("This is more than is still owed.")


class RecoveryReferenceReused(Conflict):
    code = "recovery_reference_reused"
    title = _("This reference was recorded with another amount.")


class OwnRecovery(Forbidden):
    code = "own_recovery"
    title = _("Somebody else than who took it back, or owes it, records that it came back.")
