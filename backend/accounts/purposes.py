"""The purposes we ask consent for, and their texts (PIPL 14 and 17).

A changed text is a new version: whoever agreed to an earlier one is asked again.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import Consent


@dataclass(frozen=True)
class Text:
    """A text that somebody agrees to."""

    version: int
    words: str | Promise


TEXTS = {
    Consent.Purpose.PHONE: Text(
        1,
        _(
            "Your community may keep your phone number, to know you on its list of volunteers and "
            "to call you, or text you when it is urgent, about a shift or a report of yours. It is "
            "encrypted, and staff see it masked. Without it everything else works."
        ),
    ),
    Consent.Purpose.LOCATION: Text(
        1,
        _(
            "When you report something, your community may keep where it was, to find it. The "
            "public sees it to about a kilometre. Without it your report is taken all the same."
        ),
    ),
}

# Not a Consent, which is the person's own: a guardian's, for a child under 14 (PIPL 31).
GUARDIANSHIP = "guardianship"
GUARDIAN_TEXT = Text(
    1,
    _(
        "I am this child's parent or guardian and agree that they volunteer here before they are "
        "14: the community keeps their name, what they sign up for, their hours, reports and "
        "points, and what they themselves agree to. They never appear on public pages. I can "
        "withdraw this at any time; from then on they can do nothing new."
    ),
)
