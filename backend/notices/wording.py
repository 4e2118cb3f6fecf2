"""A community's own texts of notices, in place of the catalogue's."""

import re
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import translation

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.models import Community
from backend.notices import kinds
from backend.notices.errors import NoticeTextUnknown, PlaceholderUnknown
from backend.notices.examples import EXAMPLES
from backend.notices.models import NoticeText
from backend.notices.words import Text, default_text, own_texts, placeholders

# Whatever is in braces, and braces that have no other side.
BRACES = re.compile(r"\{[^{}]*\}|[{}]")


@dataclass(frozen=True, kw_only=True)
class Wording:
    """A kind of notice as a community words it in one language."""

    community: Community
    kind: str
    language: str
    default: Text
    own: Text | None

    @property
    def community_id(self) -> UUID:
        pk: UUID = self.community.pk
        return pk

    @property
    def placeholders(self) -> list[str]:
        """The names of facts that a text may tell."""
        return placeholders(self.kind)

    @property
    def example(self) -> Text:
        """The words that somebody would read today, of example facts."""
        return (self.own or self.default).filled(EXAMPLES)


def wordings(
    community: Community, *, language: str = "", text: str = "", is_own: bool | None = None
) -> list[Wording]:
    """List the wordings of every kind in every language, in one statement a language.

    With ``language`` those in it, with ``text`` those that have it in their example, in any case,
    and with ``is_own`` only the community's own, or only the catalogue's.
    """
    listed = []
    for name in [language] if language else dict(settings.LANGUAGES):
        with translation.override(name):
            own = own_texts([community.pk])
            listed += [
                Wording(
                    community=community,
                    kind=kind,
                    language=name,
                    default=default_text(kind),
                    own=own.get((community.pk, kind)),
                )
                for kind in kinds.registered
            ]
    return sorted(
        (
            one
            for one in listed
            if text.casefold() in " ".join(one.example).casefold()
            and is_own in (None, one.own is not None)
        ),
        key=lambda one: one.kind,
    )


def wording(community: Community, kind: str, language: str) -> Wording:
    """Return the wording of one kind in one language. Raises NoticeTextUnknown."""
    for one in wordings(community):
        if (one.kind, one.language) == (kind, language):
            return one
    raise NoticeTextUnknown


@transaction.atomic
def reword(*, wording: Wording, title: str, body: str, by: User) -> Wording:
    """Put the community's own text in place of the catalogue's. Idempotent.

    Notices are worded when they are read, so those told before read so too. Raises
    PlaceholderUnknown.
    """
    text = checked(wording, Text(title, body))
    return _put(wording, text, by)


@transaction.atomic
def reset(*, wording: Wording, by: User) -> None:
    """Put the catalogue's text back. Idempotent."""
    if wording.own is not None:
        _put(wording, None, by)


def preview(*, wording: Wording, title: str, body: str) -> Text:
    """Return what a text would read with example facts. Raises PlaceholderUnknown."""
    return checked(wording, Text(title, body)).filled(EXAMPLES)


def checked(wording: Wording, text: Text) -> Text:
    """Return ``text`` if it names no fact but those of the catalogue's text.

    Raises PlaceholderUnknown, which names the first that is not one, or a brace on its own.
    """
    names = wording.placeholders
    for found in BRACES.findall(" ".join(text)):
        if found[1:-1] not in names:
            raise PlaceholderUnknown(placeholder=found, known=names)
    return text


def _put(wording: Wording, text: Text | None, by: User) -> Wording:
    # The row stays, empty, when the text is reset: it is what two managers queue for.
    row, _is_new = NoticeText.objects.get_or_create(
        community=wording.community, kind=wording.kind, language=wording.language
    )
    row = row.locked()
    before, after = (row.title, row.body), text or ("", "")
    if before != tuple(after):
        row.save_with(title=after[0], body=after[1])
        about = {"kind": row.kind, "language": row.language}
        trail.record(
            "notice_text.reword" if text else "notice_text.reset",
            actor=by,
            target=row,
            before=about | dict(zip(("title", "body"), before, strict=True)),
            after=about | dict(zip(("title", "body"), after, strict=True)),
        )
    return Wording(
        community=wording.community,
        kind=wording.kind,
        language=wording.language,
        default=wording.default,
        own=text,
    )
