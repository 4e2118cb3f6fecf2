"""Some of the people of the year at Bishahu, what they did and what is expected to come of it."""

import csv
import json
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from backend.top.scenarios import demo

BISHAHU = demo.SCENARIO
FILES = ("volunteers.csv", "hours.csv", "merchants.csv", "offers.csv", "redemptions.csv")


def part_of_the_year(folder: Path, *, of: int, kept: Iterable[int]) -> Path:
    """Write the year of those whose number leaves one of ``kept`` when it is divided by ``of``.

    What the others redeemed is gone from the first day. So everybody meets what they met in the
    whole year, and what comes of it is in the figures that were worked out for all.
    """
    kept = set(kept)
    tables = {name: rows_of(BISHAHU / name) for name in FILES}
    expected = json.loads((BISHAHU / "expected.json").read_text(encoding="utf-8"))
    attempts = list(zip(tables["redemptions.csv"], expected["redemption_results"], strict=True))

    def is_kept(row):
        return int(row["手机号"][-3:]) % of in kept

    for name in ("volunteers.csv", "hours.csv", "redemptions.csv"):
        tables[name] = [row for row in tables[name] if is_kept(row)]
    attempts = [(row, result) for row, result in attempts if is_kept(row)]
    taken = Counter()
    for row, result in attempts:
        taken[row["编号"]] += int(row["数量"]) if result == "redeemed" else 0
    for offer in tables["offers.csv"]:
        offer["库存"] = str(expected["stock_left"][offer["编号"]] + taken[offer["编号"]])

    folder.mkdir()
    for name, rows in tables.items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0].keys())
            writer.writeheader()
            writer.writerows(rows)
    (folder / "rules.json").write_bytes((BISHAHU / "rules.json").read_bytes())
    of_these = expected_of(tables, [result for _, result in attempts], expected)
    (folder / "expected.json").write_text(json.dumps(of_these), encoding="utf-8")
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def expected_of(tables, results, of_all):
    """Return the part of what is expected ``of_all`` that is about the people in ``tables``."""
    fen = {
        row["商户"]: 0 if row["公益捐赠不结算"] == "是" else int(row["每积分结算(分)"])
        for row in tables["merchants.csv"]
    }
    offers = {row["编号"]: row for row in tables["offers.csv"]}
    settlement = {}
    for row, result in zip(tables["redemptions.csv"], results, strict=True):
        if result == "redeemed":
            offer = offers[row["编号"]]
            points = int(offer["积分"]) * int(row["数量"])
            owed = settlement.setdefault(
                offer["商户"], {"redemptions": 0, "points": 0, "amount_fen": 0}
            )
            owed["redemptions"] += 1
            owed["points"] += points
            owed["amount_fen"] += points * fen[offer["商户"]]
    phones = [row["手机号"] for row in tables["volunteers.csv"]]
    balances = {phone: of_all["balances"][phone] for phone in phones}
    redeemed = sum(owed["points"] for owed in settlement.values())
    served = sum(
        (datetime.fromisoformat(row["签退"]) - datetime.fromisoformat(row["签到"])).seconds // 60
        for row in tables["hours.csv"]
    )
    return {
        "volunteers": len(phones),
        "service_minutes": served,
        "records": len(tables["hours.csv"]),
        "points_issued": sum(balances.values()) + redeemed,
        "redemptions": dict(sorted(Counter(results).items())),
        "redemption_results": results,
        "points_redeemed": redeemed,
        "points_outstanding": sum(balances.values()),
        "balances": balances,
        "settlement": settlement,
        "settlement_total_fen": sum(owed["amount_fen"] for owed in settlement.values()),
        "stock_left": of_all["stock_left"],
    }
