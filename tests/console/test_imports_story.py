"""An office imports a list with three bad rows, mends them and takes the list back, by clicks."""

import re

import pytest

from backend.imports.models import Import
from backend.outbox import services as outbox
from tests.browser import needs_chromium
from volunteers.models import Volunteer

pytestmark = [pytest.mark.slow, needs_chromium]

GOOD = ["孙一,19911110001,居民", "周二,19911110002,快递员"]
BAD = ["吴三,1991111,居民", "郑四,19911110004,飞行员", ",19911110005,居民"]
MENDED = ["吴三,19911110003,居民", "郑四,19911110004,外卖骑手", "冯五,19911110005,居民"]


@pytest.fixture
def worker(lake):
    """Does what the last import owes, as a worker would a moment later."""

    def work():
        one = Import.objects.filter(community=lake).latest("id")
        outbox.attempt("import", community_id=lake.pk, pk=one.pk)

    return work


@pytest.fixture
def send(at_desk, zhao, worker, tmp_path):
    """Uploads a list and has it checked; answers the window."""
    window = at_desk(zhao)
    page = window.page

    def upload(rows):
        file = tmp_path / "people.csv"
        file.write_text("\n".join(["姓名,电话,身份", *rows]), encoding="utf-8-sig")
        window.goto("/console/communities/lake/imports")
        page.get_by_role("link", name="上传名单").click()
        page.get_by_label("种类").select_option("volunteers")
        page.locator("input[type=file]").set_input_files(file)
        page.get_by_role("button", name="上传名单").click()
        if page.get_by_label("手机号").input_value() == "":
            page.get_by_label("手机号").select_option("电话")
        page.get_by_role("button", name="检查名单").click()
        page.get_by_text("后台正在处理").wait_for()
        worker()
        page.reload()
        return window

    return upload


def test_a_list_with_three_bad_rows_is_mended_imported_and_taken_back(send, worker, lake):
    window = send([*GOOD, *BAD])
    page = window.page
    errors = page.locator("table").filter(has_text="199****").inner_text()
    for line, column in [("4", "电话"), ("5", "身份"), ("6", "姓名")]:
        assert re.search(rf"{line}\s+{column}", errors), errors
    assert page.get_by_role("link", name="导入全部行").count() == 0

    window = send([*GOOD, *MENDED])  # the mapping is remembered
    page.get_by_text("名单没有问题").wait_for()
    page.get_by_role("link", name="导入全部行").click()
    page.get_by_role("button", name="导入全部行").click()
    page.get_by_text("后台正在处理").wait_for()
    worker()
    page.reload()
    page.get_by_role("link", name="撤回").wait_for()
    assert Volunteer.objects.filter(community=lake).count() == 5

    page.get_by_role("link", name="撤回").click()
    page.get_by_role("button", name="撤回").click()
    page.get_by_text("后台正在处理").wait_for()
    worker()
    page.reload()
    page.get_by_text("已撤回").first.wait_for()
    assert not Volunteer.objects.filter(community=lake).exists()
    window.check()
