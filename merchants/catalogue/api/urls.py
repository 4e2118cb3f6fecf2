from django.urls import path

from merchants.catalogue.api import fairs, pictures
from merchants.catalogue.api import offers as catalogue

urlpatterns = [
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
]
