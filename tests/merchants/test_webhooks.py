"""Merchants' own systems are told: signed, in order, until it arrives, and nobody else's."""

import json
from datetime import timedelta

import pytest
from django.conf import settings as house
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from backend.ids import new_id
from backend.webhooks import schedule
from backend.webhooks.errors import WebhookAddressRefused, WebhookHostUnknown, WebhookUrlRefused
from merchants.models import WebhookDelivery, WebhookEndpoint
from merchants.partners import errors, tasks
from merchants.partners.api.webhooks import PingThrottle
from merchants.partners.services import webhooks
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement
from tests.standins.webhook_receiver import Receiver

State = WebhookDelivery.State


@pytest.fixture
def receiver(settings):
    """A merchant's own system, on this machine."""
    receiver = Receiver()
    settings.WEBHOOK_ALLOWED = [receiver.name]
    settings.WEBHOOK_TIMEOUT_SECONDS = 0.3
    yield receiver
    receiver.stop()


@pytest.fixture
def endpoint(shop, zhou, receiver) -> WebhookEndpoint:
    endpoint, receiver.secret = webhooks.register(
        merchant=shop, url=f"http://{receiver.name}/hook", by=zhou
    )
    return endpoint


@pytest.fixture
def told(lake, endpoint):
    """A delivery about something of its own: ``told()``, or in a state, so many days ago."""

    def make(state=State.PENDING, days=0, to=endpoint) -> WebhookDelivery:
        happened_at = timezone.now() - timedelta(days=days)
        return WebhookDelivery.objects.create(
            community=lake,
            endpoint=to,
            event="statement.paid",
            object_id=new_id(),
            data={},
            happened_at=happened_at,
            next_at=happened_at,
            state=state,
        )

    return make


@pytest.fixture
def sweep(_tasks_run_at_once):
    """Everything that is owed is due now, also to who gave no answer, and tried."""

    def run():
        WebhookDelivery.objects.filter(state=State.PENDING).update(next_at=timezone.now())
        WebhookEndpoint.objects.update(silent_until=None)
        tasks.sweep_webhooks()

    return run


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
    first = WebhookDelivery.objects.earliest("happened_at")
    assert headers["webhook-id"] == str(first.pk)
    assert (first.state, first.last_status, first.attempts) == (State.DELIVERED, 204, 1)
    assert first.pk.version == 7


def test_where_nobody_listens_nothing_is_owed(shop, zhou, redeemed, endpoint):
    webhooks.set_active(endpoint=endpoint, is_active=False, by=zhou)
    redeemed("2024-03-05 10:00")
    assert not WebhookDelivery.objects.exists()

    webhooks.set_active(endpoint=endpoint, is_active=True, by=zhou)
    redeemed("2024-03-05 11:00")
    assert WebhookDelivery.objects.count() == 1


def test_what_is_rolled_back_is_not_told(endpoint, wang, chen, tea, shop, grant_points):
    grant_points(wang, 30)
    voucher = redemption.take(offer=tea, volunteer=wang)
    with transaction.atomic():
        redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
        assert WebhookDelivery.objects.exists()
        transaction.set_rollback(True)

    assert not WebhookDelivery.objects.exists()


@pytest.mark.parametrize(
    ("answer", "status", "trouble"),
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
    endpoint, receiver, redeemed, sweep, answer, status, trouble
):
    redeemed("2024-03-05 10:00")
    receiver.answers = [answer]
    sweep()
    owed = WebhookDelivery.objects.get()
    assert (owed.state, owed.last_status, owed.trouble) == (State.PENDING, status, trouble)
    assert owed.next_at > timezone.now()
    tasks.sweep_webhooks()  # not yet
    assert len(receiver.journal) == 1

    sweep()

    assert heard(receiver) == ["redemption.redeemed"] * 2
    assert len({headers["webhook-id"] for headers, _, _ in receiver.journal}) == 1
    assert WebhookDelivery.objects.get().state == State.DELIVERED


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
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {State.DELIVERED}


