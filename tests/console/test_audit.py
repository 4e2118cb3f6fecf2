"""The auditor's workbench: from a balance to the arithmetic, verifications, samples, the trail."""

import csv
import io
import json
import re
import subprocess
import sys
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from django.utils import timezone

from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from backend.outbox import services as outbox
from backend.sampling.models import Sample, SampleItem
from backend.top.console.pages import all_pages
from backend.verification.models import Finding, Verification
from points import verify_receipt
from points.models import Transfer
from points.seals.services import sealing
from tests.backend.walks import document
from tests.browser import needs_chromium
from tests.verified import untriggered
from volunteers.attendance.services import hours

pytestmark = pytest.mark.django_db

BOOKS = "/console/communities/lake"
KEY = re.compile(r'name="key" value="([^"]+)"')
GOLDEN = Path(__file__).parents[1] / "golden/permissions.txt"
AUDITORS_COLUMN = 11
# All by which an auditor may change anything about somebody else's doings.
MAY = {
    "POST communities/{}/verifications",
    "POST communities/{}/samples",
    "POST findings/{}/sign-off",
    "POST samples/{}/sign-off",
    "POST verifications/{}/stop",
    "PUT samples/{}/items/{}",
}


@pytest.fixture
def auditor(lake, person):
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def client(desk, auditor):
    return desk(auditor)


@pytest.fixture
def award(lake, wang, zhao, served):
    """2.5 hours at rush hour, verified and sealed."""
    attendance = served(wang, "2024-03-01 07:30", "2024-03-01 10:00", "交通劝导")
    _, award = hours.verify(attendance=attendance, verifier=zhao)
    sealing.seal(community=lake)
    return award


def work(verification):
    outbox.attempt("verification", community_id=verification.community_id, pk=verification.pk)


def links(page, title=""):
    """Where the page's links lead whose words are, or begin with, ``title``."""
    found = re.findall(
        r'<a[^>]*href="([^"]+)"[^>]*>\s*(?:<span[^>]*>[^<]*</span>)?([^<]*)', page.text
    )
    return [unescape(link) for link, words in found if words.strip().startswith(title)]


def follow(client, page, title):
    """Click on the one link of that title."""
    (link, *others) = dict.fromkeys(links(page, title))
    assert others == [], (title, link, others)
    opened = client.get(link)
    assert opened.status_code == 200, link
    return opened


def open_first(client, page):
    """Open the first row of the page's table."""
    row = re.search(r'<td class="console-open"><a[^>]*href="([^"]+)"', page.text)
    return client.get(unescape(row[1]))


def send(client, page, title, **typed):
    """Open the form of the action of that title, and send it."""
    (link,) = dict.fromkeys(links(page, title))
    form = client.get(link)
    assert form.status_code == 200
    sent = client.post(link, {"key": KEY.search(form.text)[1], "send": "1", **typed})
    assert sent.status_code == 302, sent.text
    return client.get(sent["Location"])


# --- the books --------------------------------------------------------------------------------
def test_a_balance_leads_to_the_arithmetic_in_clicks(client, award):
    page = client.get(f"{BOOKS}/trial-balance")
    assert "余额合计为零" in page.text

    page = follow(client, page, "钱包")  # the accounts of that kind
    page = open_first(client, page)  # one account
    page = open_first(client, page)  # its newest transfer

    assert "服务分钟数：150。" in page.text
    assert "每小时 10 积分：10 × 195 ÷ 60 = 32.5，舍去零头得 32。" in page.text
    assert "已封存于第 1 个封存头。" in page.text
    rule = follow(client, page, "交通劝导，第 1 版")
    assert "已发布的版本永不更改" in rule.text
    record = follow(client, page, "服务记录")
    assert "王小明" in record.text
    trail = follow(client, page, "谁对它做了什么")
    assert "attendance.verify" in trail.text


def test_the_difference_leads_to_its_transfers(client, award):
    """Hours of 1 March 2024 were posted today."""
    page = client.get(f"{BOOKS}/trial-balance", {"day": "2024-03-01"})

    assert "差额的来源" in page.text
    assert "之后才记账" in page.text
    page = client.get(next(one for one in links(page) if "/trial-balance/transfers?" in one))
    assert page.text.count("/transfers/") >= 1
    assert str(award.transfer_id) in page.text


def test_files_of_the_trial_balance_are_of_the_day_shown(client, award):
    page = client.get(f"{BOOKS}/trial-balance", {"day": "2024-03-01"})

    files = [one for one in links(page) if ".csv" in one or ".xlsx" in one]

    assert len(files) == 4
    assert all(one.endswith("?day=2024-03-01") for one in files)
    text = client.get(files[1]).getvalue().decode("utf-8-sig")
    assert "2024-03-01 23:59:59" in text


def test_totals_that_were_written_to_are_told_of_in_red(client, award):
    untriggered("UPDATE points_account SET credits = credits + 5 WHERE kind = 'wallet'")

    page = client.get(f"{BOOKS}/trial-balance")

    assert 'role="alert"' in page.text
    assert "余额合计不为零" in page.text


