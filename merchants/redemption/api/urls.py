from django.urls import path

from backend.api.code_pictures import code_pictures
from backend.api.files import SHEETS, in_each_format
from merchants.redemption.api import (
    cards,
    counter,
    fairs,
    offline,
    payments,
    records,
    refunds,
    vouchers,
)

VOUCHER = "me/vouchers/<uuid:voucher_id>"
SHOP_CODE = "partnerships/<uuid:partnership_id>/shop-code"
FAIR_REPORT = "fairs/<uuid:fair_id>/report"

urlpatterns = [
    # First, because addresses are matched in order, and customers wait for this one.
    path("merchants/<uuid:merchant_id>/scans", counter.ScanView.as_view()),
    path("merchants/<uuid:merchant_id>/voucher-keys", offline.VoucherKeyListView.as_view()),
    path("merchants/<uuid:merchant_id>/devices", offline.DeviceListView.as_view()),
    path("devices/<uuid:device_id>", offline.DeviceView.as_view()),
    path("devices/<uuid:device_id>/retire", offline.RetireDeviceView.as_view()),
    path("merchants/<uuid:merchant_id>/offline-scans", offline.OfflineScanListView.as_view()),
    path(
        "merchants/<uuid:merchant_id>/offline-scans/<uuid:scan_id>",
        offline.OfflineScanView.as_view(),
    ),
    path(SHOP_CODE, payments.ShopCodeView.as_view()),
    path("offers/<uuid:offer_id>/vouchers", vouchers.TakeView.as_view()),
    path("me/vouchers", vouchers.MyVoucherListView.as_view()),
    path(VOUCHER, vouchers.MyVoucherView.as_view()),
    path(f"{VOUCHER}/cancel", vouchers.MyVoucherCancelView.as_view()),
    path(f"{VOUCHER}/confirm", payments.ConfirmView.as_view()),
    path(f"{VOUCHER}/offline-code", offline.MyOfflineCodeView.as_view()),
    *code_pictures(f"{VOUCHER}/offline-code", offline.MyOfflineCodePictureView),
    *code_pictures(VOUCHER, vouchers.MyVoucherCodeView),
    *code_pictures("me/pay-codes/<uuid:pay_code_id>", payments.MyPayCodePictureView),
    *code_pictures(SHOP_CODE, payments.ShopCodePictureView),
    path("communities/<slug:code>/cards", cards.CardListView.as_view()),
    path("communities/<slug:code>/card-limit", cards.CardLimitView.as_view()),
    path("cards/<uuid:card_id>", cards.CardView.as_view()),
    path("cards/<uuid:card_id>/block", cards.BlockCardView.as_view()),
    *code_pictures("cards/<uuid:card_id>", cards.CardPictureView),
    path("me/cards", cards.MyCardListView.as_view()),
    path("me/cards/<uuid:card_id>/block", cards.BlockMyCardView.as_view()),
    path("me/payments", payments.ShopPaymentView.as_view()),
    path("me/pay-codes", payments.MyPayCodeView.as_view()),
    path("merchants/<uuid:merchant_id>/payments", payments.PayCodePaymentView.as_view()),
    path("merchants/<uuid:merchant_id>/redemptions", counter.RedeemedListView.as_view()),
    path("communities/<slug:code>/redemptions", records.RecordListView.as_view()),
    path("communities/<slug:code>/refused-scans", records.RefusedScanListView.as_view()),
    path("communities/<slug:code>/refused-scans/<uuid:scan_id>", records.RefusedScanView.as_view()),
    path("redemptions/<uuid:redemption_id>", records.RedemptionView.as_view()),
    path("redemptions/<uuid:redemption_id>/refunds", refunds.RedemptionRefundListView.as_view()),
    path("communities/<slug:code>/refunds", records.RefundListView.as_view()),
    path(FAIR_REPORT, fairs.FairReportView.as_view()),
    *in_each_format(FAIR_REPORT, fairs.FairReportFileView, SHEETS),
]
