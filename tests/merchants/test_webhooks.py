"""Merchants' own systems are told: signed, in order, until it arrives, and nobody else's."""

import json
from datetime import timedelta

import pytest
from django.conf import settings as house
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from backend.ids import new_id
from backend.outbox import kinds
from backend.outbox import services as outbox
from backend.outbox.tasks import sweep_outbox, work_outbox
from backend.webhooks import errors, queue, tasks
from backend.webhooks import services as webhooks
from backend.webhooks.api import PingThrottle
from backend.webhooks.models import Delivery, Endpoint, Silence
from merchants.partners.selectors import first_community_of
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement
from merchants.webhooks.services import EVENTS
from tests.standins.webhook_receiver import Receiver

Status = Delivery.Status
ATTEMPTS = len(kinds.WAITS) + 1


@pytest.fixture
def receiver(settings):
    """A merchant's own system, on this machine."""
    receiver = Receiver()
    settings.WEBHOOK_ALLOWED = [receiver.name]
    settings.WEBHOOK_TIMEOUT_SECONDS = 0.3
    yield receiver
    receiver.stop()


@pytest.fixture
def endpoint(shop, zhou, receiver) -> Endpoint:
    endpoint, receiver.secret = webhooks.create(
        owner_id=shop.pk, url=f"http://{receiver.name}/hook", by=zhou
    )
    return endpoint


@pytest.fixture
def told(lake, endpoint):
    """A delivery about something of its own: ``told()``, or in a state, so many days ago."""

    def make(status=Status.PENDING, days=0, to=endpoint, event="ping") -> Delivery:
        happened_at = timezone.now() - timedelta(days=days)
        return Delivery.objects.create(
            community=lake,
            endpoint=to,
            event=event,
            object_id=new_id(),
            ordering_id=new_id(),
            happened_at=happened_at,
            next_at=happened_at if status == Status.PENDING else None,
            status=status,
        )

    return make


@pytest.fixture
def sweep(_tasks_run_at_once):
    """Everything that is owed is due now, also to who gave no answer, and tried."""

    def run():
        Delivery.objects.filter(status=Status.PENDING).update(next_at=timezone.now())
        Silence.objects.update(until_at=timezone.now())
        sweep_outbox()

    return run


def claim(delivery):
    """As a worker does before it asks the receiver."""
    where = {"community_id": delivery.community_id, "pk": delivery.pk}
    return next(iter(outbox.claim(kinds.registered["webhook"], where)), None)


def heard(receiver):
    """The events that arrived and were rightly signed, in their order."""
    assert all(is_right for _, _, is_right in receiver.journal)
    return [json.loads(body)["type"] for _, body, _ in receiver.journal]


def test_what_happens_at_the_counter_and_in_the_office_is_told(
    lake, endpoint, receiver, redeemed, chen, zhao, person, sweep, tea, tea_house
):
    line = redeemed("2024-03-05 10:00", quantity=2)
    sweep()
    refunds.refund(redemption=line, refunded_by=zhao, reason="茶凉了", quantity=1, is_late=True)
    (statement,) = settlement.draft(
        community=lake,
        period_start=lake.today.replace(year=2024, month=3, day=1),
        period_end=lake.today.replace(year=2024, month=4, day=1),
    )
    settlement.approve(statement=statement, approver=zhao)
    settlement.mark_paid(statement=statement, payer=person("qian"))
    for _ in range(3):  # of one object one after the other
        sweep()

    told = heard(receiver)
    assert told[:2] == ["redemption.redeemed", "redemption.refunded"]
    assert [event for event in told if event.startswith("statement")] == [
        "statement.drafted",
        "statement.approved",
        "statement.paid",
    ]
    for _, body, _ in receiver.journal:
        facts = json.loads(body)["data"]
        named = (facts["community_id"], facts["partnership_id"])
        assert named == (str(lake.pk), str(tea_house.pk))
    headers, body, _ = receiver.journal[0]
    assert json.loads(body)["data"] == {
        "community_id": str(lake.pk),
        "partnership_id": str(tea_house.pk),
        "redemption_id": str(line.pk),
        "offer_id": str(tea.pk),
        "quantity": 2,
        "price_points": 60,
        "amount_fen": 600,
        "redeemed_at": "2024-03-05T02:00:00+00:00",
    }
    first = Delivery.objects.earliest("happened_at")
    assert headers["webhook-id"] == str(first.pk)
    assert (first.status, first.http_status, first.attempts) == (Status.DELIVERED, 204, 1)
    assert first.pk.version == 7


