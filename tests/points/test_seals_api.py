"""Public parts of the ledger, to hold us to it."""

import json
import shutil
import subprocess
import sys
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from backend.communities.models import Role
from backend.communities.services import roles
from points import verify_receipt
from points.ledger import services as ledger
from points.models import Seal
from points.seals.services import sealing

pytestmark = pytest.mark.usefixtures("_no_rules")

SEALS = "/api/v1/communities/lake/seals"


@pytest.fixture
def sealed(lake, earn):
    """Three seals of one transfer each, the first first."""
    seals = []
    for number in range(3):
        ledger.post(replace(earn, key=f"hours:{number}", source=f"test:{number}"))
        seals += sealing.seal(community=lake)
    return seals


@pytest.fixture
def client(lake, person, logged_in):
    """The lake's auditor."""
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return logged_in(user)


# --- everybody --------------------------------------------------------------------------------
def test_everybody_sees_the_heads_newest_first_as_they_were_hashed(lake, sealed):
    response = APIClient().get(SEALS)

    assert response.status_code == 200
    first, second, third = (
        {
            "community": str(lake.pk),
            "number": number,
            "size": 1,
            "root": bytes(seal.root).hex(),
            "previous": bytes(seal.previous).hex(),
            "sealed_at": f"{seal.sealed_at:%Y-%m-%dT%H:%M:%S.%f}Z",
            "head": bytes(seal.head).hex(),
        }
        for number, seal in enumerate(sealed, start=1)
    )
    assert response.json() == {"next": None, "previous": None, "results": [third, second, first]}
    assert (first["previous"], second["previous"]) == ("0" * 64, first["head"])


def test_everybody_opens_a_head_by_its_number(sealed):
    client = APIClient()
    newest, *_ = client.get(SEALS).json()["results"]

    assert client.get(f"{SEALS}/3").json() == newest
    for number in (4, 10**30):
        response = client.get(f"{SEALS}/{number}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


def test_heads_are_turned_over_page_by_page(sealed):
    client = APIClient()

    first = client.get(f"{SEALS}?page_size=2").json()
    second = client.get(first["next"]).json()

    assert [seal["number"] for seal in first["results"] + second["results"]] == [3, 2, 1]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("position", "status"), [("nonsense", 400), ("9" * 30, 200), ("-1", 200), ("1.5", 400)]
)
def test_a_made_up_page_link_breaks_nothing(sealed, position, status):
    cursor = b64encode(f"p={position}".encode()).decode()

    assert APIClient().get(SEALS, {"cursor": cursor}).status_code == status


def test_seals_are_listed_without_what_is_in_them(sealed):
    with CaptureQueriesContext(connection) as asked:
        APIClient().get(SEALS)

    assert all("leaves" not in one["sql"] and "_ids" not in one["sql"] for one in asked)


def test_a_community_that_is_none_has_no_seals(lake):
    response = APIClient().get("/api/v1/communities/nowhere/seals")

    assert (response.status_code, response.json()["code"]) == (404, "community_unknown")


def test_no_head_of_another_community_is_shown(hill, sealed):
    assert APIClient().get("/api/v1/communities/hill/seals").json()["results"] == []


@pytest.fixture
def check(tmp_path):
    """Return what the stand-alone checker, without our code, says of a receipt and a page."""
    shutil.copy(Path(verify_receipt.__file__), tmp_path / "verify_receipt.py")

    def run(receipt, published):
        for name, content in (("receipt", receipt), ("heads", published)):
            (tmp_path / f"{name}.json").write_bytes(content)
        return subprocess.run(
            [sys.executable, "-I", "-S", "verify_receipt.py", "receipt.json", "heads.json"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={"LC_ALL": "C.UTF-8"},
            check=False,
        )

    return run


def test_a_receipt_holds_against_the_page_as_it_was_downloaded(
    lake, wang, earn, sealed, logged_in, check
):
    seal = sealed[1]
    (transfer_id,) = Seal.objects.get(pk=seal.pk).transfer_ids
    receipt = logged_in(wang).get(f"/api/v1/me/transfers/{transfer_id}/proof").content
    page = APIClient().get(SEALS).content

    answer = check(receipt, page)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "Compared with 3 published heads" in answer.stdout

    changed = json.loads(receipt)
    changed["leaf"] = changed["leaf"].replace('"amount": 100', '"amount": 900')
    assert check(json.dumps(changed).encode(), page).returncode == 1
