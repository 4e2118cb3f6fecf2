"""The console in a real browser: nothing from other hosts, nothing that its policy forbids."""

import pytest

from tests.browser import needs_chromium

pytestmark = [pytest.mark.slow, needs_chromium]
QUEUE = "/console/communities/lake/hours-to-verify"


def test_a_window_shows_what_the_test_wrote(at_desk, zhao, served, wang):
    served(wang, "2024-03-01 07:00", "2024-03-01 09:00")

    window = at_desk(zhao)
    answer = window.goto(QUEUE)

    assert answer.status == 200
    assert "王小明" in window.page.inner_text("main")
    assert window.barriers() == []
    window.check()
