#!/usr/bin/env python3
"""Check a receipt of Linli 邻里: is this transfer or statement in the published, sealed books?

    python3 verify_receipt.py RECEIPT.json [HEAD-OR-HEADS.json]

The second argument is what was published: a head of 64 hexadecimal digits, or a file with the list
of heads as the public API gives it. Exit status: 0 the receipt holds, 1 it does not, 2 the input
can not be read.

This file stands alone: any Python from 3.9 runs it, with nothing of ours installed, so that people
who check us need neither trust nor have our code. It therefore repeats the hashing of
``points/seals/merkle.py`` (RFC 6962, section 2.1) instead of importing it; a test compares the two.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import re
import sys
from collections.abc import Iterator
from typing import Any

FORMAT = "linli-receipt-1"
SEAL_FIELDS = ("community", "number", "previous", "root", "sealed_at", "size")
FIRST_PREVIOUS = "0" * 64  # what batch 1 is chained to
_FILE_BYTES = 16 * 1024 * 1024  # some 40,000 heads
_LARGEST = 2**63 - 1  # of a number in the ledger's database

Both = tuple[str, str]  # one sentence, in Chinese and in English


class Unreadable(Exception):
    """The error of an input that can not be read. Its text is for people, in both languages."""

    def __init__(self, chinese: str, english: str) -> None:
        super().__init__(f"{chinese}\n{english}")


# The hashing.


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def root_from_path(leaf_hash: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root (RFC 9162, 2.1.3.2). Raises ValueError if the path has the wrong length."""
    node, last, steps = leaf_hash, size - 1, iter(path)
    while last:
        if index % 2 or index < last:
            step = next(steps, None)
            if step is None:
                raise ValueError("the path is too short")
            pair = step + node if index % 2 else node + step
            node = hashlib.sha256(b"\x01" + pair).digest()
        index, last = index // 2, last // 2
    if next(steps, None) is not None:
        raise ValueError("the path is too long")
    return node


def head(seal: dict[str, Any]) -> bytes:
    canonical = json.dumps(
        {field: seal[field] for field in SEAL_FIELDS},
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
    )
    return hashlib.sha256(canonical.encode()).digest()


# Reading. What comes from outside is looked at here, once; the rest may rely on its shape.


def read_json(path: str) -> Any:
    name = shown(path)
    try:
        with open(path, "rb") as file:
            data = file.read(_FILE_BYTES + 1)
        if len(data) > _FILE_BYTES:
            raise Unreadable(f"文件 {name} 过大。", f"The file {name} is too large.")
        return json.loads(data)
    except OSError as error:
        raise Unreadable(
            f"打不开文件 {name}。", f"The file {name} can not be opened: {error.strerror or error}."
        ) from error
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"文件 {name} 不是 JSON。", f"The file {name} is not JSON.") from error


def is_text(value: Any) -> bool:
    # JSON can write half a character, which UTF-8 has no bytes for.
    return isinstance(value, str) and not re.search("[\ud800-\udfff]", value)


def is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST


