"""A request that is sent twice happens once, and both get the first answer."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.urls import path
from django.utils import timezone
from rest_framework import exceptions, serializers
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from backend.api import tasks
from backend.api.idempotency import idempotent
from backend.api.models import IdempotencyKey
from backend.errors import Conflict

User = get_user_model()


class OutOfStock(Conflict):
    code = "out_of_stock"
    title = "Sold out."


def write_row(name):
    """What a request does in these tests: any table will do."""
    Session.objects.create(session_key=name, session_data="", expire_date=timezone.now())


def rows():
    return set(Session.objects.values_list("session_key", flat=True))


class OrderSerializer(serializers.Serializer):
    amount = serializers.IntegerField()


class OrderView(APIView):
    """Writes a row and says so, in the manner that the address names."""

    runs = 0

    @idempotent
    def post(self, request, manner):
        OrderView.runs += 1
        self.run = OrderView.runs
        return getattr(self, manner)(request)

    @idempotent
    def put(self, request, manner):
        return Response({"put": True})

    @idempotent
    def delete(self, request, manner):
        write_row("gone")
        return Response(status=204)

    def order(self, request):
        write_row(f"row{self.run}")
        return Response({"run": self.run, "name": "邻里"}, status=201)

    def check(self, request):
        body = OrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return Response(body.data)

    def refuse(self, request):
        write_row(f"attempt{self.run}")
        with transaction.atomic():  # as a service does
            write_row(f"undone{self.run}")
            raise OutOfStock(run=self.run)

    def fail(self, request):
        write_row(f"row{self.run}")
        if self.run == 1:
            raise RuntimeError
        return Response({"run": self.run})

    def unavailable(self, request):
        write_row(f"row{self.run}")
        if self.run == 1:
            return Response(status=503)
        return Response({"run": self.run})

    def throttle(self, request):
        write_row(f"row{self.run}")
        if self.run == 1:
            raise exceptions.Throttled
        return Response({"run": self.run})

    def wait(self, request):
        entered.set()
        assert may_leave.wait(timeout=30)
        return self.order(request)


entered = threading.Event()
may_leave = threading.Event()

urlpatterns = [path("orders/<str:manner>", OrderView.as_view())]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _no_runs_yet():
    OrderView.runs = 0
    entered.clear()
    may_leave.clear()


@pytest.fixture
def li():
    return User.objects.create(username="li", name="李雷")


@pytest.fixture
def han():
    return User.objects.create(username="han", name="韩梅梅")


def send(user, manner="order", body=None, *, key="k1", method="post", query=""):
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user)
    headers = {} if key is None else {"Idempotency-Key": key}
    address = f"/orders/{manner}{query}"
    return getattr(client, method)(address, body or {}, format="json", headers=headers)


def test_the_same_request_gets_the_first_answer_byte_for_byte(li):
    first, again = send(li), send(li)

    assert first.status_code == again.status_code == 201
    assert first.json() == {"run": 1, "name": "邻里"}
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert rows() == {"row1"}


def test_an_answer_without_a_body_is_replayed_without_one(li):
    first, again = send(li, method="delete"), send(li, method="delete")

    assert again["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.content) == (204, b"")
    assert first.headers.get("Content-Type") == again.headers.get("Content-Type")


def test_another_key_or_another_person_is_another_request(li, han):
    assert [send(li).json()["run"], send(li, key="k2").json()["run"], send(han).json()["run"]] == [
        1,
        2,
        3,
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"body": {"amount": 1}},
        {"method": "put"},
        {"manner": "refuse"},
        {"query": "?dry_run=1"},
    ],
)
def test_one_key_for_two_requests_is_refused(li, other):
    send(li)

    response = send(li, **other)

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert rows() == {"row1"}


def test_without_a_key_nothing_happens(li):
    response = send(li, key=None)

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")
    assert OrderView.runs == 0


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", "tab\tbed", "钥匙", "\x7f"])
def test_a_key_that_is_no_key_is_refused(li, key):
    response = send(li, key=key)

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_invalid")
    assert OrderView.runs == 0


@pytest.mark.parametrize("key", ["x", "x" * 200, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "!~"])
def test_every_visible_ascii_key_will_do(li, key):
    assert send(li, key=key).status_code == 201
    assert send(li, key=key)["Idempotency-Replayed"] == "true"


def test_a_refusal_is_an_answer_and_keeps_what_was_put_on_record(li):
    first, again = send(li, "refuse"), send(li, "refuse")

    assert (first.status_code, first.json()["run"]) == (409, 1)
    assert (again.status_code, again.content) == (409, first.content)
    assert again["Content-Type"] == first["Content-Type"] == "application/problem+json"
    assert rows() == {"attempt1"}


def test_invalid_input_is_an_answer(li):
    first, again = send(li, "check", {"amount": "x"}), send(li, "check", {"amount": "x"})

    assert (first.status_code, first.json()["code"]) == (400, "invalid_input")
    assert again.content == first.content
    assert OrderView.runs == 1


@pytest.mark.parametrize(
    ("manner", "status"), [("fail", 500), ("unavailable", 503), ("throttle", 429)]
)
@pytest.mark.django_db(transaction=True)
def test_what_may_yet_succeed_is_undone_and_can_be_sent_again(li, manner, status):
    assert send(li, manner).status_code == status
    assert rows() == set()
    assert not IdempotencyKey.objects.exists()

    assert send(li, manner).json() == {"run": 2}
    assert rows() == {"row2"}


def test_a_stranger_is_refused_before_any_key_is_looked_at():
    assert send(None, key=None).status_code == 401


def test_too_large_a_body_is_refused(li, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10

    assert send(li, body={"amount": 10**20}).status_code == 413
    assert OrderView.runs == 0


def in_thread(*args, **kwargs):
    try:
        return send(*args, **kwargs)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
def test_while_the_first_is_running_the_second_is_told_so(li):
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(in_thread, li, "wait")
        assert entered.wait(timeout=30)
        meanwhile = send(li, "wait")
        other_key = send(li, key="k2")
        may_leave.set()

    assert (meanwhile.status_code, meanwhile.json()["code"]) == (409, "idempotency_key_in_use")
    assert other_key.status_code == 201
    assert first.result().status_code == 201
    assert send(li, "wait").content == first.result().content


@pytest.mark.django_db(transaction=True)
def test_twenty_at_once_with_one_key_happen_once(li):
    together = threading.Barrier(20)

    def press(_):
        together.wait(timeout=30)
        return in_thread(li)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(press, range(20)))

    assert OrderView.runs == 1
    assert rows() == {"row1"}
    made = [answer for answer in answers if answer.status_code == 201]
    assert len({answer.content for answer in made}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in made) == 1
    refused = [answer.json()["code"] for answer in answers if answer.status_code != 201]
    assert set(refused) <= {"idempotency_key_in_use"}


def test_old_keys_are_forgotten_in_batches_and_young_ones_kept(li, settings, monkeypatch):
    monkeypatch.setattr(tasks, "BATCH", 2)
    for n in range(7):
        send(li, key=f"k{n}")
    old = timezone.now() - settings.IDEMPOTENCY_KEEP - timedelta(minutes=1)
    IdempotencyKey.objects.exclude(key__in=["k5", "k6"]).update(created_at=old)

    tasks.forget_old_idempotency_keys()

    assert set(IdempotencyKey.objects.values_list("key", flat=True)) == {"k5", "k6"}
    tasks.forget_old_idempotency_keys()
    assert IdempotencyKey.objects.count() == 2
