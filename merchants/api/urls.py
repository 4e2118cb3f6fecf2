from django.urls import path

from merchants.api import (
    bank_batches,
    catalogue,
    causes,
    clerks,
    counter,
    fairs,
    increases,
    lists,
    offline,
    partners,
    pay_codes,
    payouts,
    pictures,
    questions,
    records,
    refunds,
    shop_codes,
    statement_files,
    statements,
    vouchers,
    webhooks,
    wishes,
)

MERCHANTS_STATEMENT = "merchants/<uuid:merchant_id>/statements/<uuid:statement_id>"
STATEMENT = "statements/<uuid:statement_id>"
BANK_BATCHES = "communities/<slug:code>/bank-batches"
WEBHOOK = "merchants/<uuid:merchant_id>/webhooks/<uuid:endpoint_id>"

urlpatterns = [
    # First, for addresses are looked through in their order, and a queue waits for this one.
    path("merchants/<uuid:merchant_id>/scans", counter.ScanView.as_view()),
    path("merchants/<uuid:merchant_id>/voucher-keys", offline.VoucherKeyListView.as_view()),
    path("merchants/<uuid:merchant_id>/devices", offline.DeviceListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/devices/<uuid:device_id>/retire",
        offline.RetireDeviceView.as_view(),
    ),
    path("merchants/<uuid:merchant_id>/offline-scans", offline.OfflineScanListView.as_view()),
    path("me/redemptions/<uuid:redemption_id>/offline-code", offline.MyOfflineCodeView.as_view()),
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
    path("merchants/<uuid:merchant_id>/webhooks", webhooks.WebhookListView.as_view()),
    path(f"{WEBHOOK}/secret", webhooks.WebhookSecretView.as_view()),
    path(f"{WEBHOOK}/switch", webhooks.WebhookSwitchView.as_view()),
    path(f"{WEBHOOK}/ping", webhooks.WebhookPingView.as_view()),
    path(f"{WEBHOOK}/repeat", webhooks.RepeatSinceView.as_view()),
    path(f"{WEBHOOK}/deliveries", webhooks.DeliveryListView.as_view()),
    path(f"{WEBHOOK}/deliveries/<uuid:delivery_id>/repeat", webhooks.RepeatView.as_view()),
    path("me/wishes", wishes.MyWishListView.as_view()),
    path("me/wishes/<uuid:wish_id>/withdraw", wishes.MyWishWithdrawView.as_view()),
    path("me/wishes/<uuid:wish_id>/thanks", wishes.MyWishThanksView.as_view()),
    path("wishes", wishes.WishListView.as_view()),
    path("wishes/<uuid:wish_id>/adopt", wishes.AdoptView.as_view()),
    path("wishes/<uuid:wish_id>/release", wishes.ReleaseView.as_view()),
    path("wishes/<uuid:wish_id>/decision", wishes.WishDecisionView.as_view()),
    path("communities/<slug:code>/wishes", wishes.CommunityWishListView.as_view()),
    path("merchants/<uuid:merchant_id>/wishes", wishes.MerchantWishListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/wishes/<uuid:wish_id>/adopt",
        wishes.MerchantAdoptView.as_view(),
    ),
    path(
        "merchants/<uuid:merchant_id>/wishes/<uuid:wish_id>/release",
        wishes.MerchantReleaseView.as_view(),
    ),
    path("causes", causes.CauseListView.as_view()),
    path("causes/<uuid:cause_id>/gifts", causes.GiveView.as_view()),
    path("causes/<uuid:cause_id>/spendings", causes.SpendingListView.as_view()),
    path("causes/<uuid:cause_id>/close", causes.CloseCauseView.as_view()),
    path("me/gifts", causes.MyGiftListView.as_view()),
    path("communities/<slug:code>/causes", causes.OpenCauseView.as_view()),
    path("communities/<slug:code>/sponsorships", causes.SponsorshipListView.as_view()),
    path("list-entries", lists.ListEntryListView.as_view()),
    path("list-entries/<uuid:entry_id>/close", lists.ListEntryCloseView.as_view()),
    path("list-entries/<uuid:entry_id>/matches", lists.MatchView.as_view()),
    path("list-entries/<uuid:entry_id>/matches/<uuid:match_id>/end", lists.EndMatchView.as_view()),
    path("partners/<uuid:partnership_id>/list-entries", lists.PartnerListEntryListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/partnerships/<uuid:partnership_id>/list-entries",
        lists.MyListEntryListView.as_view(),
    ),
    path(
        "merchants/<uuid:merchant_id>/list-entries/<uuid:entry_id>/close",
        lists.MyListEntryCloseView.as_view(),
    ),
    path("fairs", fairs.FairListView.as_view()),
    path("fairs/<uuid:fair_id>/cancel", fairs.CancelFairView.as_view()),
    path("fairs/<uuid:fair_id>/report", fairs.FairReportView.as_view()),
    *(
        path(
            f"fairs/<uuid:fair_id>/report.{renderer.format}",
            fairs.FairReportFileView.as_view(renderer_classes=[renderer]),
        )
        for renderer in fairs.RENDERERS
    ),
    path("communities/<slug:code>/fairs", fairs.CommunityFairListView.as_view()),
    path("merchants/<uuid:merchant_id>/fairs", fairs.MerchantFairListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/partnerships/<uuid:partnership_id>/shop-code",
        shop_codes.ShopCodeView.as_view(),
    ),
    path("me/redemptions/<uuid:redemption_id>/confirm", shop_codes.ConfirmView.as_view()),
    path("me/payments", shop_codes.ShopPaymentView.as_view()),
    path("shops", partners.ShopListView.as_view()),
    path("communities/<slug:code>/partners", partners.CommunityPartnerListView.as_view()),
    path("partners/<uuid:partnership_id>", partners.PartnerView.as_view()),
    path("partners/<uuid:partnership_id>/state", partners.PartnerStateView.as_view()),
    path("partners/<uuid:partnership_id>/terms", partners.PartnerTermsView.as_view()),
    path(
        "partners/<uuid:partnership_id>/terms/<uuid:terms_id>/withdraw",
        partners.WithdrawTermsView.as_view(),
    ),
    path("partners/<uuid:partnership_id>/invitations", partners.PartnerInvitationView.as_view()),
    path("merchants/<uuid:merchant_id>/partnerships", partners.MyPartnershipListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/partnerships/<uuid:partnership_id>",
        partners.MyPartnershipView.as_view(),
    ),
    path(
        "merchants/<uuid:merchant_id>/partnerships/<uuid:partnership_id>/answer",
        partners.AnswerPartnershipView.as_view(),
    ),
    path("merchants/<uuid:merchant_id>/offers", catalogue.MerchantOfferListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/offers/<uuid:offer_id>/listed",
        catalogue.ListedView.as_view(),
    ),
    path(
        "merchants/<uuid:merchant_id>/offers/<uuid:offer_id>/stock",
        catalogue.StockMoveListView.as_view(),
    ),
    path(
        "merchants/<uuid:merchant_id>/offers/<uuid:offer_id>/conditions",
        catalogue.AmendOfferView.as_view(),
    ),
    path("communities/<slug:code>/increases", increases.IncreaseListView.as_view()),
    path("communities/<slug:code>/increase-limit", increases.AloneLimitView.as_view()),
    path("increases/<uuid:increase_id>/decision", increases.IncreaseDecisionView.as_view()),
    path("communities/<slug:code>/offers", catalogue.CommunityOfferListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/offers/<uuid:offer_id>/picture",
        pictures.MerchantPictureView.as_view(),
    ),
    path("offers/<uuid:offer_id>/picture", pictures.StaffPictureView.as_view()),
    path("offers/<uuid:offer_id>/pictures/<uuid:picture_id>", pictures.OfferPictureView.as_view()),
    path("offers/<uuid:offer_id>/decision", catalogue.OfferDecisionView.as_view()),
    path("offers/<uuid:offer_id>/listed", catalogue.StaffListedView.as_view()),
    path("offers/<uuid:offer_id>/conditions", catalogue.OfferChangeView.as_view()),
    path("offers/<uuid:offer_id>/prices", catalogue.OfferPriceListView.as_view()),
    path("offers", vouchers.OfferListView.as_view()),
    path("offers/<uuid:offer_id>", vouchers.OfferView.as_view()),
    path("offers/<uuid:offer_id>/redemptions", vouchers.TakeView.as_view()),
    path("me/redemptions", vouchers.MyVoucherListView.as_view()),
    path("me/redemptions/<uuid:redemption_id>", vouchers.MyVoucherView.as_view()),
    path("me/redemptions/<uuid:redemption_id>/cancel", vouchers.MyVoucherCancelView.as_view()),
    path("me/pay-codes", pay_codes.MyPayCodeView.as_view()),
    path("merchants/<uuid:merchant_id>/payments", pay_codes.PayCodePaymentView.as_view()),
    path("merchants", counter.WorkplaceListView.as_view()),
    path("merchants/<uuid:merchant_id>/redemptions", counter.RedeemedListView.as_view()),
    path("merchants/<uuid:merchant_id>/statements", statements.MerchantStatementListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/statements/<uuid:statement_id>",
        statements.MerchantStatementView.as_view(),
    ),
    path(
        "merchants/<uuid:merchant_id>/statements/<uuid:statement_id>/redemptions",
        statements.MerchantStatementLineListView.as_view(),
    ),
    path("merchants/<uuid:merchant_id>/clerks", clerks.ClerkListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/clerks/<uuid:member_id>/dismiss", clerks.DismissView.as_view()
    ),
    path("merchants/<uuid:merchant_id>/invitations", clerks.InvitationListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/invitations/<uuid:invitation_id>/revoke",
        clerks.RevokeInvitationView.as_view(),
    ),
    path("invitations/accept", clerks.AcceptInvitationView.as_view()),
    path("statements", statements.StatementListView.as_view()),
    path("statements/<uuid:statement_id>", statements.StatementView.as_view()),
    path("statements/<uuid:statement_id>/redemptions", statements.StatementLineListView.as_view()),
    path("statements/<uuid:statement_id>/approve", statements.StatementApproveView.as_view()),
    path("statements/<uuid:statement_id>/pay", statements.StatementPayView.as_view()),
    path("communities/<slug:code>/statements", statements.CommunityStatementListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/redemptions/<uuid:redemption_id>/refunds",
        refunds.RefundView.as_view(),
    ),
    path("communities/<slug:code>/redemptions", records.RecordListView.as_view()),
    path("communities/<slug:code>/redemptions/<uuid:redemption_id>", records.RecordView.as_view()),
    path("communities/<slug:code>/refused-scans", records.RefusedScanListView.as_view()),
    path("redemptions/<uuid:redemption_id>/refunds", refunds.LateRefundView.as_view()),
    path(f"{MERCHANTS_STATEMENT}/refunds", refunds.MerchantStatementRefundListView.as_view()),
    path(f"{STATEMENT}/refunds", refunds.StatementRefundListView.as_view()),
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
