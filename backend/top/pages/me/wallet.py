"""A volunteer's points: what there is, what expires, and each line of the statement explained."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from backend.top.pages.base import page
from backend.top.pages.files import DocumentView, FileView
from backend.top.pages.me.home import MyPage

COMMUNITIES_AT_MOST = 100  # of one person; a page of the API


class WalletView(MyPage):
    """Points in each community, and open vouchers: ``/me/wallet``."""

    title = _("Points")
    tab = "wallet"
    template_name = "me/wallet.html"

    def told(self, **names: Any) -> dict[str, Any]:
        wallets = self.asks.fetch("me/wallets", {"page_size": COMMUNITIES_AT_MOST})["results"]
        return {
            "wallets": [
                self.asks.fetch(f"me/wallets/{one['community']['code']}") for one in wallets
            ],
            "vouchers": self.asks.fetch("me/vouchers", {"status": "held"})["results"],
        }


class StatementView(MyPage):
    """The statement of a wallet, in words: ``/me/wallet/{code}``."""

    title = _("Statement")
    tab = "wallet"
    template_name = "me/statement.html"

    def told(self, **names: Any) -> dict[str, Any]:
        code = names["code"]
        return {
            "wallet": self.asks.fetch(f"me/wallets/{code}"),
            "lines": self.asks.fetch(f"me/wallets/{code}/transfers", self.request.GET.urlencode()),
        }


class CsvView(FileView):
    address = "me/wallets/{code}/transfers.csv"


class XlsxView(FileView):
    address = "me/wallets/{code}/transfers.xlsx"


class TransferView(MyPage):
    """A line of my statement, explained and proved: ``/me/wallet/transfers/{transfer_id}``."""

    title = _("What the points were for")
    tab = "wallet"
    template_name = "me/transfer.html"

    def told(self, **names: Any) -> dict[str, Any]:
        transfer_id = names["transfer_id"]
        proof = self.asks.read(f"me/transfers/{transfer_id}/proof")
        return {
            "transfer": self.asks.fetch(f"me/transfers/{transfer_id}"),
            "proof": proof.data if proof.is_good else None,
            "unproved": None if proof.is_good else proof.data,
        }


class ReceiptView(FileView):
    """A receipt, to keep and to check without us."""

    address = "me/transfers/{transfer_id}/proof"
    name = "receipt-{transfer_id}.json"


TRANSFER = "wallet/transfers/<uuid:transfer_id>"

urlpatterns = [
    page("wallet", WalletView, "me-wallet"),
    page(TRANSFER, TransferView, "me-transfer"),
    page(f"{TRANSFER}/receipt", ReceiptView, "me-receipt"),
    page("wallet/<str:code>", StatementView, "me-statement"),
    page("wallet/<str:code>/transfers.csv", CsvView, "me-statement-csv"),
    page("wallet/<str:code>/transfers.xlsx", XlsxView, "me-statement-xlsx"),
    page("files/<str:code>/<uuid:document_id>", DocumentView, "me-file"),
]
