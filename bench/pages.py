"""Waiting on a bad network: for the pay code, and for the first load of a room.

Chromium at a live server with 2 workers. The pay code is timed from the tap in the wallet to the
code on the screen, with a network like slow 3G (400 kbit/s, 400 ms) and without, taking turns.
BENCH_ROUNDS (5) is how often. A first load is all that the room's first page and its worker ask
for, but for the decoder of codes, compressed as a proxy would. Nothing without Chromium.
"""

import gzip
import json
import re
import shutil
import time
from statistics import median
from typing import Any

import httpx
from django.conf import settings
from django.test import Client

from backend.accounts.models import User
from backend.accounts.services import logins
from backend.communities.models import Community
from backend.communities.services import places
from bench._database import own_database
from bench._outcome import Outcome, asked
from bench._web import PASSWORD, live_server
from merchants.models import MerchantMember
from merchants.partners.services import partnerships as partners
from volunteers.models import Volunteer
from volunteers.people.services import people

BITS, LATENCY = 400_000, 400  # a second; milliseconds
SLOW_3G = {
    "offline": False,
    "latency": LATENCY,
    "downloadThroughput": BITS / 8,
    "uploadThroughput": BITS / 8,
}
UNTHROTTLED = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
WISHED_SECONDS, WISHED_KB = 3, 150
SHELL = re.compile(r"const SHELL = (\[.*?\]);")


def run() -> Outcome:
    """Return the pay code's time when throttled ÷ when not, and ÷ the 3 s that are wished for; and
    the kB of the first load of each room."""
    chromium = shutil.which("chromium")
    if chromium is None:
        return Outcome({})
    from playwright.sync_api import sync_playwright

    with own_database(), live_server() as url:
        place = places.found(code="bench", name="bench")
        volunteer, clerk = _volunteer(place), _clerk(place)
        sessions = {"/me/": _log_in(volunteer), "/scan/": _log_in(clerk)}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])

            def phone(room: str) -> Any:
                context = browser.new_context(viewport={"width": 360, "height": 740})
                name = settings.SESSION_COOKIE_NAME
                context.add_cookies([{"name": name, "value": sessions[room], "url": url}])
                return context.new_page()

            loaded = {room: _first_load(phone(room), url, room) for room in sessions}
            slow, fast = _pay_code(phone("/me/"), url)
            browser.close()
    return Outcome(
        {
            "pay_code_slow_vs_fast": slow / fast,
            "pay_code_slow_vs_3s": slow / WISHED_SECONDS,
            "first_load_kb_me": loaded["/me/"] / 1000,
            "first_load_kb_scan": loaded["/scan/"] / 1000,
        },
        at_most={
            "pay_code_slow_vs_3s": 1,
            "first_load_kb_me": WISHED_KB,
            "first_load_kb_scan": WISHED_KB,
        },
    )


# --- who ----------------------------------------------------------------------------------------
def _volunteer(place: Community) -> User:
    user = logins.open_login(username="wang", name="bench", password=PASSWORD)
    people.enrol(user=user, community=place, kind=Volunteer.Kind.RESIDENT)
    return user


def _clerk(place: Community) -> User:
    user = logins.open_login(username="chen", name="bench", password=PASSWORD)
    shop = partners.sign_contract(
        community=place, name="bench", trade="bench", fen_per_point=10, is_donated=False
    )
    partners.employ(merchant=shop.merchant, user=user, role=MerchantMember.Role.CLERK)
    return user


def _log_in(user: User) -> str:
    client = Client()
    client.force_login(user, settings.AUTHENTICATION_BACKENDS[0])
    return client.cookies[settings.SESSION_COOKIE_NAME].value


# --- how long, how much -------------------------------------------------------------------------
def _pay_code(page: Any, url: str) -> tuple[float, float]:
    """Return the seconds from the tap to the code, throttled and not: medians of the rounds."""
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    took: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(asked("ROUNDS", 5)):
        for is_slow, seconds in took.items():
            page.goto(f"{url}/me/wallet")
            page.evaluate("navigator.serviceWorker.ready")
            link = page.locator("a[href^='/me/pay?']").first
            network.send("Network.emulateNetworkConditions", SLOW_3G if is_slow else UNTHROTTLED)
            began = time.perf_counter()
            link.click(no_wait_after=True)
            page.locator(".code svg").wait_for()
            seconds.append(time.perf_counter() - began)
            network.send("Network.emulateNetworkConditions", UNTHROTTLED)
    return median(took[True]), median(took[False])


def _first_load(page: Any, url: str, room: str) -> int:
    """Return the bytes of all that a room asks for when it is opened for the first time."""
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{url}{room}", wait_until="networkidle")
    bodies = {answer.url: answer.body() for answer in answers if answer.ok}
    worker = httpx.get(f"{url}{room}worker.js").raise_for_status()
    bodies[f"{url}{room}worker.js"] = worker.content
    found = SHELL.search(worker.text)
    assert found is not None
    for path in json.loads(found[1]):
        if "/zxing/" not in path:
            bodies[f"{url}{path}"] = httpx.get(f"{url}{path}").raise_for_status().content
    return sum(len(gzip.compress(body)) for body in bodies.values())
