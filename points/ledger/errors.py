"""The ledger's refusals, in the order in which it checks for them."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Invalid, NotFound


class AmountInvalid(Invalid):
    code = "amount_invalid"
    title = _("An amount is a positive whole number.")


class AccountsMustDiffer(Invalid):
    code = "accounts_must_differ"
    title = _("A transfer needs two different accounts.")


class TransferIdReused(Conflict):
    code = "transfer_id_reused"
    title = _("This id has already moved something else.")


class AccountUnknown(NotFound):
    code = "account_unknown"
    title = _("There is no such account in this community.")


class UnitsDiffer(Invalid):
    code = "units_differ"
    title = _("Points and money never turn into each other.")


class AccountHasNoFloor(Invalid):
    code = "account_has_no_floor"
    title = _("Only wallets and funds can hold something back.")


class InsufficientPoints(Conflict):
    code = "insufficient_points"
    title = _("There are not enough points.")


class ShortfallOutstanding(Conflict):
    code = "shortfall_outstanding"
    title = _("Points taken back are still owed; what is earned next repays them first.")


class HoldUnknown(NotFound):
    code = "hold_unknown"
    title = _("There is no such hold.")


class HoldResolved(Conflict):
    code = "hold_resolved"
    title = _("This hold has already been captured or released.")


class CaptureTooLarge(Invalid):
    code = "capture_too_large"
    title = _("More can not be captured than was held.")


class HoldExpired(Conflict):
    code = "hold_expired"
    title = _("This hold has expired.")


class TransferUnknown(NotFound):
    code = "transfer_unknown"
    title = _("There is no such transfer.")


class ReversalOfReversal(Conflict):
    code = "reversal_of_reversal"
    title = _("A reversal is not reversed; what was right is posted anew.")


class TransferReversed(Conflict):
    code = "transfer_reversed"
    title = _("All of this transfer has already been reversed.")


class ReversalTooLarge(Invalid):
    code = "reversal_too_large"
    title = _("More can not be reversed than is left of the transfer.")


class PeriodInvalid(Invalid):
    code = "period_invalid"
    title = _("A period ends after it begins and is not longer than a year.")


class ExportTooLarge(Invalid):
    code = "export_too_large"
    title = _("This is too much for one file; please narrow it down, for example to a period.")
