from django.urls import path

from backend.api.files import SHEETS, in_each_format
from merchants.settlement.api import bank, payouts, questions, statements

STATEMENT = "statements/<uuid:statement_id>"
BATCH = "bank-batches/<uuid:batch_id>"

urlpatterns = [
    path("merchants/<uuid:merchant_id>/statements", statements.MerchantStatementListView.as_view()),
    path("communities/<slug:code>/statements", statements.CommunityStatementListView.as_view()),
    path(
        "communities/<slug:code>/statement-questions",
        questions.CommunityQuestionListView.as_view(),
    ),
    path(STATEMENT, statements.StatementView.as_view()),
    path(f"{STATEMENT}/proof", statements.StatementProofView.as_view()),
    path(f"{STATEMENT}/redemptions", statements.StatementRedemptionListView.as_view()),
    path(f"{STATEMENT}/refunds", statements.StatementRefundListView.as_view()),
    *in_each_format(f"{STATEMENT}/lines", statements.StatementFileView),
    path(f"{STATEMENT}/approve", statements.StatementApproveView.as_view()),
    path(f"{STATEMENT}/pay", statements.StatementPayView.as_view()),
    path(f"{STATEMENT}/questions", questions.QuestionListView.as_view()),
    path(f"{STATEMENT}/questions/<uuid:question_id>", questions.QuestionView.as_view()),
    path(f"{STATEMENT}/questions/<uuid:question_id>/answer", questions.AnswerView.as_view()),
    path(f"{STATEMENT}/payouts", payouts.StatementPayoutListView.as_view()),
    path("merchants/<uuid:merchant_id>/bank-account", bank.BankAccountView.as_view()),
    path("communities/<slug:code>/bank-batches", bank.BankBatchListView.as_view()),
    path(BATCH, bank.BankBatchView.as_view()),
    path(f"{BATCH}/cancel", bank.CancelBankBatchView.as_view()),
    *in_each_format(f"{BATCH}/file", bank.BankBatchFileView, SHEETS),
]
