"""The web's memory when photos are sent at once: their number must not matter.

50 uploads at one moment, to the live server with 2 workers, over as many connections: PNGs of 50
megapixels in 200 kB, which are refused, and the largest of each kind that is taken, a phone's JPEG
of 108 megapixels among them. Memory is what the server's processes, and those that they started,
have resident together. Clients come again when told to, until each photo was decoded or refused.
BENCH_PHOTOS (50) is how many are sent at once; BENCH_ROUNDS (2) how often.
"""

import io
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import psutil
from PIL import Image

from backend.accounts.services import logins
from backend.communities.services import places
from bench._database import own_database
from bench._outcome import Outcome, asked
from bench._web import PASSWORD, live_server, token_of
from volunteers.models import Volunteer
from volunteers.people.services import people

USERNAME = "bench"
PATIENCE = 120.0  # seconds, for one answer
TRIES = 100  # of one photo
TAKEN, TOO_LARGE, COME_AGAIN = 201, 400, 503


def run() -> Outcome:
    """Return ``photo_memory``: the peak resident while they are sent ÷ after a single one."""
    count, rounds = asked("PHOTOS", 50), asked("ROUNDS", 2)
    photos = _photos(count)
    with own_database(), live_server() as url:
        community = places.found(code="bench", name="bench")
        user = logins.open_login(username=USERNAME, name="bench", password=PASSWORD)
        people.enrol(user=user, community=community, kind=Volunteer.Kind.RESIDENT)
        address = f"{url}/api/v1/communities/{community.code}/reports"
        headers = {"Authorization": f"Bearer {token_of(url, USERNAME)}"}

        def send(number: int) -> int:
            own = headers | {"Idempotency-Key": os.urandom(8).hex()}
            for _ in range(TRIES):
                answer = httpx.post(
                    address,
                    headers=own,
                    data={"category": "hazard", "text": "bench"},
                    files={"photos": photos[number % len(photos)]},
                    timeout=PATIENCE,
                )
                if answer.status_code != COME_AGAIN:
                    return answer.status_code
                time.sleep(int(answer.headers["Retry-After"]))
            raise RuntimeError(f"A photo was told {TRIES} times to come again")

        if (alone := send(1)) != TAKEN:
            raise RuntimeError(f"A photo alone is answered with {alone}")
        after_one = _resident()
        answers: set[int] = set()
        with _watched() as peak, ThreadPoolExecutor(count) as clients:
            for _ in range(rounds):
                answers.update(clients.map(send, range(count)))
    if unexpected := answers - {TAKEN, TOO_LARGE}:
        raise RuntimeError(f"Photos are answered with {sorted(unexpected)}")
    return Outcome({"photo_memory": peak[0] / after_one}, at_most={"photo_memory": 1.5})


def _photos(count: int) -> list[bytes]:
    """Return at most ``count`` photos: one to be refused, and the largest that are not."""
    kinds = [
        ("PNG", (10_000, 5_000), "RGB", False),
        ("JPEG", (12_000, 9_000), "RGB", False),
        ("PNG", (3_600, 2_500), "RGBA", False),
        ("JPEG", (3_600, 2_500), "RGB", True),
        ("WEBP", (2_000, 2_000), "RGBA", False),
    ]
    return [_encoded(*kind) for kind in kinds[:count]]


def _encoded(kind: str, size: tuple[int, int], mode: str, is_progressive: bool) -> bytes:
    written = io.BytesIO()
    photo = Image.new(mode, size, "red" if mode == "RGB" else 90)
    photo.save(written, kind, **({"progressive": True} if is_progressive else {}))
    return written.getvalue()


def _resident() -> int:
    """Return the bytes that the server and all it started have resident; we started it last."""
    total = 0
    for web in psutil.Process().children():
        for process in [web, *web.children(recursive=True)]:
            try:
                total += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
    return total


@contextmanager
def _watched() -> Iterator[list[int]]:
    """Watch the resident memory all the time. Yields its peak."""
    peak, stop = [0], threading.Event()

    def look() -> None:
        while not stop.is_set():
            peak[0] = max(peak[0], _resident())
            stop.wait(0.05)  # a look goes over all processes, and a photo takes longer

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        stop.set()
        watcher.join()