def test_where_nobody_listens_nothing_is_owed(shop, zhou, redeemed, endpoint):
    webhooks.switch(endpoint=endpoint, is_active=False, by=zhou)
    redeemed("2024-03-05 10:00")
    assert not Delivery.objects.exists()

    webhooks.switch(endpoint=endpoint, is_active=True, by=zhou)
    redeemed("2024-03-05 11:00")
    assert Delivery.objects.count() == 1


def test_what_is_rolled_back_is_not_told(endpoint, wang, chen, tea, shop, grant_points):
    grant_points(wang, 30)
    voucher = redemption.take(offer=tea, volunteer=wang)
    with transaction.atomic():
        redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
        assert Delivery.objects.exists()
        transaction.set_rollback(True)

    assert not Delivery.objects.exists()


@pytest.mark.parametrize(
    ("answer", "http_status", "reason"),
    [
        (500, 500, ""),
        (302, 302, ""),
        (404, 404, ""),
        ("cut", None, "not HTTP"),
        ("garbage", None, "not HTTP"),
        ("silent", None, "TimeoutError"),
    ],
)
def test_what_did_not_arrive_is_told_again_under_the_same_id(
    endpoint, receiver, redeemed, sweep, answer, http_status, reason
):
    redeemed("2024-03-05 10:00")
    receiver.answers = [answer]
    sweep()
    owed = Delivery.objects.get()
    assert (owed.status, owed.http_status, owed.reason) == (Status.PENDING, http_status, reason)
    assert owed.next_at > timezone.now()
    sweep_outbox()  # not yet
    assert len(receiver.journal) == 1

    sweep()

    assert heard(receiver) == ["redemption.redeemed"] * 2
    assert len({headers["webhook-id"] for headers, _, _ in receiver.journal}) == 1
    assert Delivery.objects.get().status == Status.DELIVERED


def test_of_one_object_nothing_overtakes(endpoint, receiver, redeemed, zhao, sweep):
    line = redeemed("2024-03-05 10:00")
    refunds.refund(redemption=line, refunded_by=zhao, reason="茶凉了", is_late=True)
    redeemed("2024-03-05 11:00")
    receiver.answers = [500, 500, 500]

    for _ in range(4):
        sweep()

    told = heard(receiver)
    assert told.index("redemption.refunded") > 1
    last = [json.loads(body)["data"]["redemption_id"] for _, body, _ in receiver.journal]
    assert last.count(str(line.pk)) >= 2
    assert set(Delivery.objects.values_list("status", flat=True)) == {Status.DELIVERED}


def test_what_never_arrives_is_given_up_and_the_address_switched_off(
    endpoint, receiver, redeemed, sweep
):
    redeemed("2024-03-05 10:00")
    receiver.answers = [500] * (ATTEMPTS + 1)

    for _ in range(ATTEMPTS + 1):
        sweep()

    assert len(receiver.journal) == ATTEMPTS
    assert Delivery.objects.get().status == Status.FAILED
    endpoint.refresh_from_db()
    assert endpoint.disabled_reason == "failing"


def test_it_can_all_be_told_once_more(endpoint, receiver, redeemed, sweep):
    redeemed("2024-03-05 10:00")
    redeemed("2024-03-05 11:00")
    sweep()
    one = Delivery.objects.earliest("happened_at")

    assert webhooks.redeliver(delivery=one).status == Status.PENDING
    sweep()
    assert len(receiver.journal) == 3
    hour_ago = timezone.now() - timedelta(hours=1)
    assert webhooks.redeliver_since(endpoint=endpoint, since=hour_ago) == 2
    assert webhooks.redeliver_since(endpoint=endpoint, since=timezone.now()) == 0
    sweep()

    assert len(receiver.journal) == 5
    bodies = {}
    for headers, body, _ in receiver.journal:
        bodies.setdefault(headers["webhook-id"], set()).add(body)
    assert [len(sent) for sent in bodies.values()] == [1, 1]


# --- what is told -----------------------------------------------------------------------------
@pytest.fixture
def paid(lake, zhao, person):
    """A statement of March 2024: drafted, approved and paid before anything of it was sent."""

    def pay():
        (statement,) = settlement.draft(
            community=lake,
            period_start=lake.today.replace(year=2024, month=3, day=1),
            period_end=lake.today.replace(year=2024, month=4, day=1),
        )
        settlement.approve(statement=statement, approver=zhao)
        settlement.mark_paid(statement=statement, payer=person("qian"))
        statement.refresh_from_db()
        return statement

    return pay


