"""``python -m bench._settler``: drafts what a community owes, and says how long it took."""

import os
import time
from datetime import date

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.test_settings")
django.setup()

from backend.communities.models import Community  # noqa: E402
from merchants.settlement.services import statements as settlement  # noqa: E402


def main() -> None:
    """Print the seconds that drafting takes, and how many statements there are then."""
    community = Community.objects.get(code="bench")
    started = time.monotonic()
    statements = settlement.draft(
        community=community, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    print(time.monotonic() - started, len(statements))


if __name__ == "__main__":
    main()
