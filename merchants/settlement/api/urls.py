from django.urls import path

from merchants.settlement.api import (
    bank_batches,
    payouts,
    questions,
    refunds,
    statement_files,
    statements,
)

MERCHANTS_STATEMENT = "merchants/<uuid:merchant_id>/statements/<uuid:statement_id>"
STATEMENT = "statements/<uuid:statement_id>"
BANK_BATCHES = "communities/<slug:code>/bank-batches"

urlpatterns = [
    path(f"{MERCHANTS_STATEMENT}/refunds", refunds.MerchantStatementRefundListView.as_view()),
    path(f"{STATEMENT}/refunds", refunds.StatementRefundListView.as_view()),
    path("statements/<uuid:statement_id>/payouts", payouts.StatementPayoutListView.as_view()),
    path("payouts/<uuid:payout_id>/cancel", payouts.CancelPayoutView.as_view()),
    path(BANK_BATCHES, bank_batches.BankBatchListView.as_view()),
    path(f"{BANK_BATCHES}/<uuid:batch_id>/cancel", bank_batches.CancelBankBatchView.as_view()),
    *(
        path(
            f"{BANK_BATCHES}/<uuid:batch_id>/file.{renderer.format}",
            bank_batches.BankBatchFileView.as_view(renderer_classes=[renderer]),
        )
        for renderer in bank_batches.RENDERERS
    ),
    path(
        "merchants/<uuid:merchant_id>/statements/<uuid:statement_id>/payouts",
        payouts.MerchantPayoutListView.as_view(),
    ),
    path("merchants/<uuid:merchant_id>/bank-account", payouts.BankAccountView.as_view()),
    path("wechatpay/callback", payouts.WeChatPayCallbackView.as_view()),
    path("merchants/<uuid:merchant_id>/statements", statements.MerchantStatementListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/statements/<uuid:statement_id>",
        statements.MerchantStatementView.as_view(),
    ),
    path(
        "merchants/<uuid:merchant_id>/statements/<uuid:statement_id>/redemptions",
        statements.MerchantStatementLineListView.as_view(),
    ),
    path("statements", statements.StatementListView.as_view()),
    path("statements/<uuid:statement_id>", statements.StatementView.as_view()),
    path("statements/<uuid:statement_id>/redemptions", statements.StatementLineListView.as_view()),
    path("statements/<uuid:statement_id>/approve", statements.StatementApproveView.as_view()),
    path("statements/<uuid:statement_id>/pay", statements.StatementPayView.as_view()),
    path("communities/<slug:code>/statements", statements.CommunityStatementListView.as_view()),
    path(f"{MERCHANTS_STATEMENT}/questions", questions.MerchantQuestionListView.as_view()),
    path(
        f"{MERCHANTS_STATEMENT}/questions/<uuid:question_id>/answer",
        questions.MerchantAnswerView.as_view(),
    ),
    path(f"{STATEMENT}/questions", questions.QuestionListView.as_view()),
    path(f"{STATEMENT}/questions/<uuid:question_id>/answer", questions.AnswerView.as_view()),
    *(
        path(
            f"{MERCHANTS_STATEMENT}/lines.{renderer.format}",
            statement_files.MerchantStatementFileView.as_view(renderer_classes=[renderer]),
        )
        for renderer in statement_files.RENDERERS
    ),
    *(
        path(
            f"{STATEMENT}/lines.{renderer.format}",
            statement_files.StatementFileView.as_view(renderer_classes=[renderer]),
        )
        for renderer in statement_files.RENDERERS
    ),
]
