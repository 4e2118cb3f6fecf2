"""Children and their guardians."""

from typing import Any

from rest_framework.views import APIView

from backend.accounts import selectors
from backend.accounts.api.serializers import (
    AgreeAsGuardianSerializer,
    GuardianCodeSerializer,
    GuardianshipSerializer,
)
from backend.accounts.models import GuardianCode, Guardianship, User
from backend.accounts.services import guardians
from backend.api.views import ListView, OpenView, nothing, seen, writes


class MyGuardianCodeView(APIView):
    """Make a code that I, under 14, show my guardian: ``POST /api/v1/me/guardian-code``.

    The code is good once, for 24 hours. Earlier codes stop working.
    """

    @writes(GuardianCodeSerializer, creates=selectors.guardian_codes_of)
    def post(self, user: User) -> GuardianCode:
        _, made = guardians.ask(child=user)
        return made


class MyGuardianListView(ListView[Guardianship]):
    """List who agreed that I take part, newest first: ``GET /api/v1/me/guardians``."""

    serializer_class = GuardianshipSerializer
    pagination_class = None
    finds = seen(selectors.guardians_of)


class MyGuardianView(OpenView[Guardianship]):
    """Open a consent to my taking part: ``GET /api/v1/me/guardians/{guardianship_id}``."""

    serializer_class = GuardianshipSerializer
    finds = seen(selectors.guardians_of, "guardianship_id")


class MyChildListView(ListView[Guardianship]):
    """List the children for whom I agreed, newest first: ``GET /api/v1/me/children``."""

    serializer_class = GuardianshipSerializer
    pagination_class = None
    finds = seen(selectors.children_of)

    @writes(
        GuardianshipSerializer,
        body=AgreeAsGuardianSerializer,
        creates=selectors.children_of,
        needs_key=False,
    )
    def post(self, user: User, **facts: Any) -> Guardianship:
        """Agree for the child that showed me ``code``: ``POST /api/v1/me/children``.

        For a parent or guardian who has read the text (``GET /api/v1/consents``, ``guardianship``)
        and told a birthday at least 18 years ago.
        """
        return guardians.agree(guardian=user, **facts)


class MyChildView(OpenView[Guardianship]):
    """Open my consent to a child's taking part: ``GET /api/v1/me/children/{guardianship_id}``."""

    serializer_class = GuardianshipSerializer
    finds = seen(selectors.children_of, "guardianship_id")

    @writes(nothing, seen(selectors.children_of, "guardianship_id"), while_suspended=True)
    def delete(self, user: User, guardianship: Guardianship) -> None:
        """Withdraw my consent for a child: ``DELETE /api/v1/me/children/{guardianship_id}``."""
        guardians.withdraw(guardianship=guardianship, by=user)
