"""WeChat's templates, which an operator has chosen at WeChat for families of kinds of notices.

``LINLI_WECHAT_TEMPLATES`` names them: for each family (``Kind.template``) the template's id, the
page that a tap opens, and a text for each field, with placeholders in braces.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage

from backend.notices import kinds
from backend.notices.channels.wechat.values import fitted, is_field
from backend.notices.kinds import Kind
from backend.notices.models import Channel, Message
from backend.notices.words import PLACEHOLDER, placeholders, told, words
from backend.notices.words import filled as filled_in

# Placeholders that every notice fills, beside those of its kind's text: its words, its community,
# when it was told, and for a page the ids of the notice and of what a tap opens, with its type.
OF_EVERY_NOTICE = frozenset({"title", "body", "community", "told_at", "notice", "type", "id"})


@dataclass(frozen=True)
class Template:
    """A template at WeChat. ``fields`` are texts with placeholders, as is ``page``."""

    id: str
    fields: Mapping[str, str]
    page: str = ""


def registered() -> dict[str, Template]:
    """Return the operator's templates by family."""
    return {family: Template(**one) for family, one in settings.WECHAT_TEMPLATES.items()}


def of(kind: str) -> Template | None:
    """Return the template of a kind of notices, if there is one."""
    found = settings.WECHAT_TEMPLATES.get(kinds.registered[kind].template)
    return Template(**found) if found else None


def kinds_of(family: str) -> dict[str, Kind]:
    """Return the kinds of notices that go by the template of ``family``."""
    return {
        name: kind
        for name, kind in kinds.registered.items()
        if kind.template == family and Channel.WECHAT in kind.channels
    }


def filled(template: Template, message: Message) -> tuple[str, dict[str, str]]:
    """Return the page, and the value of each field, in the active language."""
    notice, community = message.notice, message.community
    title, body = words(notice)
    at = (notice.delivered_at or notice.due_at).astimezone(ZoneInfo(community.timezone))
    facts = {name: str(value) for name, value in told(notice.facts).items()} | {
        "title": title,
        "body": body,
        "community": community.name,
        "told_at": f"{at:%Y-%m-%d %H:%M}",
        "notice": str(notice.pk),
        "type": kinds.registered[notice.kind].opens,
        "id": str(notice.target_id or ""),
    }
    values = {
        field: fitted(field, filled_in(text, facts)) for field, text in template.fields.items()
    }
    return filled_in(template.page, facts), values


# --- at the start -----------------------------------------------------------------------------
def check_templates(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that each template is whole, and that the kinds of its family fill its placeholders."""
    found: list[CheckMessage] = []
    for family, written in settings.WECHAT_TEMPLATES.items():
        where = f"LINLI_WECHAT_TEMPLATES, {family}: "
        found += [
            checks.Error(where + wrong, id="linli.E010") for wrong in _wrong_in(family, written)
        ]
        if not kinds_of(family):
            unused = checks.Warning(where + "no kind of notice uses it.", id="linli.W010")
            found.append(unused)
    if settings.WECHAT_TEMPLATES and not settings.WECHAT_PUSH_TOKEN:
        deaf = "LINLI_WECHAT_TEMPLATES needs LINLI_WECHAT_PUSH_TOKEN: WeChat pushes who accepts."
        found.append(checks.Error(deaf, id="linli.E011"))
    return found


def _wrong_in(family: str, written: Any) -> Iterator[str]:
    try:
        template = Template(**written)
        texts = {"page": template.page, **template.fields}
        is_whole = bool(template.id and template.fields) and all(
            isinstance(text, str) for text in [template.id, *texts.values()]
        )
    except TypeError:
        is_whole = False
    if not is_whole:
        yield 'it has to be {"id": "…", "page": "…", "fields": {"thing1": "{title}"}}.'
        return
    if template.page.startswith("/"):
        yield "its page begins with a slash."
    for field in template.fields:
        if not is_field(field):
            yield f"{field} is no field of a kind that we know."
    for name in kinds_of(family):
        fills = OF_EVERY_NOTICE.union(placeholders(name))
        for field, text in texts.items():
            for placeholder in PLACEHOLDER.findall(text):
                if placeholder not in fills:
                    yield f"{field} has {{{placeholder}}}, which {name} does not fill."
