"""Refusals of settlement: statements, questions, payouts and batches for the bank."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound


class PeriodNotInOrder(Invalid):
    code = "period_not_in_order"
    title = _("A period ends after it starts.")


class PeriodNotOver(Conflict):
    code = "period_not_over"
    title = _("This period is not over yet.")


class StatementStatusWrong(Conflict):
    code = "statement_status_wrong"
    title = _("This is not possible in the statement's present status.")


class OwnDraft(Forbidden):
    code = "own_draft"
    title = _("A statement is not approved by whoever drafted it.")


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
    title = _("A question is answered by the other side.")


class OwnApproval(Forbidden):
    code = "own_approval"
    title = _("A statement is not paid by whoever approved it.")


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
    title = _("This payout is finished.")


class OwnPayout(Forbidden):
    code = "own_payout"
    title = _("Whoever receives a payout neither approves the statement nor orders the payout.")


class BankBatchCancelled(Conflict):
    code = "bank_batch_cancelled"
    title = _("This batch for the bank was cancelled. Make another one.")


class PayoutUnknown(NotFound):
    code = "payout_unknown"
    title = _("There is no such payout.")