def test_what_never_arrives_is_given_up_and_the_address_switched_off(
    endpoint, receiver, redeemed, sweep
):
    redeemed("2024-03-05 10:00")
    receiver.answers = [500] * (schedule.ATTEMPTS + 1)

    for _ in range(schedule.ATTEMPTS + 1):
        sweep()

    assert len(receiver.journal) == schedule.ATTEMPTS
    assert WebhookDelivery.objects.get().state == State.FAILED
    endpoint.refresh_from_db()
    assert endpoint.disabled_because == "failing"


def test_it_can_all_be_told_once_more(endpoint, receiver, redeemed, sweep):
    redeemed("2024-03-05 10:00")
    redeemed("2024-03-05 11:00")
    sweep()
    one = WebhookDelivery.objects.earliest("happened_at")

    assert webhooks.repeat(delivery=one).state == State.PENDING
    sweep()
    assert len(receiver.journal) == 3
    hour_ago = timezone.now() - timedelta(hours=1)
    assert webhooks.repeat_since(endpoint=endpoint, since=hour_ago) == 2
    assert webhooks.repeat_since(endpoint=endpoint, since=timezone.now()) == 0
    sweep()

    assert len(receiver.journal) == 5


def pinged(endpoint, receiver, sweep, secret):
    """Whether a receiver that knows ``secret`` believes us."""
    receiver.secret = secret
    webhooks.ping(endpoint=endpoint)
    sweep()
    return receiver.journal[-1][2]


def test_while_secrets_change_each_signs_for_a_day_after_it_was_replaced(
    endpoint, receiver, zhou, sweep, monkeypatch
):
    first = receiver.secret
    _, second = webhooks.renew_secret(endpoint=endpoint, by=zhou)
    _, third = webhooks.renew_secret(endpoint=endpoint, by=zhou)  # before anybody knew the second

    assert all(pinged(endpoint, receiver, sweep, one) for one in (first, second, third))

    later = timezone.now() + webhooks.OVERLAP
    monkeypatch.setattr(webhooks.timezone, "now", lambda: later)
    WebhookDelivery.objects.update(state="delivered")
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

    WebhookEndpoint.objects.update(old_secrets_encrypted="")  # a day later
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
    assert webhooks._claim(WebhookDelivery.objects.get().pk) is not None  # and was killed
    tasks.sweep_webhooks()
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
        tasks.sweep_webhooks()

    assert len(receiver.journal) == 1
    tries = WebhookDelivery.objects.order_by("happened_at").values_list("attempts", "trouble")
    assert list(tries) == [(1, "TimeoutError"), (0, ""), (0, "")]

    sweep()  # it answers again

    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {State.DELIVERED}
    sent = [headers["webhook-id"] for headers, _, _ in receiver.journal]
    assert sorted(sent) == sorted(str(one.pk) for one in (first, first, *others))
    endpoint.refresh_from_db()
    assert (endpoint.silences, endpoint.silent_until) == (0, None)


def test_who_gives_no_answer_is_left_alone_longer_each_time(endpoint, receiver, told, sweep):
    for _ in range(6):
        told()
    receiver.answers = ["silent"] * 6
    for seconds in (5, 60, 300, 1800, 1800, 1800):
        began = timezone.now()
        sweep()
        endpoint.refresh_from_db()
        waits = (endpoint.silent_until - began).total_seconds()
        assert seconds <= waits <= seconds * 1.1 + 60

    assert len(receiver.journal) == 6


def test_who_refuses_did_give_an_answer(endpoint, receiver, told, sweep):
    told()
    receiver.answers = ["silent", 500, 500]
    sweep()
    told()
    sweep()

    assert len(receiver.journal) == 3
    endpoint.refresh_from_db()
    assert (endpoint.silences, endpoint.silent_until) == (0, None)


