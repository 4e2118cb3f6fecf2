from django.urls import path

from points.api import views

urlpatterns = [
    path("me/wallets", views.MyWalletListView.as_view()),
    path("me/wallets/<str:code>", views.MyWalletView.as_view()),
    path("me/wallets/<str:code>/transfers", views.MyStatementView.as_view()),
    path("me/transfers/<uuid:transfer_id>", views.MyTransferView.as_view()),
    path("communities/<str:code>/accounts/totals", views.TotalsView.as_view()),
    path("communities/<str:code>/transfers", views.TransferListView.as_view()),
]
