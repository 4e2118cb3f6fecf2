"""Web workers and database sessions killed while clerks scan: nothing is doubled, nothing lost.

``LINLI_FAULT_REDEMPTIONS`` is how many vouchers are scanned, 60 without it.
"""

import os
import random
import signal
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from django.db import connection

from backend.accounts.services import logins
from bench._web import PASSWORD, live_server, token_of
from merchants.models import MerchantMember, Offer, Redemption, ScanAttempt
from merchants.services import partners, proving, redemption
from points import selectors as points
from points.services import verifying

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

REDEMPTIONS = int(os.environ.get("LINLI_FAULT_REDEMPTIONS", "60"))
FAULTS = max(6, REDEMPTIONS // 50)
CLERKS, TRIES = 4, 200


@pytest.fixture
def vouchers(lake, tea, person, grant_points):
    """Codes of as many vouchers, of twelve people."""
    Offer.objects.filter(pk=tea.pk).update(stock=REDEMPTIONS)
    tea.refresh_from_db()
    people = [person(f"volunteer{number}") for number in range(12)]
    codes = []
    for number in range(REDEMPTIONS):
        volunteer = people[number % len(people)]
        grant_points(volunteer, 30)
        codes.append(redemption.take(offer=tea, volunteer=volunteer).code)
    return codes


@pytest.fixture
def server(monkeypatch):
    """The live server on this test's database; its address."""
    database = urlsplit(os.environ["DATABASE_URL"])
    ours = database._replace(path=f"/{connection.settings_dict['NAME']}")
    monkeypatch.setenv("DATABASE_URL", ours.geturl())
    with live_server() as url:
        yield url


class Till:
    """A clerk who repeats a scan, with the same key, until there is an answer."""

    def __init__(self, url, shop, token):
        self.address = f"{url}/api/v1/merchants/{shop.pk}/scans"
        self.headers = {"Authorization": f"Bearer {token}"}
        self.lost = 0

    def scan(self, code):
        for _ in range(TRIES):
            try:
                answer = httpx.post(
                    self.address,
                    json={"code": code},
                    headers=self.headers | {"Idempotency-Key": code},
                    timeout=30,
                )
            except httpx.TransportError:
                self.lost += 1
                continue
            if answer.status_code < 500 and answer.json().get("code") != "idempotency_key_in_use":
                return answer.status_code
            self.lost += 1
        raise AssertionError(f"{code} never got an answer.")


def kill_a_worker(draw):
    (web,) = (
        child for child in psutil.Process().children() if "gunicorn" in " ".join(child.cmdline())
    )
    if workers := web.children():
        draw.choice(workers).send_signal(signal.SIGKILL)


def kill_a_session(draw):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        if sessions := cursor.fetchall():
            cursor.execute("SELECT pg_terminate_backend(%s)", [draw.choice(sessions)[0]])


def test_every_voucher_is_redeemed_once_whatever_is_killed(lake, shop, tea, vouchers, server):
    tills = []
    for number in range(CLERKS):
        clerk = logins.open_login(username=f"clerk{number}", name="店员", password=PASSWORD)
        partners.employ(merchant=shop, user=clerk, role=MerchantMember.Role.CLERK)
        tills.append(Till(server, shop, token_of(server, clerk.username)))
    draw, done = random.Random(7), []
    faults = {draw.randrange(REDEMPTIONS) for _ in range(FAULTS)}
    killed, one_at_a_time = Counter(), threading.Lock()

    def clerk(number):
        answers = []
        for code in vouchers[number::CLERKS]:
            with one_at_a_time:
                done.append(code)
                if len(done) - 1 in faults:
                    kill = draw.choice([kill_a_worker, kill_a_session])
                    kill(draw)
                    killed[kill.__name__] += 1
                    connection.close()
            answers.append(tills[number].scan(code))
        return answers

    connection.close()  # so that all the sessions that can be killed are the server's
    with ThreadPoolExecutor(CLERKS) as pool:
        answers = Counter(status for said in pool.map(clerk, range(CLERKS)) for status in said)

    # The first answer is the answer: a repeated scan never hears that the code has been used.
    assert answers == {201: REDEMPTIONS}
    assert killed.total() == len(faults)
    assert sum(till.lost for till in tills) > 0  # some of them were felt
    assert set(Redemption.objects.values_list("status", flat=True)) == {"redeemed"}
    attempts = Counter(ScanAttempt.objects.values_list("redemption", "outcome"))
    assert len(attempts) == REDEMPTIONS
    assert set(attempts.values()) == {1}
    assert {outcome for _, outcome in attempts} == {"redeemed"}
    assert points.totals_by_kind(lake)["merchant"] == 30 * REDEMPTIONS
    assert list(proving.prove(lake)) == []
    assert verifying.verify(community=lake).findings == []