def test_an_event_tells_what_was_so_when_it_happened_however_late_it_is_sent(
    endpoint, receiver, redeemed, zhao, sweep, paid
):
    line = redeemed("2024-03-05 10:00", quantity=2)
    refunds.refund(redemption=line, refunded_by=zhao, reason="茶凉了", quantity=1, is_late=True)
    statement = paid()

    for _ in range(3):
        sweep()

    told = {json.loads(body)["type"]: json.loads(body)["data"] for _, body, _ in receiver.journal}
    assert told["redemption.redeemed"]["quantity"] == 2
    numbers = {
        event: (told[event]["status"], told[event]["number_in_year"], told[event]["digest"])
        for event in ("statement.drafted", "statement.approved", "statement.paid")
    }
    assert numbers == {
        "statement.drafted": ("draft", None, ""),
        "statement.approved": ("approved", statement.number_in_year, statement.digest),
        "statement.paid": ("paid", statement.number_in_year, statement.digest),
    }
    assert told["statement.drafted"].keys() == told["statement.paid"].keys()


OTHER = {
    "uuid": "id",
    "timestamp with time zone": "'2024-01-01Z'",
    "date": "{} + 1",
    "varchar(64)": "'x' || substr({}, 2)",  # no digit of a digest
}


def test_every_fact_is_final_from_its_event_on(lake, redeemed, zhao, paid):
    """Facts are read when they are first sent, so the database has to refuse to change them."""
    line = redeemed("2024-03-05 10:00", quantity=2)
    refund = refunds.refund(
        redemption=line, refunded_by=zhao, reason="茶凉了", quantity=1, is_late=True
    )
    (statement,) = settlement.draft(
        community=lake,
        period_start=lake.today.replace(year=2024, month=3, day=1),
        period_end=lake.today.replace(year=2024, month=4, day=1),
    )
    assert_final("redemption.redeemed", line)
    assert_final("redemption.refunded", refund)
    assert_final("statement.drafted", statement)
    assert_final("statement.questioned", statement)
    settlement.approve(statement=statement, approver=zhao)
    assert_final("statement.approved", statement)
    assert EVENTS["statement.paid"].facts == EVENTS["statement.approved"].facts


