"""What we ask consent for, and the words in which we ask (PIPL 14 and 17).

A change of the words is a new version: whoever agreed to an earlier one is asked again.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import Consent


@dataclass(frozen=True)
class Text:
    """The words somebody agrees to."""

    version: int
    words: str | Promise


TEXTS = {
    Consent.Purpose.PHONE: Text(
        1,
        _(
            "Your community may keep your phone number, to know you on its list of volunteers and "
            "to call you about a shift or a report of yours. It is encrypted, and staff see it "
            "masked. Without it everything else works."
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
