from django.urls import path

from backend.api.files import CSVRenderer, XLSXRenderer
from points.api.views import books, expiry, rules, seals, wallets

CSV = {"renderer_classes": [CSVRenderer]}
XLSX = {"renderer_classes": [XLSXRenderer]}
ACCOUNT = "communities/<str:code>/accounts/<uuid:account_id>"
TRANSFER = "communities/<str:code>/transfers/<uuid:transfer_id>"

urlpatterns = [
    path("me/wallets", wallets.MyWalletListView.as_view()),
    path("me/wallets/<str:code>", wallets.MyWalletView.as_view()),
    path("me/wallets/<str:code>/transfers", wallets.MyStatementView.as_view()),
    path("me/wallets/<str:code>/transfers.csv", wallets.MyStatementExportView.as_view(**CSV)),
    path("me/wallets/<str:code>/transfers.xlsx", wallets.MyStatementExportView.as_view(**XLSX)),
    path("me/transfers/<uuid:transfer_id>", wallets.MyTransferView.as_view()),
    path("me/transfers/<uuid:transfer_id>/proof", wallets.MyProofView.as_view()),
    path("communities/<str:code>/accounts", books.AccountListView.as_view()),
    path(ACCOUNT, books.AccountView.as_view()),
    path(f"{ACCOUNT}/transfers", books.AccountStatementView.as_view()),
    path(f"{ACCOUNT}/transfers.csv", books.AccountStatementExportView.as_view(**CSV)),
    path(f"{ACCOUNT}/transfers.xlsx", books.AccountStatementExportView.as_view(**XLSX)),
    path("communities/<str:code>/trial-balance", books.TrialBalanceView.as_view()),
    path("communities/<str:code>/transfers", books.TransferListView.as_view()),
    path("communities/<str:code>/transfers.csv", books.TransferExportView.as_view(**CSV)),
    path("communities/<str:code>/transfers.xlsx", books.TransferExportView.as_view(**XLSX)),
    path(TRANSFER, books.TransferView.as_view()),
    path(f"{TRANSFER}/proof", books.ProofView.as_view()),
    path("communities/<str:code>/seals", seals.SealListView.as_view(), name="seals"),
    path("communities/<str:code>/verifications", seals.VerificationListView.as_view()),
    path(
        "communities/<str:code>/verifications/<uuid:verification_id>",
        seals.VerificationView.as_view(),
    ),
    path("communities/<str:code>/expiry", expiry.ExpiryView.as_view()),
    path("communities/<str:code>/expiry/policies", expiry.ExpiryPolicyView.as_view()),
    path("communities/<str:code>/rules", rules.RuleListView.as_view()),
    path("communities/<str:code>/rules/versions", rules.PublishView.as_view()),
    path("communities/<str:code>/rules/tryout", rules.TryoutView.as_view()),
    path("communities/<str:code>/rules/<uuid:rule_id>/versions", rules.VersionListView.as_view()),
]