def assert_final(event, row):
    """Check that no fact of ``event`` in ``row`` can be changed, not even by SQL."""
    for column in set(EVENTS[event].facts.values()) - {"pk"}:
        field = row._meta.get_field(column)
        other = OTHER.get(field.db_type(connection), "{} - 1").format(field.column)
        statement = f"UPDATE {row._meta.db_table} SET {field.column} = {other} WHERE id = %s"
        with (
            pytest.raises(DatabaseError, match=r"Cannot update|modifying the partition value"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement, [row.pk])


@pytest.mark.parametrize("event", ["statement.paid", "redemption.redeemed", "nothing.of_ours"])
def test_an_event_of_which_nothing_is_left_is_given_up(endpoint, receiver, told, sweep, event):
    owed = told(event=event)

    sweep()

    owed.refresh_from_db()
    assert (owed.status, owed.reason, owed.body) == (Status.FAILED, "gone", "")
    assert receiver.journal == []
    endpoint.refresh_from_db()
    assert endpoint.disabled_at is None


def test_what_another_worker_wrote_first_is_sent(endpoint, receiver, redeemed):
    redeemed("2024-03-05 10:00")
    slow = claim(Delivery.objects.get())
    Delivery.objects.update(body="{}")

    assert webhooks._body_of(slow) == "{}"


def ping(endpoint):
    return webhooks.ping(endpoint=endpoint, community_id=first_community_of(endpoint.owner_id))


def pinged(endpoint, receiver, sweep, secret):
    """Whether a receiver that knows ``secret`` believes us."""
    receiver.secret = secret
    ping(endpoint)
    sweep()
    return receiver.journal[-1][2]


def test_while_secrets_change_each_signs_for_a_day_after_it_was_replaced(
    endpoint, receiver, zhou, sweep, monkeypatch
):
    first = receiver.secret
    _, second = webhooks.rotate_secret(endpoint=endpoint, by=zhou)
    _, third = webhooks.rotate_secret(endpoint=endpoint, by=zhou)  # before anybody knew the second

    assert all(pinged(endpoint, receiver, sweep, one) for one in (first, second, third))

    later = timezone.now() + webhooks.OVERLAP
    monkeypatch.setattr(webhooks.timezone, "now", lambda: later)
    Delivery.objects.update(status="delivered")
    endpoint.refresh_from_db()
    assert list(endpoint.old_secrets(later)) == []


def test_a_secret_is_told_again_until_a_delivery_that_it_alone_signed_was_taken(
    endpoint, receiver, zhou, sweep, shop, logged_in
):
    office = logged_in(zhou)
    address = f"/api/v1/merchants/{shop.pk}/webhooks/{endpoint.pk}/secret"
    lost, found = (office.post(address, headers={"Idempotency-Key": "k"}) for _ in range(2))
    secret = found.json()["secret"]
    assert (found.status_code, secret) == (200, lost.json()["secret"])
    assert pinged(endpoint, receiver, sweep, secret)
    # The old one signed beside it: who took that delivery may know the old one alone.
    assert office.post(address, headers={"Idempotency-Key": "k"}).json()["secret"] == secret

    Endpoint.objects.update(old_secrets_encrypted="")  # a day later
    assert pinged(endpoint, receiver, sweep, secret)

    again = office.post(address, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.json()["secret"]) == (200, None)


def test_a_key_of_before_tells_the_secret_that_is_in_use(endpoint, zhou, shop, logged_in):
    office = logged_in(zhou)
    address = f"/api/v1/merchants/{shop.pk}/webhooks/{endpoint.pk}/secret"
    office.post(address, headers={"Idempotency-Key": "lost"})
    newest = office.post(address, headers={"Idempotency-Key": "another"}).json()["secret"]

    assert office.post(address, headers={"Idempotency-Key": "lost"}).json()["secret"] == newest


def test_a_worker_that_dies_half_way_leaves_it_to_the_next(endpoint, receiver, redeemed, sweep):
    redeemed("2024-03-05 10:00")
    assert claim(Delivery.objects.get()) is not None  # and was killed
    sweep_outbox()
    assert receiver.journal == []  # it may be at it still

    sweep()  # a minute later

    assert heard(receiver) == ["redemption.redeemed"]


# --- who gives no answer ----------------------------------------------------------------------
def test_who_gives_no_answer_is_asked_about_one_thing_and_then_about_the_rest(
    endpoint, receiver, told, sweep
):
    first, *others = [told() for _ in range(3)]
    receiver.answers = ["silent"]
    for _ in range(2):
        sweep_outbox()

    assert len(receiver.journal) == 1
    tries = Delivery.objects.order_by("happened_at").values_list("attempts", "reason")
    assert list(tries) == [(1, "TimeoutError"), (0, ""), (0, "")]

    sweep()  # it answers again

    assert set(Delivery.objects.values_list("status", flat=True)) == {Status.DELIVERED}
    sent = [headers["webhook-id"] for headers, _, _ in receiver.journal]
    assert sorted(sent) == sorted(str(one.pk) for one in (first, first, *others))
    assert not Silence.objects.exists()


def test_who_gives_no_answer_is_left_alone_longer_each_time(endpoint, receiver, told, sweep):
    for _ in range(6):
        told()
    receiver.answers = ["silent"] * 6
    for seconds in (5, 60, 300, 1800, 1800, 1800):
        began = timezone.now()
        sweep()
        waits = (Silence.objects.get().until_at - began).total_seconds()
        assert seconds <= waits <= seconds * 1.1 + 60

    assert len(receiver.journal) == 6


def test_who_refuses_did_give_an_answer(endpoint, receiver, told, sweep):
    told()
    receiver.answers = ["silent", 500, 500]
    sweep()
    told()
    sweep()

    assert len(receiver.journal) == 3
    assert not Silence.objects.exists()


@pytest.mark.parametrize("how", ["ping", "switch"])
@pytest.mark.usefixtures("_tasks_run_at_once")
def test_who_mended_it_need_not_wait(endpoint, receiver, told, zhou, how):
    told()
    receiver.answers = ["silent"]
    sweep_outbox()
    told()
    sweep_outbox()
    assert len(receiver.journal) == 1

    if how == "ping":
        ping(endpoint)
    else:
        for is_active in (False, True):
            webhooks.switch(endpoint=endpoint, is_active=is_active, by=zhou)
    sweep_outbox()

    assert len(receiver.journal) > 1


@pytest.mark.django_db(transaction=True)
def test_who_gave_no_answer_is_asked_by_one_worker_at_a_time(told, at_once):
    owed = [told() for _ in range(4)]
    Silence.objects.create(endpoint=owed[0].endpoint, times=1, until_at=timezone.now())

    claimed = at_once(4, lambda number: claim(owed[number]))

    assert len([one for one in claimed if one]) == 1
    assert Delivery.objects.filter(attempts=0).count() == 3


def test_those_that_were_asked_together_are_one_silence(endpoint, told):
    asked = [claim(told()) for _ in range(4)]

    for one in asked:
        queue.heed_silence(one, is_silent=True)

    assert Silence.objects.get(endpoint=endpoint).times == 1


def test_a_sweep_queues_the_earliest_few_of_an_address_until_the_next_sweep(
    lake, endpoint, shop, zhou, told, receiver, monkeypatch
):
    queued = {}
    monkeypatch.setattr(
        work_outbox,
        "apply_async",
        lambda arguments, *, expires, queue: queued.update({str(arguments): (arguments, expires)}),
    )
    other, _ = webhooks.create(owner_id=shop.pk, url=f"http://{receiver.name}/other", by=zhou)
    few = [told() for _ in range(11)][:10]
    one = told(to=other)

    sweep_outbox()

    queued = [(*arguments, expires) for arguments, expires in queued.values()]
    queued = [each for each in queued if each[0] == "webhook"]
    shares = [{"community_id": str(lake.pk), "endpoint_id": str(to.pk)} for to in (endpoint, other)]
    by_lot = sorted(queued, key=lambda each: shares.index(each[1]))
    assert by_lot == [("webhook", share, house.SWEEP_SECONDS) for share in shares]
    for kind, share, _ in queued:
        work_outbox(kind, share)
    tried = Delivery.objects.filter(attempts=1)
    assert {delivery.pk for delivery in tried} == {owed.pk for owed in (*few, one)}


@pytest.mark.django_db(transaction=True)
def test_workers_at_one_delivery_send_it_once(lake, endpoint, receiver, redeemed, at_once):
    redeemed("2024-03-05 10:00")
    delivery = Delivery.objects.get()

    at_once(4, lambda _: outbox.attempt("webhook", community_id=lake.pk, pk=delivery.pk))

    assert heard(receiver) == ["redemption.redeemed"]


def test_a_name_that_means_a_private_address_by_now_is_not_asked(
    endpoint, receiver, redeemed, settings, sweep
):
    redeemed("2024-03-05 10:00")
    settings.WEBHOOK_ALLOWED = []
    sweep()

    assert receiver.journal == []
    assert Delivery.objects.get().reason == "webhook_url_refused"


# --- what is refused --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("https://127.0.0.1/hook", errors.WebhookAddressRefused),
        ("https://169.254.169.254/latest/meta-data", errors.WebhookAddressRefused),
        ("http://8.8.8.8/hook", errors.WebhookUrlRefused),
        ("https://nobody.invalid/hook", errors.WebhookHostUnknown),
    ],
)
def test_an_address_that_is_not_for_webhooks(shop, zhou, url, refusal):
    with pytest.raises(refusal):
        webhooks.create(owner_id=shop.pk, url=url, by=zhou)


