from django.urls import path

from backend.api.files import SHEETS, CSVRenderer, XLSXRenderer, in_each_format
from points.awards.api import books, figures, trial_balance, wallets

CSV = {"renderer_classes": [CSVRenderer]}
XLSX = {"renderer_classes": [XLSXRenderer]}
TRIAL_BALANCE = "communities/<str:code>/trial-balance"
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
    path(TRIAL_BALANCE, trial_balance.TrialBalanceView.as_view()),
    *in_each_format(TRIAL_BALANCE, trial_balance.TrialBalanceFileView, SHEETS),
    path(f"{TRIAL_BALANCE}/accounts", trial_balance.TrialBalanceAccountListView.as_view()),
    *in_each_format(f"{TRIAL_BALANCE}/accounts", trial_balance.TrialBalanceAccountFileView, SHEETS),
    path(f"{TRIAL_BALANCE}/transfers", trial_balance.TrialBalanceTransferListView.as_view()),
    path("communities/<str:code>/point-figures", figures.PointFiguresView.as_view()),
    path("communities/<str:code>/transfers", books.TransferListView.as_view()),
    path("communities/<str:code>/transfers.csv", books.TransferExportView.as_view(**CSV)),
    path("communities/<str:code>/transfers.xlsx", books.TransferExportView.as_view(**XLSX)),
    path(TRANSFER, books.TransferView.as_view()),
    path(f"{TRANSFER}/proof", books.ProofView.as_view()),
]
