"""The channel SMS: urgent notices to people whose phone is on record, with their consent.

In China a message is made of a template that the carrier has approved, and of values. The operator
names in ``LINLI_SMS_TEMPLATES`` the template of each kind of notice that goes by SMS::

    {"call_out": {"id": "1110", "values": ["{activity}", "{begins}"], "at_most": 20}}

Under ``log_in_code`` stands the template of codes that people log in with, whose values have
``{code}`` and ``{minutes}``. ``at_most`` is how many characters of a value the carrier takes.
Values of other templates have the placeholders of the kind's own text (words.py).
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage
from django.db.models.functions import Now

from backend.accounts.selectors import reached_by_phone
from backend.notices import kinds
from backend.notices.channels import Sender, tencent
from backend.notices.models import Channel, Message
from backend.notices.words import PLACEHOLDER, filled, placeholders, told
from backend.outbox.kinds import Done, Failed, Outcome

logger = logging.getLogger(__name__)

LOG_IN_CODE = "log_in_code"  # no notice: it is sent at once, and kept nowhere
VALUE_AT_MOST = 20  # characters, unless the operator says otherwise


@dataclass(frozen=True)
class Template:
    """A template at the carrier, and a text for each of its values."""

    id: str
    values: Sequence[str]
    at_most: int = VALUE_AT_MOST

    def filled(self, facts: Mapping[str, Any]) -> list[str]:
        """Return the values for these facts, on one line each, cut to what the carrier takes."""
        values = (" ".join(filled(text, facts).split()) for text in self.values)
        return [
            one if len(one) <= self.at_most else one[: self.at_most - 1] + "…" for one in values
        ]


def is_ready() -> bool:
    """Tell whether the operator has an account and a template."""
    return tencent.is_set_up() and bool(settings.SMS_TEMPLATES)


def sends_codes() -> bool:
    """Tell whether the operator has an account, and a template of codes to log in with."""
    return tencent.is_set_up() and LOG_IN_CODE in settings.SMS_TEMPLATES


def send_code(*, number: str, code: str, minutes: int) -> None:
    """Send a code that somebody logs in with, once: whoever gets none asks for another."""
    template = Template(**settings.SMS_TEMPLATES[LOG_IN_CODE])
    try:
        tencent.send(
            number=number,
            template=template.id,
            values=template.filled({"code": code, "minutes": minutes}),
            reference=LOG_IN_CODE,
        )
    except tencent.Refused as refused:
        logger.warning("SMS with a code to log in: %s", refused.code)
    except (tencent.Unreachable, tencent.Unanswered) as error:
        logger.warning("SMS with a code to log in: %s", type(error).__name__)


def template_of(kind: str) -> Template | None:
    """Return the template of a kind of notice; only urgent ones have one."""
    found = settings.SMS_TEMPLATES.get(kind)
    return Template(**found) if found and kinds.registered[kind].is_urgent else None


def reaches(kind: str, people: Iterable[UUID]) -> set[UUID]:
    """Return those of the people whose phone may be used, if the kind has a template."""
    if template_of(kind) is None:
        return set()
    return set(reached_by_phone(people).values_list("pk", flat=True))


def send(message: Message) -> Outcome:
    """Send a notice as an SMS.

    The carrier knows no repeats. So where its answer is lost a message is sent once more, and then
    given up: it may arrive twice, and no more often.
    """
    notice = message.notice
    template = template_of(notice.kind)
    if template is None:
        return Done(skipped_at=Now(), reason="no_template")
    person = reached_by_phone([notice.recipient_id]).first()
    if person is None:
        return Done(skipped_at=Now(), reason="no_phone")
    try:
        tencent.send(
            number=person.phone,
            template=template.id,
            values=template.filled(told(notice.facts)),
            reference=str(message.pk),
        )
    except tencent.Refused as refused:
        return Failed(refused.code, for_good=refused.code in tencent.FOR_GOOD)
    except tencent.Unreachable:
        return Failed("sms_unreachable")
    except tencent.Unanswered:
        return Failed("sms_unanswered", for_good=message.attempts > 1)
    return Done(sent_at=Now())


sender = Sender(is_ready=is_ready, reaches=reaches, send=send)


# --- at the start -----------------------------------------------------------------------------
def check_templates(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that templates are whole and that their kinds go by SMS and have what they tell."""
    found: list[CheckMessage] = [
        checks.Error(f"LINLI_SMS_TEMPLATES, {kind}: {wrong}", id="linli.E020")
        for kind, written in settings.SMS_TEMPLATES.items()
        for wrong in _wrong_in(kind, written)
    ]
    if tencent.is_set_up() and find_spec("tencentcloud") is None:
        missing = "LINLI_SMS_SECRET_ID needs the extra `sms`: pip install 'linli[sms]'."
        found.append(checks.Error(missing, id="linli.E021"))
    return found


def _wrong_in(kind: str, written: Any) -> Iterator[str]:
    registered = kinds.registered.get(kind)
    if kind != LOG_IN_CODE:
        if registered is None:
            yield "there is no such kind of notice."
            return
        if not registered.is_urgent or Channel.SMS not in registered.channels:
            yield "this kind does not go by SMS."
    try:
        template = Template(**written)
        is_whole = bool(template.id) and all(
            isinstance(one, str) for one in [template.id, *template.values]
        )
        is_whole = is_whole and isinstance(template.values, list) and template.at_most > 1
    except TypeError:
        is_whole = False
    if not is_whole:
        yield 'it has to be {"id": "…", "values": ["{activity}", …], "at_most": 20}.'
        return
    known = {"code", "minutes"} if kind == LOG_IN_CODE else placeholders(kind)
    for name in PLACEHOLDER.findall("".join(template.values)):
        if name not in known:
            yield f"this kind has no {{{name}}}."