def is_hash(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def is_path(value: Any) -> bool:
    return isinstance(value, list) and all(map(is_hash, value))


_TEXT = (is_text, "一段文字", "text")
_NUMBER = (is_number, "不小于 0 的整数", "a whole number, not below 0")
_HASH = (is_hash, "64 位小写十六进制数", "64 lower-case hexadecimal digits")
_PATH = (is_path, "若干个 64 位小写十六进制数", "a list of 64 lower-case hexadecimal digits each")
_SEAL = dict(zip(SEAL_FIELDS, (_TEXT, _NUMBER, _HASH, _HASH, _TEXT, _NUMBER)))  # noqa: B905  # 3.9
_RECEIPT = {"leaf": _TEXT, "index": _NUMBER, "path": _PATH, "head": _HASH}


def shaped(value: Any, fields: dict[str, Any], chinese: str, english: str) -> dict[str, Any]:
    """Return the required fields of the object ``value``, checked. Raises Unreadable."""
    if not isinstance(value, dict):
        raise Unreadable(f"{chinese}不是 JSON 对象。", f"Not a JSON object: {english}.")
    for field, (fits, kind, kind_english) in fields.items():
        if field not in value:
            raise Unreadable(f"{chinese}缺少 {field}。", f"No {field} in {english}.")
        if not fits(value[field]):
            raise Unreadable(
                f"{chinese}的 {field} 应为：{kind}。",
                f"In {english}, {field} should be {kind_english}.",
            )
    return {field: value[field] for field in fields}


def read_receipt(path: str) -> dict[str, Any]:
    value = read_json(path)
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        raise Unreadable(
            f"这不是 {FORMAT} 格式的凭证。", f"This is not a receipt of format {FORMAT}."
        )
    receipt = shaped(value, _RECEIPT, "凭证", "the receipt")
    seal = shaped(value.get("seal"), _SEAL, "凭证的 seal", "the receipt's seal")
    if receipt["index"] >= seal["size"]:
        raise Unreadable(
            f"位置 {receipt['index']} 超出了批次的 {seal['size']} 笔。",
            f"Index {receipt['index']} is outside a batch of {seal['size']}.",
        )
    return {**receipt, "seal": seal}


def read_published(path: str) -> list[dict[str, Any]]:
    value = read_json(path)
    if isinstance(value, dict):
        value = value.get("results")
    if not isinstance(value, list):
        raise Unreadable(
            "公布的文件里没有封存值列表。", "The published file has no list of heads in it."
        )
    return [
        shaped(entry, {**_SEAL, "head": _HASH}, f"公布的第 {place} 条", f"published entry {place}")
        for place, entry in enumerate(value, start=1)
    ]


# Checking: what is found wrong, a sentence each; nothing if all is well.


def wrong_in_itself(receipt: dict[str, Any]) -> Iterator[Both]:
    seal = receipt["seal"]
    path = [bytes.fromhex(step) for step in receipt["path"]]
    try:
        leaf = leaf_hash(receipt["leaf"].encode())
        root = root_from_path(leaf, receipt["index"], seal["size"], path).hex()
    except ValueError:
        yield "路径的长度与位置不符。", "The path has the wrong length for this index."
    else:
        if root != seal["root"]:
            yield (
                "由原文和路径算不出批次的根：内容、位置或路径被改过。",
                "The leaf and its path do not lead to the root of the batch: "
                "the text, the index or the path was changed.",
            )
    if head(seal).hex() != receipt["head"]:
        yield (
            "由 seal 算不出 head：批次的内容被改过。",
            "The head does not follow from the seal: the batch was changed.",
        )


def wrong_with_published(
    receipt: dict[str, Any], published: list[dict[str, Any]]
) -> Iterator[Both]:
    """Yield what is wrong between the receipt and the published heads, and among the heads."""
    by_number: dict[tuple[str, int], dict[str, Any]] = {}
    for entry in published:
        name, chinese, english = _named(entry)
        if by_number.setdefault(name, entry) != entry:
            yield f"{chinese}公布了两个不同的版本。", f"Published twice, differently: {english}."
        if head(entry).hex() != entry["head"]:
            yield (
                f"{chinese}公布的 head 与其内容不符。",
                f"The published head does not follow from what it is of: {english}.",
            )
    for (community, number), entry in by_number.items():
        before = {"head": FIRST_PREVIOUS} if number == 1 else by_number.get((community, number - 1))
        if before is not None and entry["previous"] != before["head"]:
            _, chinese, english = _named(entry)
            yield f"{chinese}没有接在上一批之后。", f"Not chained to the one before it: {english}."

    name, chinese, english = _named(receipt["seal"])
    ours = {**receipt["seal"], "head": receipt["head"]}
    theirs = by_number.get(name)
    if theirs is None:
        yield f"公布的列表里没有{chinese}。", f"Not in the published list: {english}."
    elif theirs != ours:
        fields = ", ".join(field for field in ours if ours[field] != theirs[field])
        yield (
            f"{chinese}与公布的不一致：{fields}。",
            f"Not as it was published: {english} ({fields}).",
        )


def _named(seal: dict[str, Any]) -> tuple[tuple[str, int], str, str]:
    community, number = seal["community"], seal["number"]
    return (
        (community, number),
        f"{shown(community)} 第 {number} 批",
        f"batch {number} of {shown(community)}",
    )


# Saying it.


def shown(value: str | float) -> str:
    """Return the value as one line of plain characters, which can not pass for our own words."""
    text = str(value)
    text = text if len(text) <= 200 else text[:200] + "…"
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def describe(receipt: dict[str, Any]) -> None:
    try:
        leaf = json.loads(receipt["leaf"])
    except (ValueError, RecursionError):
        leaf = None
    print("凭证所载 The receipt says:")
    if isinstance(leaf, dict):
        for field, chinese in [
            ("amount", "数量"),
            ("reason", "事由"),
            ("id", "编号"),
            ("occurred_at", "发生时间"),
            ("expires_on", "可用至"),
            ("number_year", "编号年度"),  # of a merchant's statement, from here on
            ("number_in_year", "年度编号"),
            ("period_start", "账期首日"),
            ("period_end", "账期止于（不含）"),
            ("points", "积分"),
            ("amount_fen", "金额（分）"),
            ("carried_fen", "上期结转（分）"),
            ("approved_at", "批准时间"),
            ("digest", "摘要"),
        ]:
            if isinstance(leaf.get(field), (str, int, float)):
                print(f"  {chinese} {field}: {shown(leaf[field])}")
    else:
        print(f"  (原文不是 JSON 对象 the text is not a JSON object) {shown(receipt['leaf'])}")
    seal = receipt["seal"]
    print(f"  社区 community: {shown(seal['community'])}")
    print(f"  批次 batch: {seal['number']} ({receipt['index'] + 1}/{seal['size']})")
    print(f"  封存时间 sealed_at: {shown(seal['sealed_at'])}")
    print(f"  封存值 head: {receipt['head']}")
    print()


def main(arguments: list[str]) -> int:
    if isinstance(sys.stdout, io.TextIOWrapper) and isinstance(sys.stderr, io.TextIOWrapper):
        # A terminal that has no Chinese gets escapes instead of an error.
        sys.stdout.reconfigure(errors="backslashreplace")
        sys.stderr.reconfigure(errors="backslashreplace")
    parser = argparse.ArgumentParser(
        description="核对邻里凭证：这笔转账或这份结算单是否在已公布的封存账本里。"
        " Check a Linli receipt: is this transfer or statement in the published, sealed books?",
        epilog="退出码 exit status: 0 成立 it holds; 1 不成立 it does not; 2 无法读取 unreadable",
    )
    parser.add_argument("receipt", metavar="RECEIPT.json", help="凭证 the receipt")
    parser.add_argument(
        "published",
        metavar="HEAD-OR-HEADS.json",
        nargs="?",
        help="公布的封存值（64 位十六进制数）或列表文件"
        " the published head, or a file with the list of them",
    )
    asked = parser.parse_args(arguments)
    try:
        return check(asked.receipt, asked.published)
    except Unreadable as error:
        print(f"无法核对 Can not be checked:\n{error}", file=sys.stderr)
        return 2


def check(receipt_path: str, published: str | None) -> int:
    """Print what was found. Returns the exit status. Raises Unreadable."""
    receipt = read_receipt(receipt_path)
    wrong = list(wrong_in_itself(receipt))
    if published is None:
        compared = None
    elif re.fullmatch("[0-9a-fA-F]{64}", published):
        compared = ("公布的封存值", "the published head")
        if published.lower() != receipt["head"]:
            wrong.append(
                ("封存值与公布的不一致。", "The receipt's head is not the head that was published.")
            )
    else:
        heads = read_published(published)
        compared = (
            f"公布的 {len(heads)} 个封存值（链条没有断裂）",
            f"{len(heads)} published heads; no link of their chain is broken",
        )
        wrong += wrong_with_published(receipt, heads)

    describe(receipt)
    for chinese, english in wrong:
        print(f"× {chinese}\n  {english}")
    if wrong:
        print("结论：凭证不成立。\nThe receipt does NOT hold.")
        return 1
    if compared is None:
        print(
            "结论：凭证自身一致，但没有与公布的封存值比对。请与公布的核对：\n"
            "The receipt is consistent in itself. It was NOT compared with a published head, and"
            " proves nothing until it is. The head to compare:\n"
            f"{receipt['head']}"
        )
        return 0
    print(
        f"结论：凭证成立，与{compared[0]}相符。\n"
        f"The receipt holds: what it says is sealed in what was published.\n"
        f"Compared with {compared[1]}."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
