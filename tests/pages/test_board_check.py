"""The page on which anybody checks a receipt: what it says is what verify_receipt.py says."""

import io
import json
from base64 import b64encode
from contextlib import redirect_stderr, redirect_stdout

import pytest

from points import verify_receipt
from points.models import Transfer
from points.seals.models import Seal
from points.seals.services import sealing
from tests.browser import PHONE, needs_chromium

pytestmark = [needs_chromium, pytest.mark.slow]

VERDICTS = """async ([texts, seals]) => {
    const the = await import("/static/pages/receipt.js");
    const verdicts = [];
    for (const text of texts) {
        const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
        try {
            const receipt = the.readReceipt(bytes);
            const inItself = await the.wrongInItself(receipt);
            const otherwise = await the.wrongWithPublished(receipt, seals);
            verdicts.push(inItself.length + otherwise.length ? 1 : 0);
        } catch (error) {
            verdicts.push(2);
        }
    }
    return verdicts;
}"""


@pytest.fixture
def receipt(lake, wang, li, grant_points):
    """The receipt of an entry in the second of three batches, which has three rows."""
    grant_points(wang, 1)
    sealing.seal(community=lake)
    for amount in (10, 20, 30):
        grant_points(wang, amount)
    sealing.seal(community=lake)
    grant_points(li, 5)
    sealing.seal(community=lake)
    return sealing.receipt(Transfer.objects.get(amount=20))


def written(receipt) -> bytes:
    return json.dumps(receipt, ensure_ascii=False).encode()


def published(lake) -> list[dict]:
    return [sealing.published(one) for one in Seal.objects.filter(community=lake)]


@pytest.fixture
def chosen(look, tmp_path):
    """Opens the page and chooses a file: ``chosen(receipt)`` answers the window with a verdict."""

    def choose(receipt, noted: str = "", language: str = "en"):
        file = tmp_path / "receipt.json"
        file.write_bytes(receipt if isinstance(receipt, bytes) else written(receipt))
        window = look(size=PHONE, language=language)
        window.goto("/c/lake/check")
        window.page.locator("#noted").fill(noted)
        window.page.locator("#receipt").set_input_files(file)
        window.page.locator(".verdict .told:not(.wait)").wait_for()
        return window

    return choose


def test_whatever_byte_is_changed_the_page_and_the_script_agree(look, lake, receipt, tmp_path):
    whole, heads = written(receipt), published(lake)
    changed = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    texts = [whole, *changed]
    file, list_of_heads = tmp_path / "receipt.json", tmp_path / "heads.json"
    list_of_heads.write_text(json.dumps(heads))

    def script(text: bytes) -> int:
        file.write_bytes(text)
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            try:
                return verify_receipt.check(str(file), str(list_of_heads))
            except verify_receipt.Unreadable:
                return 2

    window = look()
    window.goto("/c/lake/check")
    coded = [b64encode(text).decode() for text in texts]
    since = [head for head in heads if head["number"] >= receipt["seal"]["number"]]
    page = window.page.evaluate(VERDICTS, [coded, since])

    said = [script(text) for text in texts]
    assert said[0] == 0
    assert {1, 2} <= set(said)
    assert page == said


def test_a_true_receipt_holds_as_far_as_the_latest_seal(chosen, lake, receipt):
    window = chosen(receipt)

    verdict = window.page.locator(".verdict")
    assert "The receipt holds" in verdict.inner_text()
    assert "2 seals, from this one to the latest, number 3" in verdict.inner_text()
    assert "20" in verdict.locator("dd").all_inner_texts()
    assert window.barriers() == []
    assert not window.runs_over()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda receipt: receipt | {"leaf": receipt["leaf"].replace("20", "21")}, "该笔记录算不出"),
        (lambda receipt: receipt | {"path": receipt["path"][:-1]}, "路径长度"),
        (lambda receipt: receipt | {"head": "5f" * 32}, "封存值与批次内容不符"),
        (
            lambda receipt: receipt | {"seal": receipt["seal"] | {"number": 9}},
            "没有公布过第 9 批封存",
        ),
        (lambda receipt: receipt | {"seal": receipt["seal"] | {"community": "x"}}, "其他社区"),
        (lambda receipt: receipt | {"format": "x"}, "无法读取这份回执"),
        (lambda receipt: b"PK", "不是 JSON"),
    ],
    ids=["leaf", "path", "head", "number", "community", "format", "file"],
)
def test_it_says_which_step_failed(chosen, receipt, change, words):
    window = chosen(change(receipt), language="zh-hans")

    assert words in window.page.locator(".verdict").inner_text()
    assert "回执成立" not in window.page.locator(".verdict").inner_text()


def test_a_seal_that_was_written_down_has_to_be_among_those_published_since(chosen, lake, receipt):
    latest = Seal.objects.filter(community=lake).latest("number")

    good = chosen(receipt, noted=bytes(latest.head).hex()[:16])
    bad = chosen(receipt, noted="0123456789abcdef")

    assert "wrote down is among them: number 3" in good.page.locator(".verdict").inner_text()
    assert "does NOT hold" in bad.page.locator(".verdict").inner_text()


def test_the_code_on_the_wall_brings_its_seal_along(look, receipt):
    window = look(size=PHONE)
    window.goto(f"/c/lake/check#{receipt['head']}")

    assert window.page.locator("#noted").input_value() == receipt["head"]
