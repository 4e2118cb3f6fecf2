"""Everything killed while clerks scan: web and task workers, database sessions, the database.

Nothing is doubled, nothing lost.
"""

import os
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from queue import SimpleQueue

import httpx
import psutil
import pytest
from django.db import connection

from backend import embedded
from backend.accounts.services import logins
from backend.run import start_celery
from bench._web import PASSWORD, live_server, token_of
from merchants.models import MerchantMember, Offer, Redemption, ScanAttempt
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import vouchers as redemption
from points.kinds import AccountKind
from points.ledger import selectors as points
from points.models import Account
from tests.long import IS_LONG, times
from tests.machine import PATIENCE, Machine
from tests.verified import found_in, found_in_books
from volunteers.models import Volunteer
from volunteers.people.services.people import enrol

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

REDEMPTIONS = times(60)
LAPSING, LIFETIME = 12, timedelta(seconds=8)  # vouchers that nobody scans, for the task worker
CLERKS, TRIES = 4, 600


@pytest.fixture
def vouchers(lake, tea, person, grant_points, settings):
    """Codes of as many vouchers, of twelve people; each has another that will lapse."""
    Offer.objects.filter(pk=tea.pk).update(stock=REDEMPTIONS + LAPSING)
    tea.refresh_from_db()
    people = [person(f"volunteer{number}") for number in range(LAPSING)]
    for volunteer in people:
        enrol(user=volunteer, community=lake, kind=Volunteer.Kind.RESIDENT)
    codes = []
    for number in range(REDEMPTIONS):
        volunteer = people[number % len(people)]
        grant_points(volunteer, 30)
        codes.append(redemption.take(offer=tea, volunteer=volunteer).code)
    settings.VOUCHER_LIFETIME = LIFETIME
    for volunteer in people:
        grant_points(volunteer, 30)
        redemption.take(offer=tea, volunteer=volunteer)
    return codes


@pytest.fixture
def clerks(shop):
    """Clerks with usernames to log in."""
    names = [f"clerk{number}" for number in range(CLERKS)]
    for name in names:
        clerk = logins.open_login(username=name, name="店员", password=PASSWORD)
        partners.employ(merchant=shop, user=clerk, role=MerchantMember.Role.CLERK)
    return names


class Shop(Machine):
    """A machine with web and task workers."""

    def start(self):
        super().start()
        self.url = self.everything.enter_context(live_server())
        (self.home / "log").mkdir()
        self.start_task_worker()
        self.everything.callback(lambda: embedded.stop(self.task_worker))

    def start_task_worker(self):
        options = ["--concurrency=1", "--beat", f"--schedule={self.home / 'schedule'}"]
        self.task_worker = start_celery("worker", "worker", options, self.home, os.environ)

    def kill_web_worker(self, draw):
        (web,) = (
            child
            for child in psutil.Process().children()
            if "gunicorn" in " ".join(child.cmdline())
        )
        if workers := web.children():
            draw.choice(workers).kill()

    def kill_session(self, draw):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if sessions := cursor.fetchall():
                cursor.execute("SELECT pg_terminate_backend(%s)", [draw.choice(sessions)[0]])

    def kill_task_worker(self, draw):
        self.kill(self.task_worker, with_family=True)
        self.start_task_worker()


@pytest.fixture
def machine(lake, tea, clerks, vouchers, monkeypatch):
    with tempfile.TemporaryDirectory(prefix="linli-", dir="/tmp") as home, ExitStack() as stack:
        machine = Shop(Path(home), monkeypatch, stack)
        machine.start()
        yield machine


class Till:
    """A clerk who repeats a scan, with the same key, until there is an answer."""

    def __init__(self, url, shop, clerk):
        self.url, self.clerk = url, clerk
        self.address = f"{url}/api/v1/merchants/{shop.pk}/scans"
        self.token, self.lost = None, 0
        # One for all scans, for it takes long to make; each of them has its own connection.
        self.client = httpx.Client(timeout=30, limits=httpx.Limits(max_keepalive_connections=0))

    def scan(self, code):
        for _ in range(TRIES):
            try:
                self.token = self.token or token_of(self.url, self.clerk)
                answer = self.client.post(
                    self.address,
                    json={"code": code},
                    headers={"Authorization": f"Bearer {self.token}", "Idempotency-Key": code},
                )
            except (httpx.TransportError, KeyError, ValueError):  # none, or none that lets us in
                self.wait()
                continue
            if answer.status_code == 401:  # its five minutes are over
                self.token = None
                continue
            if answer.status_code < 500 and answer.json().get("code") != "idempotency_key_in_use":
                return answer.status_code
            self.wait()
        raise AssertionError(f"{code} never got an answer.")

    def wait(self):
        self.lost += 1
        time.sleep(0.05)


def eventually(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "It never came."
        time.sleep(0.2)


def test_every_voucher_is_redeemed_once_whatever_is_killed(
    lake, shop, tea, clerks, vouchers, machine
):
    tills = [Till(machine.url, shop, name) for name in clerks]
    kinds = [
        machine.kill_web_worker,
        machine.kill_session,
        machine.kill_task_worker,
        machine.kill_database,
        *([machine.kill_web_worker, machine.kill_session] if IS_LONG else []),
    ] * max(1, REDEMPTIONS // 300)
    draw, steps = random.Random(7), SimpleQueue()
    draw.shuffle(kinds)
    faults = dict(zip(draw.sample(range(REDEMPTIONS), len(kinds)), kinds, strict=True))

    def clerk(number):
        answers = []
        for code in vouchers[number::CLERKS]:
            steps.put(code)
            answers.append(tills[number].scan(code))
        return answers

    connection.close()  # so that all the sessions that can be killed are not ours
    with ThreadPoolExecutor(CLERKS) as pool:
        clerks_at_work = [pool.submit(clerk, number) for number in range(CLERKS)]
        # Here, for what a thread has started is stopped when the thread ends.
        for step in range(REDEMPTIONS):
            steps.get(timeout=PATIENCE)
            if kill := faults.pop(step, None):
                kill(draw)
                connection.close()
        answers = Counter(status for at_work in clerks_at_work for status in at_work.result())

    # The first answer is the answer: a repeated scan never hears that the code has been used.
    assert answers == {201: REDEMPTIONS}
    assert not faults
    assert sum(till.lost for till in tills) > 0  # some of them were felt
    # Whoever takes over the task worker's work releases each lapsed voucher, once.
    eventually(lambda: not Redemption.objects.filter(status="held").exists())
    outcomes = Counter(Redemption.objects.values_list("status", flat=True))
    assert outcomes == {"redeemed": REDEMPTIONS, "expired": LAPSING}
    assert Offer.objects.get(pk=tea.pk).stock == LAPSING
    wallets = Account.objects.filter(kind=AccountKind.WALLET)
    assert {(wallet.available, wallet.held) for wallet in wallets} == {(30, 0)}
    attempts = Counter(ScanAttempt.objects.values_list("redemption", "outcome"))
    assert len(attempts) == REDEMPTIONS
    assert set(attempts.values()) == {1}
    assert {outcome for _, outcome in attempts} == {"redeemed"}
    assert points.totals_by_kind(lake)["merchant"] == 30 * REDEMPTIONS
    assert found_in(lake) == []
    assert found_in_books(lake) == []
