"""Refusals of settlement: statements, questions, payment and batches for the bank."""

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


class PayeeMissing(Conflict):
    code = "payee_missing"
    title = _("No owner of this merchant logs in with WeChat; use the bank file.")


class BankBatchCancelled(Conflict):
    code = "bank_batch_cancelled"
    title = _("This batch for the bank was cancelled. Make another one.")
