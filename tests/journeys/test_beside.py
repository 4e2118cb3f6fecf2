"""Commands typed beside a running `make run` find its database."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from backend.top.scenarios import demo

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def manage(linli, *arguments: str) -> subprocess.CompletedProcess[str]:
    keep = ("PATH", "HOME", "LANG")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    return subprocess.run(
        [sys.executable, ROOT / "manage.py", *arguments],
        env=environment | {"LINLI_HOME": str(linli.home)},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_an_import_beside_the_running_system_reaches_its_community(linli):
    merchants = str(demo.SCENARIO / "merchants.csv")

    again = manage(linli, "import_merchants", merchants, "--community", "bishahu")

    assert (again.returncode, again.stdout) == (0, "新增 0 行，未变 19 行，跳过 0 行。\n")
