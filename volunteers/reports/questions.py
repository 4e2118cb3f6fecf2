"""Questions of a category, and whether answers fit them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import models

from volunteers.reports import errors

TEXT_AT_MOST = 200  # characters of an answer


class QuestionKind(models.TextChoices):
    """How a question is answered: in words, by one of its choices, a number, or yes or no."""

    TEXT = "text"
    CHOICE = "choice"
    NUMBER = "number"
    YES_NO = "yes_no"


def checked(questions: Sequence[Mapping[str, Any]], answers: Any) -> dict[str, Any]:
    """Return ``answers``, by the codes of ``questions``, if each fits.

    Raises AnswersInvalid, which names a code with ``unknown``, ``required`` or ``invalid``.
    """
    if not isinstance(answers, dict):
        raise errors.AnswersInvalid(answers={})
    asked = {question["code"]: question for question in questions}
    wrong = {code: "unknown" for code in answers.keys() - asked.keys() if code.isprintable()}
    given = {code: answers[code] for code in asked if answers.get(code) not in (None, "")}
    for code, question in asked.items():
        if code in given and not _fits(question, given[code]):
            wrong[code] = "invalid"
        elif code not in given and question["is_required"]:
            wrong[code] = "required"
    if wrong or answers.keys() - asked.keys():
        raise errors.AnswersInvalid(answers=dict(sorted(wrong.items())))
    return given


def _fits(question: Mapping[str, Any], answer: Any) -> bool:
    kind = question["kind"]
    if kind == QuestionKind.YES_NO:
        return isinstance(answer, bool)
    if kind == QuestionKind.NUMBER:
        is_number = isinstance(answer, int | float) and not isinstance(answer, bool)
        return is_number and math.isfinite(answer) and abs(answer) < 10**12
    if kind == QuestionKind.CHOICE:
        return answer in question["choices"]
    return isinstance(answer, str) and len(answer) <= TEXT_AT_MOST and answer.isprintable()
