"""Questions about lines of a draft: one side asks, merchant or community, and the other answers.

Current owners are on the merchant's side, everybody else on the community's.
"""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from merchants.partners.selectors import owns
from merchants.partners.services import sides, telling
from merchants.settlement import errors
from merchants.settlement.models.statements import Statement, StatementQuestion
from merchants.settlement.services import statements


@transaction.atomic
def ask(*, statement: Statement, line_id: UUID, reason: str, asked_by: User) -> StatementQuestion:
    """Question a line of a draft, a redemption or a refund, for ``reason``.

    The statement cannot be approved until the question is answered. Raises OwnMerchant if
    ``asked_by`` is on the merchant's side without owning it, StatementStatusWrong if the statement
    is approved, LineUnknown.
    """
    statement = statement.locked("partnership", "community")
    is_merchant = owns(asked_by, statement.partnership.merchant_id)
    if not is_merchant:
        sides.refuse_own(asked_by, statement.partnership, statement.period_start)
    if statement.status not in (Statement.Status.DRAFT, Statement.Status.QUESTIONED):
        raise errors.StatementStatusWrong(current_status=statement.status)
    lines = (statement.redemptions, statement.refunds)
    if not any(some.filter(pk=line_id).exists() for some in lines):
        raise errors.LineUnknown
    question = StatementQuestion.objects.create(
        community_id=statement.community_id,
        statement=statement,
        line_id=line_id,
        reason=reason,
        asked_by=asked_by,
        asked_by_merchant=is_merchant,
    )
    statements.move(statement, Statement.Status.QUESTIONED, "statement.question", asked_by)
    if not is_merchant:
        owners = telling.owners_of(statement.partnership.merchant_id)
        statements.tell("statement_asked", statement, owners, about=question.pk)
    return question


@transaction.atomic
def answer(*, question: StatementQuestion, answer: str, answered_by: User) -> StatementQuestion:
    """Answer a question of the other side. The last answer returns the statement to draft.

    Figures stay: an error is refunded, as a line of the next statement. Raises OwnQuestion if
    ``answered_by`` or their side asked, OwnMerchant, QuestionAnswered.
    """
    statement = question.statement.locked("partnership", "community")
    question = StatementQuestion.objects.select_related("asked_by").get(
        community=statement.community_id, pk=question.pk
    )
    is_merchant = owns(answered_by, statement.partnership.merchant_id)
    if question.asked_by_id == answered_by.pk or question.asked_by_merchant == is_merchant:
        raise errors.OwnQuestion
    if not is_merchant:
        sides.refuse_own(answered_by, statement.partnership, statement.period_start)
    if question.answered_at is not None:
        raise errors.QuestionAnswered
    question.save_with(answer=answer, answered_by=answered_by, answered_at=timezone.now())
    if not statement.questions.filter(answered_at__isnull=True).exists():
        statements.move(statement, Statement.Status.DRAFT, "statement.answer", answered_by)
    statements.tell("statement_answered", statement, [question.asked_by_id], about=question.pk)
    return question