@pytest.mark.parametrize("how", ["ping", "switch"])
@pytest.mark.usefixtures("_tasks_run_at_once")
def test_who_mended_it_need_not_wait(endpoint, receiver, told, zhou, how):
    told()
    receiver.answers = ["silent"]
    tasks.sweep_webhooks()
    told()
    tasks.sweep_webhooks()
    assert len(receiver.journal) == 1

    if how == "ping":
        webhooks.ping(endpoint=endpoint)
    else:
        for is_active in (False, True):
            webhooks.set_active(endpoint=endpoint, is_active=is_active, by=zhou)
    tasks.sweep_webhooks()

    assert len(receiver.journal) > 1


@pytest.mark.django_db(transaction=True)
def test_who_gave_no_answer_is_asked_by_one_worker_at_a_time(told, at_once):
    owed = [told() for _ in range(4)]
    WebhookEndpoint.objects.update(silences=1, silent_until=timezone.now())

    claimed = at_once(4, lambda number: webhooks._claim(owed[number].pk))

    assert len([one for one in claimed if one]) == 1
    assert WebhookDelivery.objects.filter(attempts=0).count() == 3


def test_those_that_were_asked_together_are_one_silence(endpoint, told):
    asked = [webhooks._claim(told().pk) for _ in range(4)]

    for one in asked:
        webhooks._heed_silence(one, is_silent=True)

    endpoint.refresh_from_db()
    assert endpoint.silences == 1


def test_a_sweep_queues_the_earliest_few_of_an_address_until_the_next_sweep(
    endpoint, shop, zhou, told, receiver, monkeypatch
):
    queued = {}
    monkeypatch.setattr(
        tasks.deliver_webhook,
        "apply_async",
        lambda arguments, *, expires: queued.update({arguments[0]: expires}),
    )
    other, _ = webhooks.register(merchant=shop, url=f"http://{receiver.name}/other", by=zhou)
    few = [told() for _ in range(11)][:10]
    one = told(to=other)

    tasks.sweep_webhooks()

    assert queued == {str(owed.pk): house.SWEEP_SECONDS for owed in (*few, one)}


@pytest.mark.django_db(transaction=True)
def test_workers_at_one_delivery_send_it_once(endpoint, receiver, redeemed, at_once):
    redeemed("2024-03-05 10:00")
    delivery = WebhookDelivery.objects.get()

    at_once(4, lambda _: webhooks.deliver(delivery_id=delivery.pk))

    assert heard(receiver) == ["redemption.redeemed"]


def test_a_name_that_means_a_private_address_by_now_is_not_asked(
    endpoint, receiver, redeemed, settings, sweep
):
    redeemed("2024-03-05 10:00")
    settings.WEBHOOK_ALLOWED = []
    sweep()

    assert receiver.journal == []
    assert WebhookDelivery.objects.get().trouble == "webhook_url_refused"


# --- what is refused --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("https://127.0.0.1/hook", WebhookAddressRefused),
        ("https://169.254.169.254/latest/meta-data", WebhookAddressRefused),
        ("http://8.8.8.8/hook", WebhookUrlRefused),
        ("https://nobody.invalid/hook", WebhookHostUnknown),
    ],
)
def test_an_address_that_is_not_for_webhooks(shop, zhou, url, refusal):
    with pytest.raises(refusal):
        webhooks.register(merchant=shop, url=url, by=zhou)


def test_an_address_is_told_once_and_there_are_five_at_most(shop, zhou):
    for number in range(5):
        webhooks.register(merchant=shop, url=f"https://8.8.8.8/{number}", by=zhou)
    with pytest.raises(errors.WebhookKnown):
        webhooks.register(merchant=shop, url="https://8.8.8.8/0", by=zhou)
    with pytest.raises(errors.TooManyWebhooks):
        webhooks.register(merchant=shop, url="https://8.8.8.8/6", by=zhou)


def test_only_addresses_that_are_switched_on_count(shop, zhou):
    made = [
        webhooks.register(merchant=shop, url=f"https://8.8.8.8/{number}", by=zhou)[0]
        for number in range(5)
    ]
    webhooks.set_active(endpoint=made[0], is_active=False, by=zhou)
    webhooks.register(merchant=shop, url="https://8.8.8.8/6", by=zhou)

    with pytest.raises(errors.TooManyWebhooks):
        webhooks.set_active(endpoint=made[0], is_active=True, by=zhou)

    webhooks.set_active(endpoint=made[1], is_active=True, by=zhou)  # it is on already
    webhooks.set_active(endpoint=made[1], is_active=False, by=zhou)
    assert webhooks.set_active(endpoint=made[0], is_active=True, by=zhou).disabled_at is None