def test_an_address_is_told_once_and_there_are_five_at_most(shop, zhou):
    for number in range(5):
        webhooks.create(owner_id=shop.pk, url=f"https://8.8.8.8/{number}", by=zhou)
    with pytest.raises(errors.WebhookKnown):
        webhooks.create(owner_id=shop.pk, url="https://8.8.8.8/0", by=zhou)
    with pytest.raises(errors.TooManyWebhooks):
        webhooks.create(owner_id=shop.pk, url="https://8.8.8.8/6", by=zhou)


def test_only_addresses_that_are_switched_on_count(shop, zhou):
    made = [
        webhooks.create(owner_id=shop.pk, url=f"https://8.8.8.8/{number}", by=zhou)[0]
        for number in range(5)
    ]
    webhooks.switch(endpoint=made[0], is_active=False, by=zhou)
    webhooks.create(owner_id=shop.pk, url="https://8.8.8.8/6", by=zhou)

    with pytest.raises(errors.TooManyWebhooks):
        webhooks.switch(endpoint=made[0], is_active=True, by=zhou)

    webhooks.switch(endpoint=made[1], is_active=True, by=zhou)  # it is on already
    webhooks.switch(endpoint=made[1], is_active=False, by=zhou)
    assert webhooks.switch(endpoint=made[0], is_active=True, by=zhou).disabled_at is None


