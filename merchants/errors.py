"""Refusals about offers, vouchers and settlements."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound


class OutOfStock(Conflict):
    code = "out_of_stock"
    title = _("This is sold out.")


class StockFull(Conflict):
    """``limit`` is how many pieces are put in at most."""

    code = "stock_full"
    title = _("There is no room for so many pieces.")


class PartnerNotActive(Conflict):
    code = "partner_not_active"
    title = _("This merchant is not a partner at present.")


class PartnerNotAccepted(Conflict):
    code = "partner_not_accepted"
    title = _("The merchant's owner has not agreed to be a partner here.")


class PartnerEnded(Conflict):
    code = "partner_ended"
    title = _("This partnership has ended.")


class PartnerNameTaken(Conflict):
    code = "partner_name_taken"
    title = _("The community has a partner of this name.")


class AlreadyPartner(Conflict):
    code = "already_partner"
    title = _("This merchant is a partner here already, or was.")


class PartnerStateWrong(Conflict):
    code = "partner_state_wrong"
    title = _("This is not possible in the partnership's present state.")


class TermsIncomplete(Invalid):
    code = "terms_incomplete"
    title = _("Terms say fen per point, or a share, or neither, as their kind needs.")


class TermsTooEarly(Conflict):
    code = "terms_too_early"
    title = _("New terms begin today or later, and not before the last ones.")


class TermsInForce(Conflict):
    code = "terms_in_force"
    title = _("These terms are in force, or will be in a minute: agree on the next instead.")


class ListFull(Conflict):
    """``limit`` is how many entries of a partner are open at most."""

    code = "list_full"
    title = _("The lists are full; close an entry first.")


class ListEntryClosed(Conflict):
    code = "list_entry_closed"
    title = _("This entry is closed.")


class ActivityUnknown(NotFound):
    code = "activity_unknown"
    title = _("The community has no such activity.")


class PartnerUnknown(NotFound):
    code = "partner_unknown"
    title = _("The community has no such partner.")


class FairNotInOrder(Invalid):
    code = "fair_not_in_order"
    title = _("A fair ends after it starts and lasts a week at most.")


class FairOver(Conflict):
    code = "fair_over"
    title = _("This fair is over.")


class FairsOverlap(Conflict):
    """``merchants`` are the names of those that are elsewhere."""

    code = "fairs_overlap"
    title = _("A merchant is at another fair at that time.")


class OfferNotPriced(Conflict):
    code = "offer_not_priced"
    title = _("The merchant's contract needs a price in yuan for this offer.")


class OfferCodeTaken(Conflict):
    code = "offer_code_taken"
    title = _("The community has an offer with this code.")


class OfferCodeReserved(Invalid):
    code = "offer_code_reserved"
    title = _("Codes that begin like this are made by the system.")


class OfferIncomplete(Invalid):
    code = "offer_incomplete"
    title = _(
        "A seat has a date and nothing else does; a limit has a period; from comes before until."
    )


class OfferRaisedAlone(Conflict):
    code = "offer_raised_alone"
    title = _("One person alone raised its price; before more is put in, another confirms it.")


class IncreaseDecided(Conflict):
    code = "increase_decided"
    title = _("This has been decided on.")


class OwnIncrease(Forbidden):
    code = "own_increase"
    title = _("Who asks for what the community pays more for does not confirm it.")


class OfferStateWrong(Conflict):
    code = "offer_state_wrong"
    title = _("This is not possible in the offer's present state.")


class StaffWithdrewIt(Forbidden):
    code = "staff_withdrew_it"
    title = _("The community took this off the list; its staff put it back.")


class OwnOffer(Forbidden):
    code = "own_offer"
    title = _("Who proposed an offer does not decide on it.")


class OfferNotOnNow(Conflict):
    code = "offer_not_on_now"
    title = _("This is not on offer today.")


class NotEligible(Forbidden):
    """``missing`` says what it asks for: hours, stars, groups, min_age, max_age."""

    code = "not_eligible"
    title = _("This offer is for others; it says for whom.")


class LimitReached(Conflict):
    """``limit`` pieces in a ``period``; ``taken`` is how many there were."""

    code = "limit_reached"
    title = _("One person may take no more of these for now.")


class OfferWithdrawn(Conflict):
    code = "offer_withdrawn"
    title = _("This is not on offer any more.")


class CodeUnknown(NotFound):
    code = "code_unknown"
    title = _("This code is not known.")


class CodeTampered(Invalid):
    code = "code_tampered"
    title = _("This code was altered; it is none of ours.")


class VoucherNotOffline(Conflict):
    code = "voucher_not_offline"
    title = _("This can only be scanned with signal.")


class DeviceRetired(Conflict):
    code = "device_retired"
    title = _("This device was taken out of use before the scan.")


class QuantityTooLarge(Conflict):
    """``quantity`` is what the voucher is for."""

    code = "quantity_too_large"
    title = _("The voucher is for fewer pieces.")


class OwnVoucher(Forbidden):
    code = "own_voucher"
    title = _("A colleague has to take this: it is your own.")


class NonceReused(Conflict):
    """Only ever an ``outcome``."""

    code = "scan_nonce_reused"
    title = _("This device has told another scan under this nonce.")


class CodeUsed(Conflict):
    code = "code_used"
    title = _("This code has been used.")


class CodeExpired(Conflict):
    code = "code_expired"
    title = _("This code has expired; its points go back to the wallet.")


class PayCodeExpired(CodeExpired):
    title = _("This code has expired; ask for a new one.")


class PointsNotAgreed(Conflict):
    code = "points_not_agreed"
    title = _("The merchant's contract is not by points: choose what is taken.")


class OfferUnknown(NotFound):
    code = "offer_unknown"
    title = _("This merchant has no such offer.")


class CodeCancelled(Conflict):
    code = "code_cancelled"
    title = _("This voucher was cancelled; its points go back to the wallet.")


class NotYourMerchant(Forbidden):
    code = "not_your_merchant"
    title = _("This voucher is for another merchant.")


class VoucherStateWrong(Conflict):
    code = "voucher_state_wrong"
    title = _("This voucher has been used or has lapsed.")


class MerchantUnknown(NotFound):
    code = "merchant_unknown"
    title = _("There is no such merchant.")


class InvitationUnknown(NotFound):
    code = "invitation_unknown"
    title = _("This invitation is not known.")


class InvitationUsed(Conflict):
    code = "invitation_used"
    title = _("This invitation has been used.")


class InvitationExpired(Conflict):
    code = "invitation_expired"
    title = _("This invitation has expired; ask for another.")


class InvitationRevoked(Conflict):
    code = "invitation_revoked"
    title = _("This invitation was taken back.")


class OwnInvitation(Forbidden):
    code = "own_invitation"
    title = _("Who invites does not accept it themselves.")


class AlreadyWorksThere(Conflict):
    code = "already_works_there"
    title = _("You work there already.")


class HasOwner(Conflict):
    code = "has_owner"
    title = _("This merchant has an owner, who invites others.")


class LastOwner(Conflict):
    code = "last_owner"
    title = _("A merchant keeps an owner; invite another first.")


class PeriodNotInOrder(Invalid):
    code = "period_not_in_order"
    title = _("A period ends after it starts.")


class PeriodNotOver(Conflict):
    code = "period_not_over"
    title = _("This period is not over yet.")


class StatementStateWrong(Conflict):
    code = "statement_state_wrong"
    title = _("This is not possible in the statement's present state.")


class OwnMerchant(Forbidden):
    code = "own_merchant"
    title = _(
        "Who works for a merchant, or did lately, decides nothing about it for the community."
    )


class OwnDraft(Forbidden):
    code = "own_draft"
    title = _("Who drafted a settlement does not approve it.")


class StatementQuestioned(Conflict):
    code = "statement_questioned"
    title = _("A line of this statement is questioned; answer that first.")


class LineUnknown(NotFound):
    code = "line_unknown"
    title = _("This line is not in the statement.")


class QuestionAnswered(Conflict):
    code = "question_answered"
    title = _("This question has been answered.")


class OwnQuestion(Forbidden):
    code = "own_question"
    title = _("Who asks does not answer it themselves.")


class OwnApproval(Forbidden):
    code = "own_approval"
    title = _("Who approved a settlement does not pay it.")


class RefundTooLate(Conflict):
    code = "refund_too_late"
    title = _("A merchant refunds on the day itself; after that the community's staff do.")


class RefundTooLarge(Conflict):
    code = "refund_too_large"
    title = _("That is more than is left to give back.")


class CauseTitleTaken(Conflict):
    code = "cause_title_taken"
    title = _("The community has a cause of this name.")


class CauseClosed(Conflict):
    code = "cause_closed"
    title = _("This cause takes no more points.")


class PoolTooSmall(Conflict):
    code = "pool_too_small"
    title = _("That is more than was given and is left.")


class GivenLater(Conflict):
    code = "given_later"
    title = _("What is promised is put on record when it is given.")


class WishOpenAlready(Conflict):
    code = "wish_open_already"
    title = _("You have a wish already; when it is fulfilled you may make another.")


class WishNotOpenNow(Conflict):
    code = "wish_not_open_now"
    title = _("This wish can not be fulfilled at present.")


class WishStateWrong(Conflict):
    code = "wish_state_wrong"
    title = _("This is not possible in the wish's present state.")


class OwnWish(Forbidden):
    code = "own_wish"
    title = _("Who wishes neither decides on it nor fulfils it.")


class WishWithoutPrice(Invalid):
    code = "wish_without_price"
    title = _("A wish is published with its price in points.")


class WishNotScanned(Conflict):
    code = "wish_not_scanned"
    title = _("The shop has not scanned the voucher of this wish yet.")


class NothingToPay(Conflict):
    code = "nothing_to_pay"
    title = _("There is nothing to pay; a statement that owes nothing is marked as paid.")


class PayoutUnderWay(Conflict):
    code = "payout_under_way"
    title = _("This statement is being paid already.")


class PayoutOutsideLimits(Conflict):
    code = "payout_outside_limits"
    title = _("WeChat does not transfer such an amount at once; use the bank file.")


class PayeeMissing(Conflict):
    code = "payee_missing"
    title = _("No owner of this merchant logs in with WeChat; use the bank file.")


class PayoutFinished(Conflict):
    code = "payout_finished"
    title = _("This payout has come to its end.")


class OwnPayout(Forbidden):
    code = "own_payout"
    title = _("Who receives a payout neither approved the statement nor orders it.")


class BankBatchCancelled(Conflict):
    code = "bank_batch_cancelled"
    title = _("This batch for the bank was cancelled. Make another one.")


class PayoutUnknown(NotFound):
    code = "payout_unknown"
    title = _("There is no such payout.")


class WebhookKnown(Conflict):
    code = "webhook_known"
    title = _("This address is told already.")


class TooManyWebhooks(Conflict):
    code = "too_many_webhooks"
    title = _("A merchant has at most five webhook addresses that are switched on.")
