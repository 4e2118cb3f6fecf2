"""What the community owes the shop: statements, their lines, and questions about them."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.generic import View

from backend.top.calls import Caller, told_by
from backend.top.pages.base import Act, not_found, page, text
from backend.top.pages.scan.shop import ShopPage, every

FORMATS = ("html", "pdf", "xlsx", "csv")


class StatementsView(ShopPage):
    """The shop's statements, newest first, for its owner: ``/scan/statements``."""

    title = _("Statements")
    tab = "statements"
    template_name = "scan/statements.html"

    def told(self, **names: Any) -> dict[str, Any]:
        address = f"merchants/{self.shop['id']}/statements"
        return {"statements": self.asks.fetch(address, self.request.GET.urlencode())}


class StatementView(ShopPage):
    """A statement with its lines, files and questions: ``/scan/statements/{id}``."""

    title = _("Settlement statement")
    tab = "statements"
    template_name = "scan/statement.html"
    acts: ClassVar = {
        "ask": Act(
            "post",
            "statements/{statement_id}/questions",
            {"line_id": text, "reason": text},
            said=_("The community's staff have your question."),
        ),
        "answer": Act(
            "post",
            "statements/{statement_id}/questions/{question_id}/answer",
            {"answer": text},
            said=_("The community's staff have your answer."),
        ),
    }

    def told(self, **names: Any) -> dict[str, Any]:
        address = f"statements/{names['statement_id']}"
        statement = self.asks.fetch(address)
        if statement["merchant"]["id"] != self.shop["id"]:
            raise Http404
        lines = self.asks.fetch(f"{address}/redemptions", self.request.GET.urlencode())
        refunds = every(self.asks, f"{address}/refunds")
        questions = every(self.asks, f"{address}/questions")
        titles = {one["id"]: one["offer_title"] for one in [*lines["results"], *refunds]}
        return {
            "statement": statement,
            "lines": lines,
            "refunds": refunds,
            "questions": [{**one, "line": titles.get(one["line_id"])} for one in questions],
            "formats": FORMATS,
        }


class StatementFileView(View):
    """A statement as a file: ``/scan/statements/{id}/lines.{format}``, the API's own answer."""

    def get(self, request: HttpRequest, statement_id: UUID, kind: str) -> HttpResponseBase:
        answer = Caller(request).send("get", f"statements/{statement_id}/lines.{kind}")
        told = told_by(answer)
        if not told.is_good:
            return not_found(request)
        if told.status != 202:
            return answer
        later = render(request, "scan/later.html", {"title": _("The file is being made")})
        later["Refresh"] = told.retry_after  # a long one is there when it is asked for again
        return later


urlpatterns = [
    page("statements", StatementsView, "scan-statements"),
    page("statements/<uuid:statement_id>", StatementView, "scan-statement"),
    page("statements/<uuid:statement_id>/lines.<str:kind>", StatementFileView, "scan-lines"),
]
