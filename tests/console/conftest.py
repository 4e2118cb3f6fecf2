"""The console in a real browser."""

import shutil

import pytest

CHROMIUM = shutil.which("chromium")
REFUSED_BY_POLICY = """
    addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sample }) =>
        console.error(`policy: ${violatedDirective} ${blockedURI} ${sample}`));
"""


@pytest.fixture(scope="module")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("there is no chromium on this machine")
    with pytest.MonkeyPatch.context() as patch, sync_api.sync_playwright() as playwright:
        # Playwright's loop runs in this thread, where Django then refuses to ask the database.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


@pytest.fixture
def screen(chromium, live_server):
    """A page in an office: ``foreign`` is what it asked of others, ``wrong`` what failed."""
    context = chromium.new_context(
        viewport={"width": 1280, "height": 800}, locale="zh-CN", base_url=live_server.url
    )
    page = context.new_page()
    page.foreign, page.wrong = [], []
    page.add_init_script(REFUSED_BY_POLICY)
    page.on(
        "request",
        lambda request: (
            request.url.startswith((live_server.url, "data:")) or page.foreign.append(request.url)
        ),
    )
    page.on(
        "console",
        lambda message: message.type in ("error", "warning") and page.wrong.append(message.text),
    )
    page.on("pageerror", lambda error: page.wrong.append(str(error)))
    yield page
    context.close()
