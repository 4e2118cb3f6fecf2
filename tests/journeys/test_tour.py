"""The README's tour, executed as it is written, against what `make run` starts."""

import os
import re
import subprocess
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"
pytestmark = pytest.mark.slow


def tour() -> str:
    text = README.read_text(encoding="utf-8")
    part = re.search(r"<!-- tour: begin -->(.*?)<!-- tour: end -->", text, re.DOTALL)
    return "\n".join(re.findall(r"```sh\n(.*?)```", part[1], re.DOTALL))


def test_the_tour_works_as_written(linli):
    volunteer = linli.log_in("volunteer")
    before = volunteer.get("me/wallets/bishahu")

    script = "set -euo pipefail\n" + tour()
    ran = subprocess.run(
        ["bash", "-c", script],
        env=os.environ | {"LINLI_HOME": str(linli.home)},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    after = volunteer.get("me/wallets/bishahu")
    # 90 minutes at 10 points an hour, less 抽纸 at 20.
    assert after["balance"] == before["balance"] + 15 - 20
    assert after["held"] == 0
    latest = volunteer.get("me/wallets/bishahu/transfers")["results"][:2]
    assert [transfer["reason"] for transfer in latest] == ["redemption", "hours"]
    earned = volunteer.get(f"me/transfers/{latest[1]['id']}")
    assert earned["explanation"]["arithmetic"]["minutes"] == 90
