"""Questions about lines of a draft: the merchant's side or the community's asks, the other answers.

Whoever owns the merchant now is on its side. Anybody else is on the community's.
"""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from merchants.partners.selectors import owners_of
from merchants.partners.services import sides, telling
from merchants.settlement import errors
from merchants.settlement.models.statements import Statement, StatementQuestion
from merchants.settlement.services import statements


@transaction.atomic
def ask(*, statement: Statement, line_id: UUID, reason: str, asked_by: User) -> StatementQuestion:
    """Doubt a line of a draft, a redemption or a refund, for ``reason``.

    Nobody approves the statement until the question is answered. Raises OwnMerchant if
    ``asked_by`` is on the merchant's side without owning it, StatementStatusWrong if the statement
    is approved, LineUnknown.
    """
    statement = statements.locked(statement)
    is_merchant = _is_owner(asked_by, statement)
    if not is_merchant:
        sides.refuse_own(asked_by, statement.partnership, statement.period_start)
    if statement.status not in (Statement.Status.DRAFT, Statement.Status.QUESTIONED):
        raise errors.StatementStatusWrong(current_status=statement.status)
    if not any(
        lines.filter(pk=line_id).exists() for lines in (statement.redemptions, statement.refunds)
    ):
        raise errors.LineUnknown
    question = StatementQuestion.objects.create(
        community_id=statement.community_id,
        statement=statement,
        line_id=line_id,
        reason=reason,
        asked_by=asked_by,
        asked_by_merchant=is_merchant,
    )
    question.refresh_from_db(fields=["asked_at"])  # the database's own time
    statements.move(statement, Statement.Status.QUESTIONED, "statement.question", asked_by)
    if not is_merchant:
        owners = telling.owners_of(statement.partnership.merchant_id)
        statements.tell("statement_asked", statement, owners, about=question.pk)
    return question


@transaction.atomic
def answer(*, question: StatementQuestion, answer: str, answered_by: User) -> StatementQuestion:
    """Answer what the other side asked. The last answer makes the statement a draft again.

    Figures stay: what turns out wrong is refunded, and a line of the next statement. Raises
    OwnQuestion if ``answered_by`` or somebody of their side asked, OwnMerchant, QuestionAnswered.
    """
    statement = statements.locked(question.statement)
    question = StatementQuestion.objects.select_related("asked_by").get(
        community=statement.community_id, pk=question.pk
    )
    is_merchant = _is_owner(answered_by, statement)
    if question.asked_by_id == answered_by.pk or question.asked_by_merchant == is_merchant:
        raise errors.OwnQuestion
    if not is_merchant:
        sides.refuse_own(answered_by, statement.partnership, statement.period_start)
    if question.answered_at is not None:
        raise errors.QuestionAnswered
    question.answer = answer
    question.answered_by = answered_by
    question.answered_at = timezone.now()
    question.save(update_fields=["answer", "answered_by", "answered_at"])
    if not statement.questions.filter(answered_at__isnull=True).exists():
        statements.move(statement, Statement.Status.DRAFT, "statement.answer", answered_by)
    statements.tell("statement_answered", statement, [question.asked_by_id], about=question.pk)
    return question


def _is_owner(user: User, statement: Statement) -> bool:
    return owners_of(statement.partnership.merchant_id).filter(user=user).exists()
