"""The first run, from the setup link to a published rule, without a shell."""

import pytest

from backend.accounts.services import operators
from backend.communities.models import Community, Membership, Role
from backend.communities.services import invitations, roles
from points.models import RuleVersion
from tests.browser import PHONE, WIDE, needs_chromium
from tests.cast import somebody
from tests.console import first_steps as office

pytestmark = [needs_chromium, pytest.mark.slow]


def test_an_office_begins_in_a_browser(db, look):
    operator, manager, staff = look(), look(), look(size=PHONE)
    link = operators.link_to(operators.first_setup_code())

    office.become_the_operator(operator, link, name="周运维", username="zhou")
    office.found(operator, kind="street", name="碧沙街道", code="street")
    invited = office.found(
        operator, kind="community", name="碧沙湖社区", code="lake", parent="street"
    )
    office.accept(manager, invited, name="钱书记", username="qian")
    office.set_up_an_authenticator(manager)
    office.publish_a_rule(manager, place="lake", template="hours")
    invited = office.invite(manager, place="lake", role="staff")
    office.accept(staff, invited, name="赵社工", username="zhao")
    staff.page.wait_for_url("**/console/communities/lake")

    lake = Community.objects.get(code="lake")
    held = Membership.objects.filter(community=lake).order_by("id")
    assert [(one.user.username, one.role) for one in held] == [
        ("qian", "manager"),
        ("zhao", "staff"),
    ]
    version = RuleVersion.objects.get(community=lake)
    assert version.parameters == {"points_per_hour": 10, "daily_cap_points": 80}
    manager.goto("/console/first-run")
    assert manager.page.locator(".console-step-done").count() == 2
    assert not staff.runs_over()


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