def test_a_receipt_is_saved_and_holds_for_the_script_that_stands_alone(
    client, lake, award, tmp_path
):
    page = client.get(f"{BOOKS}/transfers/{award.transfer_id}")
    receipt_page = follow(client, page, "回执及核对方法")
    heads_page = follow(client, receipt_page, "保存一页已公布的封存头")

    (receipt,) = [one for one in links(receipt_page) if one.startswith("data:")]
    (heads,) = [one for one in links(heads_page) if one.startswith("data:")]
    for name, link in (("receipt.json", receipt), ("heads.json", heads)):
        (tmp_path / name).write_text(unquote(link.partition(",")[2]), encoding="utf-8")

    assert json.loads((tmp_path / "receipt.json").read_text()) == sealing.receipt(
        Transfer.objects.get(pk=award.transfer_id)
    )
    script = Path(verify_receipt.__file__)
    checked = subprocess.run(
        [sys.executable, "-I", str(script), "receipt.json", "heads.json"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )
    assert checked.returncode == 0, checked.stdout
    served = Path(__file__).parents[2] / "points/static/points/verify_receipt.py"
    assert served.read_bytes() == script.read_bytes()


def test_what_is_not_sealed_yet_says_so(client, lake, wang, zhao, served):
    attendance = served(wang, "2024-03-01 07:30", "2024-03-01 10:00", "交通劝导")
    _, award = hours.verify(attendance=attendance, verifier=zhao)

    page = client.get(f"{BOOKS}/transfers/{award.transfer_id}")

    assert "尚未封存" in page.text
    assert 'role="alert"' not in page.text


def test_what_was_changed_after_its_seal_is_told_of_in_red(client, award):
    untriggered("UPDATE points_transfer SET amount = amount + 1")

    page = client.get(f"{BOOKS}/transfers/{award.transfer_id}")

    assert "与封存时的内容不符" in page.text
    assert 'role="alert"' in page.text


# --- verifications ----------------------------------------------------------------------------
def test_a_verification_is_started_watched_and_kept(client, lake, award, auditor):
    page = send(
        client, client.get(f"{BOOKS}/verifications"), "发起核验", kind="ledger", is_whole="on"
    )

    (verification,) = Verification.objects.all()
    assert (verification.asked_by, verification.is_whole) == (auditor, True)
    assert "data-refreshes" in page.text
    work(verification)
    page = client.get(f"{BOOKS}/verifications/{verification.pk}")
    assert "data-refreshes" not in page.text
    assert "所读取的记录全部相符" in page.text
    assert "totals" in page.text


def test_one_that_runs_can_be_stopped(client, lake, award):
    page = send(client, client.get(f"{BOOKS}/verifications"), "发起核验", kind="ledger")

    page = send(client, page, "停止")

    assert Verification.objects.get().status == "stopped"
    assert "停止</a>" not in page.text


def test_a_second_of_a_kind_is_refused_in_the_form(client, lake, award):
    send(client, client.get(f"{BOOKS}/verifications"), "发起核验", kind="ledger")

    (link,) = dict.fromkeys(links(client.get(f"{BOOKS}/verifications"), "发起核验"))
    page = client.post(link, {"key": str(award.pk), "send": "1", "kind": "ledger"})

    assert page.status_code == 422
    assert Verification.objects.count() == 1


def test_a_finding_is_looked_into_and_signed_off_with_words(client, lake, award, auditor):
    untriggered("UPDATE points_account SET credits = credits + 5 WHERE kind = 'wallet'")
    send(client, client.get(f"{BOOKS}/verifications"), "发起核验", kind="ledger", is_whole="on")
    work(Verification.objects.get())
    finding = Finding.objects.get(check_name="totals")

    page = client.get(f"/console/findings/{finding.pk}")
    assert finding.because in page.text
    account = follow(client, page, "该账户")
    assert "person:" in account.text
    page = send(client, page, "签字了结", words="改回来了，见更正")

    finding.refresh_from_db()
    assert (finding.status, finding.signed_off_by, finding.words) == (
        "signed_off",
        auditor,
        "改回来了，见更正",
    )
    assert "签字了结</a>" not in page.text
    listed = client.get(f"{BOOKS}/findings", {"status": "open", "check": "totals"})
    assert finding.because not in listed.text


def test_a_file_is_of_what_the_list_shows(client, lake, award):
    page = client.get(f"{BOOKS}/audit-entries", {"action": "attendance.verify"})

    (link,) = [one for one in links(page) if ".csv" in one]
    lines = list(csv.reader(io.StringIO(client.get(link).getvalue().decode("utf-8-sig"))))

    assert [line[3] for line in lines[1:]] == ["attendance.verify"]


def test_an_act_is_opened_and_proved(client, lake, award):
    entry = AuditEntry.objects.get(action="attendance.verify")

    page = client.get(f"{BOOKS}/audit-entries/{entry.pk}")
    receipt = follow(client, page, "封存证明")

    assert "attendance.verify" in receipt.text
    assert "verify_receipt.py" in receipt.text


# --- samples ----------------------------------------------------------------------------------
def test_a_sample_is_drawn_marked_and_signed_off_on_screen(client, lake, award, auditor):
    untriggered("UPDATE points_award SET awarded_at = '2024-03-02T00:00:00Z'")

    page = send(
        client,
        client.get(f"{BOOKS}/samples"),
        "抽取样本",
        subject="award",
        since="2024-03-01",
        until="2024-03-31",
        size="5",
        seed="",
    )
    sample = Sample.objects.get()
    item = SampleItem.objects.get()
    page = client.get(f"/console/samples/{sample.pk}/items/{item.pk}")
    assert str(award.transfer_id) in page.text
    assert "attendance.verify" in page.text
    page = send(client, page, "标记", mark="doubtful", note="签到时间存疑")
    assert "签到时间存疑" in page.text
    page = send(
        client, client.get(f"/console/samples/{sample.pk}"), "签字了结", conclusion="一项存疑"
    )

    sample.refresh_from_db()
    assert (sample.signed_off_by, sample.conclusion) == (auditor, "一项存疑")
    assert "签字了结</a>" not in page.text
    assert any("items.xlsx" in one for one in links(page))


# --- who may what -----------------------------------------------------------------------------
def test_an_auditor_changes_nothing_else_by_any_action_of_the_console():
    operations = {
        f"{method.upper()} {_bare(path.removeprefix('/api/v1/'))}": operation["operationId"]
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }
    outcomes: dict[str, set[str]] = {}
    for line in GOLDEN.read_text(encoding="utf-8").splitlines():
        if not line.startswith(("#", "operation ")):
            name, *cells = line.split()
            outcomes.setdefault(name, set()).add(cells[AUDITORS_COLUMN - 1])

    offered = {
        f"{action.method.upper()} {_bare(action.address.partition('?')[0])}"
        for page in all_pages().values()
        for action in page.actions
    }
    done = {one for one in offered if outcomes[operations[one]] & {"ok", "409"}}

    assert offered & MAY == MAY
    assert done <= MAY


def _bare(address: str) -> str:
    return re.sub(r"\{[^}]+\}", "{}", address)


def test_the_workbench_is_offered_to_those_who_may_read_it(desk, zhao, auditor, client, lake):
    start = client.get(f"{BOOKS}/trial-balance").text
    of_staff = desk(zhao).get(f"{BOOKS}/trial-balance").text

    for part in ("trial-balance", "accounts", "transfers", "verifications", "samples", "seals"):
        assert f'href="{BOOKS}/{part}' in start
        assert f'href="{BOOKS}/{part}' in of_staff
    assert f'href="{BOOKS}/audit-entries' in start
    assert f'href="{BOOKS}/audit-entries' not in of_staff
    staff = desk(zhao)
    assert "发起核验" not in staff.get(f"{BOOKS}/verifications").text
    assert "抽取样本" not in staff.get(f"{BOOKS}/samples").text
    assert staff.get(f"{BOOKS}/audit-entries").status_code == 404


# --- in a browser -----------------------------------------------------------------------------
@pytest.mark.slow
@needs_chromium
def test_an_auditor_goes_from_a_balance_to_the_arithmetic_and_runs_a_verification(
    at_desk, lake, award, auditor
):
    window = at_desk(auditor)
    page = window.page
    window.install_clock()  # so that nothing is asked while the worker works
    window.goto(f"{BOOKS}/trial-balance")
    assert window.barriers() == []

    page.get_by_role("link", name="钱包").click()
    page.get_by_role("link", name="查看 1").click()
    page.get_by_role("link", name="查看 1").click()
    page.get_by_text("每小时 10 积分：10 × 195 ÷ 60 = 32.5，舍去零头得 32。").wait_for()
    assert window.barriers() == []
    with page.expect_download() as saving:
        page.get_by_role("link", name="回执及核对方法").click()
        page.get_by_role("link", name="保存回执").click()
    assert json.loads(Path(saving.value.path()).read_text())["format"] == "linli-receipt-1"

    window.goto(f"{BOOKS}/verifications")
    page.get_by_role("link", name="发起核验").click()
    page.get_by_label("种类").select_option("ledger")
    page.get_by_role("button", name="发起核验").click()
    page.get_by_text("正在排队。").wait_for()
    assert window.barriers() == []
    verification = Verification.objects.get()
    work(verification)
    page.clock.run_for(timedelta(seconds=3) / timedelta(milliseconds=1))
    page.get_by_text("所读取的记录全部相符").wait_for()
    assert window.barriers() == []

    window.goto(f"{BOOKS}/verifications")
    page.get_by_role("link", name="查看 1").click()
    page.get_by_text("所读取的记录全部相符").wait_for()
    assert verification.asked_at <= timezone.now()