@pytest.mark.django_db(transaction=True)
def test_of_two_switched_on_at_once_one_is_the_fifth(shop, zhou, at_once):
    made = [
        webhooks.register(merchant=shop, url=f"https://8.8.8.8/{number}", by=zhou)[0]
        for number in range(5)
    ]
    webhooks.set_active(endpoint=made[0], is_active=False, by=zhou)
    made.append(webhooks.register(merchant=shop, url="https://8.8.8.8/6", by=zhou)[0])
    webhooks.set_active(endpoint=made[5], is_active=False, by=zhou)

    def switch_on(number):
        webhooks.set_active(endpoint=made[number * 5], is_active=True, by=zhou)

    assert at_once(2, switch_on).count("too_many_webhooks") == 1
    assert WebhookEndpoint.objects.filter(disabled_at__isnull=True).count() == 5


# --- what is forgotten ------------------------------------------------------------------------
def test_what_happened_long_ago_is_forgotten_once_it_is_done(told, monkeypatch):
    monkeypatch.setattr(webhooks, "BATCH", 2)
    for _ in range(3):
        told(State.DELIVERED, 91)
    told(State.FAILED, 91)
    kept = {told(State.PENDING, 91).pk, told(State.DELIVERED, 89).pk, told(State.FAILED, 89).pk}

    for _ in range(2):
        tasks.forget_old_webhooks()

        assert set(WebhookDelivery.objects.values_list("pk", flat=True)) == kept


@pytest.mark.parametrize(("state", "days"), [(State.PENDING, 91), (State.DELIVERED, 89)])
def test_nothing_else_is_forgotten_by_anybody(told, state, days):
    kept = told(state, days)

    with pytest.raises(DatabaseError, match="Cannot delete"), transaction.atomic():
        WebhookDelivery.objects.filter(pk=kept.pk).delete()


def test_it_is_forgotten_each_night():
    nightly = {part["task"] for part in house.CELERY_BEAT_SCHEDULE.values()}

    assert tasks.forget_old_webhooks.name in nightly


@pytest.mark.parametrize(
    "altered",
    [
        "DELETE FROM merchants_webhookdelivery",
        "UPDATE merchants_webhookdelivery SET event = 'x'",
        "UPDATE merchants_webhookdelivery SET data = '{}'",
    ],
)
def test_what_was_told_never_changes(endpoint, redeemed, altered):
    redeemed("2024-03-05 10:00")
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
    assert office.post(f"{one}/secret").json()["secret"].startswith("whsec_")
    assert office.post(f"{one}/ping").status_code == 201
    redeemed("2024-03-05 10:00")
    told = office.get(f"{one}/deliveries").json()["results"]
    assert [delivery["event"] for delivery in told] == ["redemption.redeemed", "ping"]
    again = office.post(f"{one}/deliveries/{told[0]['id']}/repeat")
    assert (again.status_code, again.json()["state"]) == (200, "pending")
    since = {"since": "2024-01-01T00:00:00+08:00"}
    assert office.post(f"{one}/repeat", since).json() == {"deliveries": 2}
    off = office.post(f"{one}/switch", {"is_active": False}).json()
    assert (off["disabled_because"], off["disabled_at"] is None) == ("owner", False)


def test_an_owner_does_not_ping_without_end(endpoint, zhou, shop, logged_in, monkeypatch):
    assert PingThrottle.rate == "10/hour"
    monkeypatch.setattr(PingThrottle, "rate", "1/hour")
    office = logged_in(zhou)
    address = f"/api/v1/merchants/{shop.pk}/webhooks/{endpoint.pk}/ping"

    answers = [office.post(address) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [201, 429]
    assert answers[1].json()["code"] == "throttled"
    assert WebhookDelivery.objects.count() == 1
