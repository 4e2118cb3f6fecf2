"""Pages in a real browser: nothing from foreign hosts, nothing wider than a phone."""

import pytest

from tests.browser import needs_chromium, sync_api

pytestmark = [pytest.mark.slow, needs_chromium]


@pytest.fixture
def phone(linli, browser):
    """Opens a page at the width of a phone; what it asked of others, and what went wrong."""
    context = browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN")
    page = context.new_page()
    page.foreign, page.wrong = [], []
    page.on(
        "request",
        lambda request: (
            request.url.startswith((linli.url, "data:")) or page.foreign.append(request.url)
        ),
    )
    page.on(
        "console",
        lambda message: message.type == "error" and page.wrong.append(message.text),
    )
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    yield page
    context.close()


def test_the_public_goes_from_the_front_page_to_what_became_of_the_reports(linli, phone):
    phone.goto(linli.url)
    phone.get_by_role("link", name="碧沙湖社区").click()

    sync_api.expect(phone.get_by_role("heading", level=1)).to_have_text("碧沙湖社区")
    figures = dict(
        zip(
            phone.locator(".figures dt").all_text_contents(),
            phone.locator(".figures dd").all_text_contents(),
            strict=True,
        )
    )
    assert figures["志愿者"] == "12"  # conftest.py: a smaller year
    sync_api.expect(phone.locator("ol.reports")).to_contain_text("安全隐患")
    assert "纠纷" not in phone.locator("ol.reports").inner_text()
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    assert (phone.foreign, phone.wrong) == ([], [])


def test_the_api_is_described_with_our_own_files_alone(linli, phone):
    phone.goto(f"{linli.url}/api/v1/docs")

    phone.get_by_role("link", name="redemptions", exact=True).click(timeout=30_000)

    sync_api.expect(phone.locator("#operations-tag-redemptions")).to_be_visible()
    sync_api.expect(phone.locator(".opblock-summary-post").first).to_be_visible(timeout=30_000)
    assert (phone.foreign, phone.wrong) == ([], [])
