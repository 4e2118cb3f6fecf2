"""The rush hour at one gate: many real clients of a live server at the same time.

LINLI_RUSH_HOUR is the number of people, 60 by default and 200 in the long proof; 2000 is what a
station sees in a morning.
"""

import http.client
import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.utils import timezone

from bench._web import live_server
from bench.checkin import plan_shift, sign_up, token_for
from tests.long import IS_LONG
from volunteers.attendance import codes
from volunteers.models import Activity, Attendance

PEOPLE = int(os.environ.get("LINLI_RUSH_HOUR", "200" if IS_LONG else "60"))
CLIENTS = 32


@pytest.fixture
def server(monkeypatch):
    """The address of a web server of its own on the tests' database."""
    ours = urlsplit(os.environ["DATABASE_URL"])
    name = connection.settings_dict["NAME"]
    monkeypatch.setenv("DATABASE_URL", ours._replace(path=f"/{name}").geturl())
    with live_server("backend.test_settings") as url:
        yield urlsplit(url)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_everybody_at_one_gate_is_answered_and_nobody_is_doubled_or_lost(hill, server):
    """Half signed up, half walk in; a third of them scan twice, for their phone lost the answer."""
    shift = plan_shift(hill)
    Activity.objects.filter(pk=shift.activity_id).update(walk_ins=True)
    users = sign_up(shift, PEOPLE)
    walk_ins = {user.pk for user in users[::2]}
    Attendance.objects.filter(volunteer__in=walk_ins).delete()
    scans = [(number, token_for(user)) for number, user in enumerate(users)]
    scans += scans[::3]

    def client(number):
        gate = http.client.HTTPConnection(server.hostname, server.port, timeout=120)
        told = []
        for person, token in scans[number::CLIENTS]:
            code = codes.code_of(codes.Kind.VENUE, shift, at=timezone.now())
            body = json.dumps({"code": code, "nonce": f"tap-{person}"})
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            try:
                gate.request("POST", "/api/v1/me/attendances", body, headers)
                answer = gate.getresponse()
            except ConnectionError:  # the server lets go of who was silent for two seconds
                gate.close()
                gate.request("POST", "/api/v1/me/attendances", body, headers)
                answer = gate.getresponse()
            told.append((answer.status, json.loads(answer.read()).get("id")))
        return told

    with ThreadPoolExecutor(CLIENTS) as crowd:
        answers = [one for told in crowd.map(client, range(CLIENTS)) for one in told]

    assert Counter(status for status, _ in answers) == {200: len(scans)}
    records = Attendance.objects.filter(shift=shift, status="checked_in")
    assert {found for _, found in answers} == {
        str(pk) for pk in records.values_list("pk", flat=True)
    }
    assert sorted(records.values_list("volunteer_id", flat=True)) == sorted(u.pk for u in users)
    assert set(records.filter(is_walk_in=True).values_list("volunteer_id", flat=True)) == walk_ins
    assert set(records.values_list("proof")) == {("venue_code",)}
