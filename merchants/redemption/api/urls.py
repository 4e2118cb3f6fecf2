from django.urls import path

from backend.api.code_pictures import code_pictures
from merchants.redemption.api import (
    counter,
    offline,
    pay_codes,
    records,
    refunds,
    shop_codes,
    vouchers,
)

MERCHANTS_STATEMENT = "merchants/<uuid:merchant_id>/statements/<uuid:statement_id>"
STATEMENT = "statements/<uuid:statement_id>"
VOUCHER = "me/redemptions/<uuid:redemption_id>"

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
    path(f"{VOUCHER}/offline-code", offline.MyOfflineCodeView.as_view()),
    *code_pictures(f"{VOUCHER}/offline-code", offline.MyOfflineCodePictureView),
    *code_pictures(VOUCHER, vouchers.MyVoucherCodeView),
    *code_pictures("me/pay-codes/<uuid:pay_code_id>", pay_codes.MyPayCodePictureView),
    *code_pictures(
        "merchants/<uuid:merchant_id>/partnerships/<uuid:partnership_id>/shop-code",
        shop_codes.ShopCodePictureView,
    ),
    path(
        "merchants/<uuid:merchant_id>/partnerships/<uuid:partnership_id>/shop-code",
        shop_codes.ShopCodeView.as_view(),
    ),
    path("me/redemptions/<uuid:redemption_id>/confirm", shop_codes.ConfirmView.as_view()),
    path("me/payments", shop_codes.ShopPaymentView.as_view()),
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
]
