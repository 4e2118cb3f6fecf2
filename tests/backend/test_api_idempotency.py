"""A request that is sent twice happens once, and its answer is told again to who may see it."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction
from django.http import Http404
from django.test.client import encode_multipart
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, serializers
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from backend.api import tasks
from backend.api.models import OwnIdempotencyKey
from backend.api.parsers import JSONParser, PhotoFormParser
from backend.api.views import nothing, writes
from backend.errors import Conflict
from merchants.models import Merchant

User = get_user_model()


class OutOfStock(Conflict):
    code = "sold_out_here"
    title = _("Please log in first.")  # any text that is translated


def write_row(name):
    """Write a row, as a request does in these tests: any table will do."""
    return Merchant.objects.create(name=name, trade="邻里")


def rows():
    return set(Merchant.objects.values_list("name", flat=True))


may_see = threading.Event()  # what is kept


def rows_to_see(request, manner):
    if manner == "refuse" and not may_see.is_set():  # what the address names is not seen either
        raise Http404
    return Merchant.objects.all() if may_see.is_set() else Merchant.objects.none()


class OrderSerializer(serializers.Serializer):
    amount = serializers.IntegerField(required=False)
    colour = serializers.ChoiceField(["red"], required=False)


class RowSerializer(serializers.ModelSerializer):
    class Meta:
        model = Merchant
        fields = ("id", "name")


def told_with_screen(refusal):
    refusal.facts |= {"what_to_do": _("Please log in first.")}
    return refusal


@extend_schema(exclude=True)  # reads whatever it is sent
class OrderView(APIView):
    """Writes a row and says so, in the manner that the address names."""

    runs = 0
    parser_classes = (JSONParser, PhotoFormParser)

    @writes(RowSerializer, rows_to_see, needs_key=True, explains=told_with_screen)
    def post(self, user, found):
        OrderView.runs += 1
        self.run = OrderView.runs
        return getattr(self, self.kwargs["manner"])(self.request)

    @writes(RowSerializer, rows_to_see, many=True)
    def put(self, user, found):
        OrderView.runs += 1
        return [write_row("row1"), write_row("row2")]

    @writes(nothing, needs_key=True)
    def delete(self, user):
        write_row("gone")

    @writes(nothing, keeps=False)
    def patch(self, user):
        OrderView.runs += 1
        return Response({"run": OrderView.runs})

    def order(self, request):
        return Response(RowSerializer(write_row(f"row{self.run}")).data, status=201)

    def check(self, request):
        body = OrderSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        return self.order(request)

    def refuse(self, request):
        write_row(f"attempt{self.run}")
        with transaction.atomic():  # as a service does
            write_row(f"undone{self.run}")
            raise OutOfStock(run=self.run)

    def fail(self, request):
        write_row(f"row{self.run}")
        if self.run == 1:
            raise RuntimeError
        return self.order(request)

    def unavailable(self, request):
        write_row(f"row{self.run}")
        if self.run == 1:
            return Response(status=503)
        return self.order(request)

    def throttle(self, request):
        write_row(f"row{self.run}")
        if self.run == 1:
            raise exceptions.Throttled
        return self.order(request)

    def read(self, request):
        return Response(RowSerializer(write_row(str(len(request.data["photo"].read())))).data)

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
    may_see.set()


@pytest.fixture
def li():
    return User.objects.create(username="li", name="李雷")


@pytest.fixture
def han():
    return User.objects.create(username="han", name="韩梅梅")


def send(user, manner="order", body=None, *, key="k1", method="post", query="", language="en"):
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user)
    headers = {"Accept-Language": language} | ({} if key is None else {"Idempotency-Key": key})
    address = f"/orders/{manner}{query}"
    return getattr(client, method)(address, body or {}, format="json", headers=headers)


def test_the_same_request_gets_the_same_answer_and_nothing_is_done(li):
    first, again = send(li), send(li)

    assert first.status_code == again.status_code == 201
    assert first.json()["name"] == "row1"
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert rows() == {"row1"}


def test_an_answer_that_is_asked_for_again_tells_how_things_stand_today(li):
    send(li)
    Merchant.objects.update(name="renamed")

    again = send(li)

    assert (again.status_code, again.json()["name"]) == (201, "renamed")


def test_nothing_that_an_answer_says_is_kept(li):
    first = send(li)

    (kept,) = OwnIdempotencyKey.objects.values()
    assert str(kept["about"][0]) == first.json()["id"]
    assert "row1" not in str(kept)


@pytest.mark.parametrize(
    ("manner", "body", "query", "typed"),
    [
        ("check", {"colour": "王小明 13800138000"}, "", "13800138000"),  # is quoted in the refusal
        ("check", {"amount": 13800138000}, "", "13800138000"),
        ("order", {"phone": "13800138000"}, "?name=wang", "wang"),
        ("refuse", {"text": "secret"}, "?text=secret", "secret"),
    ],
)
def test_nothing_that_was_typed_is_kept_to_be_read_or_guessed(li, manner, body, query, typed):
    first = send(li, manner, body, query=query)

    (kept,) = OwnIdempotencyKey.objects.values()
    assert typed not in str(kept)
    assert ascii(typed)[1:-1] not in str(kept)
    assert hashlib.sha256(JSONRenderer().render(body)).hexdigest() not in str(kept)
    assert send(li, manner, body, query=query).json() == first.json()


@pytest.mark.parametrize("manner", ["order", "refuse"])
def test_who_may_see_it_no_more_gets_404_and_nothing_of_it(li, manner):
    send(li, manner)
    may_see.clear()

    again = send(li, manner)

    assert (again.status_code, again.json().keys()) == (404, {"type", "title", "status", "code"})
    assert "Idempotency-Replayed" not in again


def test_a_list_is_told_in_its_order_without_what_is_no_longer_seen(li):
    first = send(li, method="put").json()
    assert send(li, method="put").json() == first

    Merchant.objects.filter(name="row1").delete()

    assert send(li, method="put").json() == first[1:]
    assert OrderView.runs == 1


def test_of_a_list_of_which_nothing_is_seen_there_is_none(li):
    send(li, method="put")
    may_see.clear()

    assert send(li, method="put").status_code == 404


def test_where_a_key_may_be_left_out_each_request_is_another(li):
    send(li, method="put", key=None)
    send(li, method="put", key=None)

    assert OrderView.runs == 2
    assert not OwnIdempotencyKey.objects.exists()


def test_what_may_be_repeated_takes_a_key_and_keeps_nothing_of_it(li):
    assert [send(li, method="patch").json()["run"] for _ in range(2)] == [1, 2]
    assert send(li, method="patch", key="two words").json()["code"] == "idempotency_key_invalid"
    assert not OwnIdempotencyKey.objects.exists()


def test_a_refusal_is_told_again_in_the_language_asked_for_then(li):
    send(li, "refuse", language="en")

    again = send(li, "refuse", language="zh-hans").json()

    assert again["title"] == again["what_to_do"] == "请先登录。"


# --- forms ------------------------------------------------------------------------------------
def send_form(user, boundary="one", manner="order", **fields):
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(user)
    return client.generic(
        "POST",
        f"/orders/{manner}",
        encode_multipart(boundary, fields),
        f"multipart/form-data; boundary={boundary}",
        headers={"Idempotency-Key": "k1"},
    )


def photo(content=b"\xff\xd8", name="photo.jpg"):
    return SimpleUploadedFile(name, content)


def test_a_form_that_is_sent_again_with_another_boundary_is_the_same_form(li):
    first = send_form(li, text="井盖", photo=photo())
    again = send_form(li, "another", photo=photo(name="again.jpg"), text="井盖")

    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    assert rows() == {"row1"}


@pytest.mark.parametrize(
    "other",
    [
        {"text": "井盖松动", "photo": photo()},
        {"text": "井盖", "photo": photo(b"\xff\xd9")},
        {"text": "井盖"},
        {"text": ["井盖", ""], "photo": photo()},
        {"words": "井盖", "photo": photo()},
        {"text": photo("井盖".encode()), "photo": photo()},
    ],
)
def test_another_form_is_another_request(li, other):
    send_form(li, text="井盖", photo=photo())

    assert send_form(li, **other).json()["code"] == "idempotency_key_reused"


def test_a_form_is_read_by_the_view_after_it_was_told_from_others(li):
    assert send_form(li, manner="read", photo=photo(b"x" * 3_000_000)).json()["name"] == "3000000"


def test_a_broken_form_is_refused_and_uses_up_no_key(li):
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(li)
    broken = client.generic(
        "POST",
        "/orders/order",
        b"--one",
        "multipart/form-data; boundary=",
        headers={"Idempotency-Key": "k1"},
    )

    assert (broken.status_code, broken.json()["code"]) == (400, "malformed")
    assert send_form(li, text="井盖").status_code == 201


def test_an_answer_without_a_body_is_replayed_without_one(li):
    first, again = send(li, method="delete"), send(li, method="delete")

    assert again["Idempotency-Replayed"] == "true"
    assert (again.status_code, again.content) == (204, b"")
    assert first.headers.get("Content-Type") == again.headers.get("Content-Type")


def test_another_key_or_another_person_is_another_request(li, han):
    answers = [send(li), send(li, key="k2"), send(han)]

    assert [answer.json()["name"] for answer in answers] == ["row1", "row2", "row3"]


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
    assert not OwnIdempotencyKey.objects.exists()

    assert send(li, manner).json()["name"] == "row2"
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
    OwnIdempotencyKey.objects.exclude(key__in=["k5", "k6"]).update(created_at=old)

    tasks.forget_old_idempotency_keys()

    assert set(OwnIdempotencyKey.objects.values_list("key", flat=True)) == {"k5", "k6"}
    tasks.forget_old_idempotency_keys()
    assert OwnIdempotencyKey.objects.count() == 2