@pytest.mark.django_db(transaction=True)
def test_of_two_switched_on_at_once_one_is_the_fifth(shop, zhou, at_once):
    made = [
        webhooks.create(owner_id=shop.pk, url=f"https://8.8.8.8/{number}", by=zhou)[0]
        for number in range(5)
    ]
    webhooks.switch(endpoint=made[0], is_active=False, by=zhou)
    made.append(webhooks.create(owner_id=shop.pk, url="https://8.8.8.8/6", by=zhou)[0])
    webhooks.switch(endpoint=made[5], is_active=False, by=zhou)

    def switch_on(number):
        webhooks.switch(endpoint=made[number * 5], is_active=True, by=zhou)

    assert at_once(2, switch_on).count("too_many_webhooks") == 1
    assert Endpoint.objects.filter(disabled_at__isnull=True).count() == 5


# --- what is forgotten ------------------------------------------------------------------------
def test_what_happened_long_ago_is_forgotten_once_it_is_done(told, monkeypatch):
    monkeypatch.setattr(webhooks, "BATCH", 2)
    for _ in range(3):
        told(Status.DELIVERED, 91)
    told(Status.FAILED, 91)
    kept = {told(Status.PENDING, 91).pk, told(Status.DELIVERED, 89).pk, told(Status.FAILED, 89).pk}

    for _ in range(2):
        tasks.forget_old_webhooks()

        assert set(Delivery.objects.values_list("pk", flat=True)) == kept


@pytest.mark.parametrize(("status", "days"), [(Status.PENDING, 91), (Status.DELIVERED, 89)])
def test_nothing_else_is_forgotten_by_anybody(told, status, days):
    kept = told(status, days)

    with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
        Delivery.objects.filter(pk=kept.pk).delete()


@pytest.mark.parametrize(
    "altered",
    [
        "DELETE FROM webhooks_delivery",
        "UPDATE webhooks_delivery SET event = 'x'",
        "UPDATE webhooks_delivery SET object_id = id",
        "UPDATE webhooks_delivery SET ordering_id = id",
        "UPDATE webhooks_delivery SET body = '{}'",
        "UPDATE webhooks_delivery SET body = ''",
    ],
)
def test_what_was_told_never_changes(endpoint, redeemed, sweep, altered):
    redeemed("2024-03-05 10:00")
    sweep()
    with (
        pytest.raises(DatabaseError, match="Cannot"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(altered)


def test_owners_look_after_their_addresses(shop, zhou, redeemed, logged_in, settings):
    office = logged_in(zhou)
    address = f"/api/v1/merchants/{shop.pk}/webhooks"
    made = office.post(address, {"url": "https://8.8.8.8/hook"})
    assert made.status_code == 201
    endpoint = made.json()
    assert endpoint.pop("secret").startswith("whsec_")
    assert office.get(address).json()["results"] == [endpoint]
    refused = office.post(address, {"url": "https://10.0.0.1/hook"})
    assert (refused.status_code, refused.json()["code"]) == (400, "webhook_address_refused")
    one = f"{address}/{endpoint['id']}"
    assert office.get(one).json() == endpoint
    assert office.post(f"{one}/secret").json()["secret"].startswith("whsec_")
    assert office.post(f"{one}/ping").status_code == 201
    redeemed("2024-03-05 10:00")
    told = office.get(f"{one}/deliveries").json()["results"]
    assert [delivery["body"] for delivery in told] == ["", ""]
    assert [delivery["event"] for delivery in told] == ["redemption.redeemed", "ping"]
    assert office.get(f"{one}/deliveries/{told[0]['id']}").json() == told[0]
    again = office.post(f"{one}/deliveries/{told[0]['id']}/redeliver")
    assert (again.status_code, again.json()["status"]) == (200, "pending")
    since = {"since": "2024-01-01T00:00:00+08:00"}
    assert office.post(f"{one}/redeliver", since).json() == {"deliveries": 2}
    off = office.post(f"{one}/switch", {"is_active": False}).json()
    assert (off["disabled_reason"], off["disabled_at"] is None) == ("owner", False)


def test_an_owner_does_not_ping_without_end(endpoint, zhou, shop, logged_in, monkeypatch):
    assert PingThrottle.rate == "10/hour"
    monkeypatch.setattr(PingThrottle, "rate", "1/hour")
    office = logged_in(zhou)
    address = f"/api/v1/merchants/{shop.pk}/webhooks/{endpoint.pk}/ping"

    answers = [office.post(address) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 429]
    assert answers[1].json()["code"] == "throttled"
    assert Delivery.objects.count() == 1
