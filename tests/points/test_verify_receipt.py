"""The checker that anybody may take away: a copy of one file, run by a bare Python."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from points import verify_receipt
from points.seals import merkle
from tests.long import IS_LONG

pytestmark = pytest.mark.slow  # each case is a program of its own

ALONE = Path(verify_receipt.__file__)
TEXTS = [
    json.dumps(
        {
            "amount": 30 + place,
            "id": f"0198c0de-0000-7000-8000-00000000000{place}",
            "occurred_at": "2026-11-22T09:30:00.000000Z",
            "reason": "hours",
            "explanation": {"category": "交通劝导"},
        },
        ensure_ascii=False,
    )
    for place in range(5)
]
LEAVES = [merkle.leaf_hash(text.encode()) for text in TEXTS]


def sealed(number, previous, leaves=LEAVES):
    """One batch as the public API lists it: the seal and its head."""
    seal = {
        "community": "lake",
        "number": number,
        "previous": previous,
        "root": merkle.root(leaves).hex(),
        "sealed_at": f"2026-11-{20 + number}T21:20:32.123456Z",
        "size": len(leaves),
    }
    return seal | {"head": merkle.head(seal).hex()}


FIRST = sealed(1, merkle.FIRST_PREVIOUS, LEAVES[:1])
SECOND = sealed(2, FIRST["head"])
THIRD = sealed(3, SECOND["head"], LEAVES[:2])
ASTRAY = sealed(3, FIRST["head"], LEAVES[:2])
ANOTHER_SECOND = sealed(2, FIRST["head"], LEAVES[:4])
SEAL = {field: SECOND[field] for field in merkle.SEAL_FIELDS}
RECEIPT = {
    "format": "linli-receipt-1",
    "leaf": TEXTS[2],
    "index": 2,
    "path": [step.hex() for step in merkle.inclusion_path(LEAVES, 2)],
    "seal": SEAL,
    "head": SECOND["head"],
}
OTHER = "5f" * 32


@pytest.fixture
def verify(tmp_path, monkeypatch, capsys):
    """Run a copy of the checker on files written from these contents, with nothing of ours near.

    In the short proof it is called, where Python needs no ``options``.
    """
    shutil.copy(ALONE, tmp_path / "verify_receipt.py")

    def run(receipt, published=None, options=(), locale="C.UTF-8"):
        arguments = [written(tmp_path / "receipt.json", receipt)]
        if isinstance(published, str):
            arguments.append(published)
        elif published is not None:
            arguments.append(written(tmp_path / "heads.json", published))
        if not (IS_LONG or options):
            monkeypatch.chdir(tmp_path)
            status = verify_receipt.main(arguments)
            told = capsys.readouterr()
            return SimpleNamespace(returncode=status, stdout=told.out, stderr=told.err)
        return subprocess.run(
            [sys.executable, "-I", "-S", *options, "verify_receipt.py", *arguments],
            cwd=tmp_path,
            env={"PATH": os.defpath, "LC_ALL": locale},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )

    return run


def written(path: Path, content) -> str:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(data)
    return path.name


@pytest.mark.parametrize(
    ("published", "words"),
    [
        (None, "NOT compared"),
        (None, "没有与公布的封存值比对"),
        (SECOND["head"], "The receipt holds"),
        (SECOND["head"].upper(), "结论：凭证成立"),
        ([SECOND], "Compared with 1 published heads"),
        ([FIRST, SECOND, THIRD], "no link of their chain is broken"),
        ([THIRD, SECOND, FIRST], "The receipt holds"),  # newest first, as the API lists them
        ([FIRST, SECOND, SECOND], "The receipt holds"),  # two pages that overlap
        ({"next": None, "results": [SECOND, FIRST]}, "The receipt holds"),
        ([SECOND | {"published_at": "later"}], "The receipt holds"),
    ],
)
def test_a_receipt_that_holds(verify, published, words):
    answer = verify(RECEIPT, published)

    assert words in answer.stdout
    assert (answer.returncode, answer.stderr) == (0, "")


def test_all_that_is_said_of_a_receipt_without_a_published_head(verify):
    assert verify(RECEIPT).stdout == (
        "凭证所载 The receipt says:\n"
        "  数量 amount: 32\n"
        "  事由 reason: hours\n"
        "  编号 id: 0198c0de-0000-7000-8000-000000000002\n"
        "  发生时间 occurred_at: 2026-11-22T09:30:00.000000Z\n"
        "  社区 community: lake\n"
        "  批次 batch: 2 (3/5)\n"
        "  封存时间 sealed_at: 2026-11-22T21:20:32.123456Z\n"
        f"  封存值 head: {SECOND['head']}\n"
        "\n"
        "结论：凭证自身一致，但没有与公布的封存值比对。请与公布的核对：\n"
        "The receipt is consistent in itself. It was NOT compared with a published head, and"
        " proves nothing until it is. The head to compare:\n"
        f"{SECOND['head']}\n"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"leaf": TEXTS[2].replace("32", "320")}, "do not lead to the root"),
        ({"leaf": TEXTS[2] + " "}, "由原文和路径算不出批次的根"),
        ({"leaf": TEXTS[1]}, "do not lead to the root"),
        ({"index": 3}, "do not lead to the root"),
        ({"index": 4}, "wrong length"),
        ({"path": [OTHER, *RECEIPT["path"][1:]]}, "do not lead to the root"),
        ({"path": RECEIPT["path"][::-1]}, "do not lead to the root"),
        ({"path": RECEIPT["path"][:-1]}, "路径的长度与位置不符"),
        ({"path": [*RECEIPT["path"], OTHER]}, "wrong length"),
        ({"head": OTHER}, "The head does not follow from the seal"),
        ({"seal": SEAL | {"root": OTHER}}, "do not lead to the root"),
        ({"seal": SEAL | {"root": OTHER}}, "由 seal 算不出 head"),
        ({"seal": SEAL | {"sealed_at": "2026-11-01T00:00:00.000000Z"}}, "does not follow"),
        ({"seal": SEAL | {"previous": OTHER}}, "does not follow"),
        ({"seal": SEAL | {"number": 3}}, "does not follow"),
        ({"seal": SEAL | {"community": "湖"}}, "does not follow"),
    ],
)
@pytest.mark.parametrize("published", [None, SECOND["head"], [FIRST, SECOND]])
def test_a_changed_receipt_does_not_hold(verify, change, words, published):
    answer = verify(RECEIPT | change, published)

    assert words in answer.stdout
    assert answer.stdout.endswith("结论：凭证不成立。\nThe receipt does NOT hold.\n")
    assert (answer.returncode, answer.stderr) == (1, "")


@pytest.mark.parametrize(
    ("published", "words"),
    [
        (FIRST["head"], "not the head that was published"),
        ([], "Not in the published list: batch 2 of lake"),
        ([FIRST, THIRD], "公布的列表里没有lake 第 2 批"),
        ([SECOND | {"community": "hill"}], "Not in the published list: batch 2 of lake"),
        ([FIRST, ANOTHER_SECOND], "Not as it was published: batch 2 of lake (root, size, head)"),
        ([SECOND | {"head": OTHER}], "The published head does not follow"),
        ([SECOND | {"size": 6}], "Not as it was published: batch 2 of lake (size)"),
        ([SECOND, ANOTHER_SECOND], "Published twice, differently: batch 2 of lake"),
        ([FIRST, SECOND, ASTRAY], "Not chained to the one before it: batch 3 of lake"),
        ([ASTRAY, SECOND], "lake 第 3 批没有接在上一批之后"),
        ([FIRST | {"head": OTHER}, SECOND], "Not chained to the one before it: batch 2 of lake"),
        ([sealed(1, OTHER), SECOND], "Not chained to the one before it: batch 1 of lake"),
        ([SECOND, THIRD | {"root": OTHER}], "does not follow from what it is of: batch 3 of lake"),
    ],
)
def test_a_good_receipt_does_not_hold_against_other_heads(verify, published, words):
    answer = verify(RECEIPT, published)

    assert words in answer.stdout
    assert (answer.returncode, answer.stderr) == (1, "")


def without(value, field):
    return {name: kept for name, kept in value.items() if name != field}


@pytest.mark.parametrize(
    ("receipt", "words"),
    [
        (b"", "is not JSON"),
        (b"PK\x03\x04\xff\xfe", "不是 JSON"),
        (b'{"format": ', "is not JSON"),
        pytest.param(b"[" * 100_000, "is not JSON", id="deep"),
        pytest.param(b"9" * 100_000, "不是", id="endless number"),
        pytest.param(b" " * (16 * 1024 * 1024 + 1), "is too large", id="large"),
        ([], "not a receipt of format linli-receipt-1"),
        (7, "这不是 linli-receipt-1 格式的凭证"),
        (RECEIPT | {"format": "linli-receipt-2"}, "not a receipt of format linli-receipt-1"),
        (without(RECEIPT, "leaf"), "No leaf in the receipt"),
        (without(RECEIPT, "path"), "凭证缺少 path"),
        (without(RECEIPT, "seal"), "Not a JSON object: the receipt's seal"),
        (RECEIPT | {"seal": without(SEAL, "root")}, "No root in the receipt's seal"),
        (RECEIPT | {"leaf": {"amount": 30}}, "leaf should be text"),
        (RECEIPT | {"leaf": "half a character: \ud83d"}, "leaf should be text"),
        (RECEIPT | {"index": "2"}, "index should be a whole number"),
        (RECEIPT | {"index": True}, "index should be a whole number"),
        (RECEIPT | {"index": -1}, "index should be a whole number"),
        (RECEIPT | {"index": 2.0}, "index 应为：不小于 0 的整数"),
        (RECEIPT | {"index": 5}, "Index 5 is outside a batch of 5"),
        (RECEIPT | {"index": 0, "seal": SEAL | {"size": 0}}, "outside a batch of 0"),
        (RECEIPT | {"seal": SEAL | {"size": 2**63}}, "size should be a whole number"),
        (RECEIPT | {"head": OTHER[1:]}, "head should be 64 lower-case hexadecimal digits"),
        (RECEIPT | {"head": OTHER.upper()}, "head 应为：64 位小写十六进制数"),
        (RECEIPT | {"path": [OTHER + "\n"]}, "path should be a list of 64 lower-case"),
        (RECEIPT | {"path": OTHER}, "path should be a list of 64 lower-case"),
        (RECEIPT | {"seal": SEAL | {"previous": None}}, "previous should be 64 lower-case"),
        (RECEIPT | {"seal": SEAL | {"community": "\udc80"}}, "community should be text"),
    ],
)
def test_what_is_no_receipt_is_answered_in_a_sentence(verify, receipt, words):
    assert_unreadable(verify(receipt, SECOND["head"]), words)


@pytest.mark.parametrize(
    ("published", "words"),
    [
        (b"<html>", "heads.json is not JSON"),
        ({"results": None}, "no list of heads"),
        ("no-such-file.json", "The file no-such-file.json can not be opened"),
        (SECOND["head"][1:], "打不开文件"),  # a digit short is no head, so it must be a file
        (".", "can not be opened"),
        ([FIRST, SECOND["head"]], "Not a JSON object: published entry 2"),
        ([FIRST, without(SECOND, "head")], "公布的第 2 条缺少 head"),
        ([SECOND | {"number": "2"}], "In published entry 1, number should be"),
    ],
)
def test_what_is_no_list_of_heads_is_answered_in_a_sentence(verify, published, words):
    assert_unreadable(verify(RECEIPT, published), words)


def assert_unreadable(answer, words):
    assert words in answer.stderr
    assert "Traceback" not in answer.stderr
    assert (answer.returncode, answer.stdout) == (2, "")


@pytest.mark.parametrize(
    ("leaf", "line"),
    [
        ('{"amount": 5}', "  数量 amount: 5"),
        ('{"reason": "a\\nThe receipt holds"}', "  事由 reason: a\\u000aThe receipt holds"),
        ('{"reason": "\\u001b[2J\\u202e"}', "  事由 reason: \\u001b[2J\\u202e"),
        ('{"id": "\\ud800"}', "  编号 id: \\ud800"),
        ('{"id": {"deep": 1}, "amount": 6}', "  数量 amount: 6"),
        ("not JSON", "  (原文不是 JSON 对象 the text is not a JSON object) not JSON"),
        pytest.param(
            "[" * 100_000,
            "  (原文不是 JSON 对象 the text is not a JSON object) " + "[" * 200 + "…",
            id="deep",
        ),
    ],
)
def test_whatever_the_sealed_text_is_it_is_shown_on_one_plain_line(verify, leaf, line):
    only = sealed(2, OTHER, [merkle.leaf_hash(leaf.encode())])
    receipt = RECEIPT | {"leaf": leaf, "index": 0, "path": [], "seal": only, "head": only["head"]}

    answer = verify(receipt, [only])

    assert line in answer.stdout.splitlines()
    assert (answer.returncode, answer.stderr) == (0, "")


def test_a_terminal_without_chinese_still_gets_the_answer(verify):
    answer = verify(RECEIPT, SECOND["head"], options=("-X", "utf8=0"), locale="C")

    assert "\\u51ed\\u8bc1\\u6210\\u7acb" in answer.stdout  # 凭证成立
    assert "The receipt holds" in answer.stdout
    assert (answer.returncode, answer.stderr) == (0, "")


def test_too_many_arguments_are_a_sentence_too():
    answer = subprocess.run(
        [sys.executable, "-I", "-S", ALONE, "a", "b", "c"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.stderr.startswith("usage: verify_receipt.py")
    assert answer.returncode == 2


def test_python_3_9_can_read_it():
    ast.parse(ALONE.read_text("utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize("size", range(1, 20))
def test_its_hashing_is_that_of_the_ledger(size):
    leaves = [merkle.leaf_hash(b"%d" % place) for place in range(size)]
    seal = sealed(size, OTHER, leaves)

    assert verify_receipt.head(seal) == merkle.head(seal)
    assert verify_receipt.SEAL_FIELDS == merkle.SEAL_FIELDS
    assert verify_receipt.FIRST_PREVIOUS == merkle.FIRST_PREVIOUS
    for index, leaf in enumerate(leaves):
        path = merkle.inclusion_path(leaves, index)
        assert verify_receipt.leaf_hash(b"%d" % index) == leaf
        assert verify_receipt.root_from_path(leaf, index, size, path) == merkle.root(leaves)
