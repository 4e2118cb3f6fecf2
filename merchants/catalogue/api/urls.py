from django.urls import path

from merchants.catalogue.api import fairs, offers, pictures

OFFER = "offers/<uuid:offer_id>"

urlpatterns = [
    path("fairs", fairs.FairListView.as_view()),
    path("fairs/<uuid:fair_id>", fairs.FairView.as_view()),
    path("fairs/<uuid:fair_id>/cancel", fairs.CancelFairView.as_view()),
    path("series/<uuid:series_id>/stalls", fairs.SeriesStallsView.as_view()),
    path("communities/<slug:code>/fairs", fairs.CommunityFairListView.as_view()),
    path("merchants/<uuid:merchant_id>/fairs", fairs.MerchantFairListView.as_view()),
    path("offers", offers.OfferListView.as_view()),
    path("merchants/<uuid:merchant_id>/offers", offers.MerchantOfferListView.as_view()),
    path("communities/<slug:code>/offers", offers.CommunityOfferListView.as_view()),
    path(OFFER, offers.OfferView.as_view()),
    path(f"{OFFER}/listed", offers.OfferListedView.as_view()),
    path(f"{OFFER}/conditions", offers.OfferConditionsView.as_view()),
    path(f"{OFFER}/stock", offers.StockMoveListView.as_view()),
    path(f"{OFFER}/stock/<uuid:move_id>", offers.StockMoveView.as_view()),
    path(f"{OFFER}/decision", offers.OfferDecisionView.as_view()),
    path(f"{OFFER}/prices", offers.OfferPriceListView.as_view()),
    path(f"{OFFER}/prices/<uuid:price_id>", offers.OfferPriceView.as_view()),
    path(f"{OFFER}/picture", pictures.OfferPictureFormView.as_view()),
    path(f"{OFFER}/pictures/<uuid:picture_id>", pictures.OfferPictureView.as_view()),
]
