"""What an office does first, in a browser: each step is a function of a window of it.

Whole stories begin with these.
"""

from tests.browser import Window
from tests.standins.authenticator import code_of

PASSWORD = "correct horse battery staple"


def choose_a_log_in(window: Window, *, name: str, username: str) -> None:
    """Tell who one is, on the page of a setup link or of an invitation."""
    window.page.get_by_label("您的姓名").fill(name)
    window.page.get_by_label("用户名").fill(username)
    window.page.locator("[name=password1]").fill(PASSWORD)
    window.page.locator("[name=password2]").fill(PASSWORD)
    window.page.locator(".account-go").click()


def set_up_an_authenticator(window: Window) -> str:
    """Set up an authenticator where the console asks for it. Returns its secret."""
    secret = window.page.locator(".account-secret").inner_text().replace(" ", "")
    window.page.locator("[name=code]").fill(code_of(secret))
    window.page.locator(".account-go").click()
    window.page.wait_for_url("**/recovery-codes**")
    return secret


def become_the_operator(window: Window, link: str, **person: str) -> str:
    """Take the setup link. Returns the secret of the operator's authenticator."""
    window.goto(link)
    choose_a_log_in(window, **person)
    return set_up_an_authenticator(window)


def found(window: Window, *, kind: str, name: str, code: str, parent: str = "") -> str:
    """Found a place from the page of first steps. Returns the link that invites its manager."""
    window.goto("/console/first-run")
    window.page.get_by_role("link", name="建立单位").first.click()
    window.page.locator("[name=kind]").select_option(kind)
    window.page.locator("[name=name]").fill(name)
    window.page.locator("[name=code]").fill(code)
    if parent:
        window.page.locator("[name=parent]").select_option(parent)
    window.page.locator("[name=send]").click()
    return shown_link(window)


def invite(window: Window, *, place: str, role: str) -> str:
    """Invite somebody to a role from the page of invitations. Returns the link."""
    window.goto(f"/console/communities/{place}/role-invitations")
    window.page.get_by_role("link", name="邀请人员").last.click()
    window.page.locator("[name=role]").select_option(role)
    window.page.locator("[name=send]").click()
    return shown_link(window)


def shown_link(window: Window) -> str:
    """Return the link of an invitation that was made just now, from ``/console`` on."""
    shown = window.page.locator(".console-once ~ .console-card").inner_text()
    return shown[shown.index("/console/invitations?code=") :].split()[0]


def accept(window: Window, link: str, **person: str) -> None:
    """Accept an invitation as somebody new."""
    window.goto(link)
    choose_a_log_in(window, **person)


def publish_a_rule(window: Window, *, place: str, template: str) -> None:
    """Publish a rule as a template has it, after it was tried."""
    window.goto(f"/console/communities/{place}/rules/begin?template={template}")
    window.page.get_by_role("button", name="试算").click()
    window.page.locator("[data-amount]").wait_for()
    window.page.get_by_role("button", name="发布", exact=True).click()
    window.page.wait_for_url(f"**/communities/{place}/rules/*-*")
