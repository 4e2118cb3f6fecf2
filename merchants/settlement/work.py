"""Statements to approve and to pay, and questions about them, as work that waits."""

from django.utils.translation import gettext_lazy as _

from backend.registries.work import Kind, register
from merchants.settlement import selectors
from merchants.settlement.models.statements import Statement

register(
    Kind(
        name="statements_to_approve",
        title=_("Statements to approve"),
        address="communities/{community}/statements?status=draft",
        rows=lambda user, community: (
            selectors.statements_handled_by(user)
            .filter(community=community, status=Statement.Status.DRAFT)
            .exclude(drafted_by=user)
        ),
        since="drafted_at",
    ),
    Kind(
        name="statements_to_pay",
        title=_("Statements to pay"),
        address="communities/{community}/statements?status=approved",
        rows=lambda user, community: selectors.statements_to_pay(community, user).filter(
            pk__in=selectors.statements_handled_by(user).filter(community=community).values("pk")
        ),
        since="approved_at",
    ),
    Kind(
        name="statement_questions",
        title=_("Questions on statements"),
        address="communities/{community}/statements?status=questioned",
        rows=selectors.questions_to_answer,
        since="asked_at",
    ),
)
