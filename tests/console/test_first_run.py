"""The pages of the first run; test_first_hour.py goes through them."""

import pytest

from backend.accounts.services import operators
from backend.communities.models import Role
from backend.communities.services import invitations, roles
from tests.browser import PHONE, WIDE, needs_chromium
from tests.cast import somebody

pytestmark = [needs_chromium, pytest.mark.slow]


def test_the_first_pages_keep_nobody_out_and_fit_a_phone(lake, look, at_desk):
    operator = operators.appoint(somebody("operator", "周运维", "19810000091"))
    manager = somebody("qian", "钱书记", "19810000092")
    roles.give(user=manager, community=lake, role=Role.MANAGER)
    invited = invitations.invite(place=lake, role=Role.STAFF, invited_by=manager)
    begin = "/console/communities/lake/rules/begin"

    for window, paths in (
        (look(), ["/console/setup", f"/console/invitations?code={invited.code}"]),
        (at_desk(operator), ["/console/first-run"]),
        (
            at_desk(manager),
            [
                *("/console/first-run", begin, f"{begin}?template=hours_at_rush_hour"),
                f"{begin}?template=reports_for_money",
            ],
        ),
    ):
        for path in paths:
            window.goto(path)
            for size in (WIDE, PHONE):
                window.page.set_viewport_size(size)
                assert (path, window.runs_over()) == (path, False)
                assert (path, window.barriers()) == (path, [])
