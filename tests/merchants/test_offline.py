"""A counter without signal: what it scans is taken once it is told, or it says why not."""

import base64
import io
import json
from collections import Counter
from datetime import timedelta

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts.services.attempts import CODES
from backend.moving.services import closing
from merchants.models import Device, MerchantMember, Offer, Redemption, ScanAttempt, VoucherKey
from merchants.partners.services import partnerships as partners
from merchants.redemption import errors, tasks
from merchants.redemption.services import offline, voucher_tokens
from merchants.redemption.services import vouchers as redemption
from merchants.redemption.services.offline import Told
from volunteers.models import Volunteer
from volunteers.people.services.people import enrol, leave

HOUR = timedelta(hours=1)


@pytest.fixture
def tea(tea):
    """Scanned without signal as well, and told within a day."""
    Offer.objects.filter(pk=tea.pk).update(scans_offline=True)
    tea.refresh_from_db()
    return tea


@pytest.fixture
def voucher(wang, tea, grant_points) -> Redemption:
    """Of Wang's 100 points."""
    grant_points(wang, 100)
    return redemption.take(offer=tea, volunteer=wang)


@pytest.fixture
def code(voucher) -> str:
    return voucher_tokens.sign(voucher)[0]


@pytest.fixture
def till(shop, zhou, chen):
    """At the counter for a month, as whoever works there."""
    till = offline.register_device(merchant=shop, name="前台", by=zhou)
    a_month_ago = timezone.now() - 30 * 24 * HOUR
    Device.objects.update(registered_at=a_month_ago)
    MerchantMember.objects.update(since_at=a_month_ago)
    till.refresh_from_db()
    return till


@pytest.fixture
def tell(till, chen):
    """Upload one scan and return its record: ``tell(code)``."""

    def told(code, nonce="1", device=till, clerk=chen, at=None):
        scan = Told(nonce=nonce, code=code, device_time=at or timezone.now())
        (attempt,) = offline.tell(device=device, clerk=clerk, scans=[scan])
        return attempt

    return told


def lapse(voucher, ago):
    """Let a voucher expire so long ago, without a sweep."""
    now = timezone.now()
    Redemption.objects.filter(pk=voucher.pk).update(
        taken_at=now - ago - 24 * HOUR,
        signed_at=now - ago - 24 * HOUR,
        expires_at=now - ago,
        offline_until=now - ago + 24 * HOUR,
    )


def signed(voucher, ago) -> str:
    """The code of a voucher that was taken and signed so long ago, good for a day, as it itself."""
    since = (timezone.now() - ago).replace(microsecond=0)
    until = since + 24 * HOUR
    Redemption.objects.filter(pk=voucher.pk).update(
        taken_at=since,
        signed_at=since,
        signed_until=until,
        expires_at=until,
        offline_until=until + 24 * HOUR,
    )
    voucher.refresh_from_db()
    return code_until(voucher, until)


def code_until(voucher, until) -> str:
    key = VoucherKey.objects.get()
    return jwt.encode(
        {
            "sub": voucher.code,
            "aud": str(voucher.partnership.merchant_id),
            "exp": int(until.timestamp()),
            "offer": "TEA",
            "quantity": 1,
        },
        Ed25519PrivateKey.from_private_bytes(key.private_key),
        algorithm="EdDSA",
        headers={"kid": key.kid, "typ": None},
    )


# --- the code -----------------------------------------------------------------------------


def test_a_device_checks_it_with_the_published_keys_and_no_signal(
    logged_in, wang, chen, shop, tea, voucher
):
    shown = logged_in(wang).post(f"/api/v1/me/vouchers/{voucher.pk}/offline-code").json()
    (key,) = logged_in(chen).get(f"/api/v1/merchants/{shop.pk}/voucher-keys").json()["keys"]

    # What a device does: no library of ours, and nothing but what was published.
    signed, _, signature = shown["offline_code"].rpartition(".")
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "===")) for part in signed.split(".")
    )
    assert (key["kty"], key["crv"], key["kid"]) == ("OKP", "Ed25519", header["kid"])
    public = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(key["x"] + "="))
    public.verify(base64.urlsafe_b64decode(signature + "=="), signed.encode())
    assert claims == {
        "sub": voucher.code,
        "aud": str(shop.pk),
        "exp": int(voucher.expires_at.timestamp()),
        "offer": "TEA",
        "quantity": 1,
    }
    assert len(shown["offline_code"]) < 400  # a QR code that an old phone can read


def test_an_offer_that_needs_signal_has_none(logged_in, wang, voucher, tea):
    Offer.objects.filter(pk=tea.pk).update(scans_offline=False)
    tea.refresh_from_db()
    other = redemption.take(offer=tea, volunteer=wang)

    answer = logged_in(wang).post(f"/api/v1/me/vouchers/{other.pk}/offline-code")

    assert (answer.status_code, answer.json()["code"]) == (409, "voucher_not_offline")


def test_with_signal_it_is_scanned_as_any(books, wang, chen, shop, code):
    scanned = redemption.scan(merchant_id=shop.pk, clerk=chen, code=code)

    assert scanned.offer_title == "一壶茶"
    assert books(wang)["merchants"] == 30


@pytest.mark.parametrize(
    ("how", "state"), [("used", "redeemed"), ("cancelled", "cancelled"), ("lapsed", "expired")]
)
def test_what_can_not_be_taken_any_more_is_not_signed(wang, chen, shop, voucher, how, state):
    if how == "used":
        redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
    elif how == "cancelled":
        redemption.cancel(redemption=voucher)
    else:
        lapse(voucher, ago=HOUR)

    with pytest.raises(errors.VoucherStatusWrong) as refused:
        voucher_tokens.sign(voucher)

    assert refused.value.facts == {"current_status": state}


def test_a_code_is_good_for_a_day_though_the_voucher_is_for_longer(voucher, tell):
    week = timezone.now() + 7 * 24 * HOUR
    Redemption.objects.update(expires_at=week, offline_until=week + 24 * HOUR)

    code, until = voucher_tokens.sign(voucher)
    cancelled = redemption.cancel(redemption=voucher)

    assert timezone.now() + 23 * HOUR < until <= timezone.now() + 24 * HOUR
    # Whoever was shown it may take it until it ends, and tell of that for a day.
    assert cancelled.offline_until == until + 24 * HOUR
    assert tell(code).outcome == "redeemed"


def test_keys_that_got_out_are_published_and_taken_no_more(
    lake, wang, chen, shop, voucher, code, tell, logged_in
):
    before = VoucherKey.objects.get()

    call_command("renew_voucher_key", "--community", "lake", "--withdraw", stdout=io.StringIO())

    keys = logged_in(chen).get(f"/api/v1/merchants/{shop.pk}/voucher-keys").json()["keys"]
    assert [key["kid"] for key in keys] == [VoucherKey.objects.latest("pk").kid] != [before.kid]
    assert tell(code).outcome == "code_unknown"
    assert tell(code).outcome == "code_unknown"
    again, _ = voucher_tokens.sign(voucher)
    assert tell(again, nonce="2").outcome == "redeemed"
    with pytest.raises(CommandError, match="nowhere"):
        call_command("renew_voucher_key", "--community", "nowhere")


def test_what_an_older_key_signed_stays_good(lake, tell, code):
    call_command("renew_voucher_key", "--community", "lake", stdout=io.StringIO())

    assert VoucherKey.objects.count() == 2
    assert tell(code).outcome == "redeemed"


# --- telling ------------------------------------------------------------------------------


def test_what_is_told_later_is_taken_once(books, wang, chen, voucher, code, tell):
    first, again = tell(code), tell(code)

    assert (first.outcome, again.pk) == ("redeemed", first.pk)
    voucher.refresh_from_db()
    assert (voucher.status, voucher.redeemed_by) == ("redeemed", chen)
    assert books(wang) == {
        "available": 70, "held": 0, "merchants": 30, "settled": 0, "stock": 4,
    }  # fmt: skip


def test_what_was_told_is_used_with_signal_too(books, wang, chen, shop, voucher, code, tell):
    tell(code)
    before = books(wang)

    for shown in (code, voucher.code):
        with pytest.raises(errors.CodeUsed):
            redemption.scan(merchant_id=shop.pk, clerk=chen, code=shown)

    assert books(wang) == before
    outcomes = ScanAttempt.objects.order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == ["redeemed", "code_used", "code_used"]


@pytest.mark.parametrize("how", ["cancelled", "lapsed", "both"])
def test_an_honest_scan_can_not_fail(books, wang, voucher, code, tell, how):
    """The volunteer and the sweep may do anything between the scan and its upload."""
    scanned_at = timezone.now()
    if how != "lapsed":
        redemption.cancel(redemption=voucher)
    if how != "cancelled":
        lapse(voucher, ago=23 * HOUR)
        scanned_at -= 24 * HOUR
    tasks.sweep_expired_vouchers()
    assert redemption.expire(community_id=voucher.community_id, redemption_id=voucher.pk) is False
    assert books(wang)["held"] == 30

    assert tell(code, at=scanned_at).outcome == "redeemed"
    assert books(wang)["merchants"] == 30


@pytest.mark.parametrize(
    ("cancelled", "status", "refusal"),
    [(False, "expired", "code_expired"), (True, "cancelled", "code_cancelled")],
)
@pytest.mark.parametrize("swept", [True, False])
def test_after_a_day_points_and_stock_are_free(
    books, wang, voucher, code, tell, cancelled, status, refusal, swept
):
    if cancelled:
        redemption.cancel(redemption=voucher)
    lapse(voucher, ago=25 * HOUR)
    if swept:
        assert redemption.expire(community_id=voucher.community_id, redemption_id=voucher.pk)

    attempt = tell(code, at=timezone.now() - 26 * HOUR)

    assert attempt.outcome == refusal
    assert (
        redemption.expire(community_id=voucher.community_id, redemption_id=voucher.pk) is not swept
    )
    voucher.refresh_from_db()
    assert voucher.status == status
    assert books(wang) == {
        "available": 100, "held": 0, "merchants": 0, "settled": 0, "stock": 5,
    }  # fmt: skip


@pytest.mark.plain
def test_a_scan_of_a_community_that_has_moved_away_is_for_the_other_installation(
    lake, voucher, code, tell
):
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or a table can not be fenced
    closing.close(community=lake, to="https://points.example.org")

    scanned = tell(code)

    assert (scanned.outcome, scanned.pk) == ("community_moved", None)
    closing.stay(community=lake)
    assert tell(code).outcome == "redeemed"


def test_another_scan_under_a_nonce_is_not_taken_for_the_first(
    books, wang, tea, shop, voucher, code, tell
):
    other, _ = voucher_tokens.sign(redemption.take(offer=tea, volunteer=wang))
    first = tell(code)

    assert (tell(other).outcome, tell("你好").outcome) == ("scan_nonce_reused",) * 2
    assert tell(other).pk is None  # it is not on record
    assert tell(code).pk == first.pk
    assert books(wang)["held"] == 30
    assert tell(other, nonce="2").outcome == "redeemed"


def test_what_was_taken_is_told_again_alike_after_its_key_was_withdrawn(lake, code, tell):
    first = tell(code)
    voucher_tokens.withdraw_keys(lake)

    assert (tell(code).pk, first.outcome) == (first.pk, "redeemed")


def test_nobody_tells_of_their_own_voucher(books, wang, shop, code, tell):
    partners.employ(merchant=shop, user=wang, role=MerchantMember.Role.CLERK)

    assert tell(code, clerk=wang).outcome == "own_voucher"
    assert tell(code, nonce="2").outcome == "redeemed"  # a colleague may


def test_what_is_told_in_vain_is_no_guess(shop, chen, code, tell):
    unknown = jwt.encode({"sub": "X"}, Ed25519PrivateKey.generate(), algorithm="EdDSA")
    for number in range(CODES.limit):
        assert tell(unknown, nonce=f"{number}").outcome == "code_unknown"

    assert redemption.scan(merchant_id=shop.pk, clerk=chen, code=code).quantity == 1


@pytest.mark.django_db(transaction=True)
def test_two_devices_tell_of_the_same_people_in_other_orders(
    lake, person, zhou, chen, shop, tea, grant_points, at_once
):
    Offer.objects.filter(pk=tea.pk).update(stock=40)
    tea.refresh_from_db()
    people = [person(f"volunteer{number}") for number in range(10)]
    for volunteer in people:
        enrol(user=volunteer, community=lake, kind=Volunteer.Kind.RIDER)
    scans = {}
    for device in range(2):
        scans[device] = []
        for volunteer in people if device else reversed(people):
            grant_points(volunteer, 30)
            code, _ = voucher_tokens.sign(redemption.take(offer=tea, volunteer=volunteer))
            scans[device].append(Told(nonce=code[-9:], code=code, device_time=timezone.now()))
    devices = [offline.register_device(merchant=shop, name=f"{n}", by=zhou) for n in range(2)]
    person_of = [person("clerk0"), person("clerk1")]
    for clerk in person_of:
        partners.employ(merchant=shop, user=clerk, role=MerchantMember.Role.CLERK)

    def upload(number):
        client = APIClient()
        client.force_authenticate(person_of[number])
        body = {
            "device_id": str(devices[number].pk),
            "scans": [
                {"nonce": s.nonce, "code": s.code, "device_time": s.device_time.isoformat()}
                for s in scans[number]
            ],
        }
        answer = client.post(f"/api/v1/merchants/{shop.pk}/offline-scans", body, format="json")
        return Counter(scan["outcome"] for scan in answer.json()["results"])

    assert at_once(2, upload) == [Counter(redeemed=10)] * 2


def test_cancelling_gives_back_a_day_later_and_cancelling_again_no_later(wang, voucher):
    first = redemption.cancel(redemption=voucher).offline_until
    again = redemption.cancel(redemption=voucher)

    assert timezone.now() + 23 * HOUR < first <= timezone.now() + 24 * HOUR
    assert (again.offline_until, again.status) == (first, "held")


@pytest.mark.parametrize("how", ["cancelled", "lapsed"])
def test_with_signal_what_is_cancelled_or_has_run_out_is_refused(
    books, wang, chen, shop, voucher, code, how
):
    if how == "cancelled":
        redemption.cancel(redemption=voucher)
    else:
        lapse(voucher, ago=HOUR)

    refusal = errors.CodeCancelled if how == "cancelled" else errors.CodeExpired
    for shown in (code, voucher.code):
        with pytest.raises(refusal):
            redemption.scan(merchant_id=shop.pk, clerk=chen, code=shown)
    assert books(wang)["held"] == 30
    assert set(ScanAttempt.objects.values_list("outcome", flat=True)) == {refusal.code}


# --- a device's clock -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signed_ago", "claimed_ago", "counts_ago", "mark"),
    [
        (3, timedelta(hours=1), timedelta(hours=1), ""),
        (3, timedelta(hours=3, minutes=4), timedelta(hours=3), ""),
        (3, timedelta(hours=3, minutes=6), timedelta(hours=3), "too_early"),
        (3, timedelta(days=400), timedelta(hours=3), "too_early"),
        (3, timedelta(days=20_000), timedelta(hours=3), "too_early"),
        (3, timedelta(minutes=-4), timedelta(), ""),
        (3, timedelta(minutes=-6), timedelta(), "too_late"),
        (3, timedelta(days=-20_000), timedelta(), "too_late"),
        # It has ended, and may be told of for another day.
        (30, timedelta(hours=7), timedelta(hours=7), ""),
        (30, timedelta(days=400), timedelta(hours=30), "too_early"),
    ],
)
def test_an_honest_scan_counts_though_the_devices_clock_is_wrong(
    books, wang, voucher, code, tell, signed_ago, claimed_ago, counts_ago, mark
):
    now = timezone.now()

    told = tell(signed(voucher, ago=signed_ago * HOUR), at=now - claimed_ago)

    assert (told.outcome, told.clock_mark) == ("redeemed", mark)
    assert told.device_time == now - claimed_ago
    assert abs(told.counts_at - (now - counts_ago)) < timedelta(minutes=1)
    assert told.counts_at <= timezone.now()
    assert books(wang)["merchants"] == 30


@pytest.mark.parametrize(("ahead", "mark"), [(-5 * HOUR, ""), (1_000 * HOUR, "too_late")])
def test_no_clock_makes_a_code_good_again_that_had_ended_for_the_device(
    voucher, code, tell, ahead, mark
):
    told = tell(signed(voucher, ago=30 * HOUR), at=timezone.now() + ahead)

    assert (told.outcome, told.clock_mark) == ("code_expired", mark)


def test_a_code_that_another_followed_existed_before_it(voucher, code, tell):
    now = timezone.now()
    signed(voucher, ago=HOUR)
    first = code_until(voucher, now + 4 * HOUR)  # signed 20 hours ago
    Redemption.objects.update(taken_at=now - 20 * HOUR)

    told = tell(first, at=now - 10 * HOUR)

    assert (told.outcome, told.clock_mark, told.counts_at) == ("redeemed", "", told.device_time)


def test_signing_anew_makes_no_code_older(voucher, code, tell):
    now = timezone.now()
    latest = signed(voucher, ago=HOUR)
    Redemption.objects.update(taken_at=now - 20 * HOUR)

    told = tell(latest, at=now - 10 * HOUR)

    assert (told.outcome, told.clock_mark, told.counts_at) == (
        "redeemed",
        "too_early",
        Redemption.objects.get().signed_at,
    )


def test_no_device_scans_before_it_is_registered(shop, zhou, voucher, code, tell):
    other = offline.register_device(merchant=shop, name="后厨", by=zhou)

    told = tell(signed(voucher, ago=3 * HOUR), device=other, at=timezone.now() - HOUR)

    other.refresh_from_db()
    assert (told.outcome, told.clock_mark, told.counts_at) == (
        "redeemed",
        "too_early",
        other.registered_at,
    )


def test_who_tells_of_before_they_worked_there_is_marked(voucher, code, tell, till, chen):
    MerchantMember.objects.filter(user=chen).update(since_at=timezone.now() - HOUR)

    told = tell(signed(voucher, ago=3 * HOUR), at=timezone.now() - 2 * HOUR)

    assert (told.outcome, told.clock_mark, told.counts_at) == (
        "redeemed",
        "too_early",
        told.device_time,
    )


@pytest.mark.usefixtures("code")
@pytest.mark.parametrize("how", ["left", "cancelled", "told by a clock that is wrong as well"])
def test_a_scan_from_after_it_was_cancelled_counts_and_is_marked(voucher, wang, tell, till, how):
    code = signed(voucher, ago=3 * HOUR)
    if how == "left":
        leave(volunteer=Volunteer.objects.get(user=wang))
    else:
        redemption.cancel(redemption=voucher)
    Redemption.objects.update(cancel_asked_at=timezone.now() - HOUR)

    ahead = 9 * HOUR if "wrong" in how else -HOUR / 2
    told = tell(code, at=timezone.now() + ahead)

    assert (told.outcome, told.clock_mark) == ("redeemed", "too_late")


@pytest.mark.usefixtures("code")
def test_a_scan_from_before_it_was_cancelled_is_not_marked(voucher, tell, till):
    code = signed(voucher, ago=3 * HOUR)
    redemption.cancel(redemption=voucher)

    told = tell(code, at=timezone.now() - HOUR)

    assert (told.outcome, told.clock_mark) == ("redeemed", "")


def test_staff_find_what_a_clock_could_not_have_seen(logged_in, zhao, voucher, code, tell):
    noon = timezone.now() - 400 * 24 * HOUR
    told = tell(code, at=noon)
    desk = logged_in(zhao)

    for query, found in (("marked=true", 1), ("marked=false", 0), ("", 1)):
        rows = desk.get(f"/api/v1/communities/lake/redemptions?{query}").json()["results"]
        assert len(rows) == found
    assert (rows[0]["clock_mark"], rows[0]["device_time"][:10]) == ("too_early", str(noon.date()))
    assert told.clock_mark == "too_early"
    tell(code, nonce="2", at=noon)
    refused = desk.get("/api/v1/communities/lake/refused-scans?marked=true").json()["results"]
    assert [(row["outcome"], row["clock_mark"]) for row in refused] == [("code_used", "too_early")]


# --- what is refused ----------------------------------------------------------------------


def forged(code):
    """Every byte of it changed, one at a time, as far as that is another code."""
    for place in range(len(code) - 1):  # the last character's low bits are padding
        letter = "A" if code[place] != "A" else "B"
        if code[place] != ".":
            yield code[:place] + letter + code[place + 1 :]


def test_a_tampered_byte_is_refused_wherever_it_is(shop, code):
    for altered in forged(code):
        with pytest.raises((errors.CodeTampered, errors.CodeUnknown)):
            voucher_tokens.read(altered, shop.pk)


@pytest.mark.parametrize("kid", ["\0", "\ud800", "0" * 100])
def test_a_key_that_no_column_can_hold_is_unknown(shop, code, kid):
    header = base64.urlsafe_b64encode(json.dumps({"alg": "EdDSA", "kid": kid}).encode()).decode()

    with pytest.raises(errors.CodeUnknown):
        voucher_tokens.read(header.rstrip("=") + code[code.index(".") :], shop.pk)


@pytest.mark.parametrize("algorithm", ["none", "HS256"])
def test_no_other_algorithm_is_taken(shop, voucher, code, algorithm):
    header = jwt.get_unverified_header(code)
    key = VoucherKey.objects.get()
    made = jwt.encode(
        {"sub": voucher.code},
        key.public_key.ljust(64, "=") if algorithm == "HS256" else "",
        algorithm=algorithm,
        headers={"kid": header["kid"]},
    )

    with pytest.raises(errors.CodeTampered):
        voucher_tokens.read(made, shop.pk)


@pytest.fixture
def elsewhere(lake, hill, person):
    """A device and a clerk: ``elsewhere(community)``."""

    def founded(community):
        partnership = partners.sign_contract(
            community=community, name="蜂场", trade="农产", fen_per_point=10, is_donated=False
        )
        clerk = person("feng")
        partners.employ(merchant=partnership.merchant, user=clerk, role=MerchantMember.Role.CLERK)
        device = offline.register_device(merchant=partnership.merchant, name="平板", by=clerk)
        return {"device": device, "clerk": clerk}

    return founded


@pytest.mark.parametrize(
    ("case", "refusal"),
    [
        ("tampered", "code_tampered"),
        ("no token", "code_tampered"),
        ("the voucher's own code", "code_tampered"),
        ("another merchant's", "not_your_merchant"),
        ("another community's", "code_unknown"),
        ("scanned after its end", "code_expired"),
        ("by a device that was out of use before there was the code", "device_retired"),
        ("by a device that was retired", "device_retired"),
        ("redeemed with signal", "code_used"),
    ],
)
def test_what_is_told_in_vain_is_on_record(
    books, lake, hill, wang, chen, zhou, shop, till, voucher, code, tell, elsewhere, case, refusal
):
    options = {}
    if case == "tampered":
        code = code[:-9] + ("A" if code[-9] != "A" else "B") + code[-8:]
    elif case == "no token":
        code = "你好"
    elif case == "the voucher's own code":
        code = voucher.code
    elif case == "another merchant's":
        options = elsewhere(lake)
    elif case == "another community's":
        options = elsewhere(hill)
    elif case == "scanned after its end":
        code = signed(voucher, ago=30 * HOUR)
        options = {"at": timezone.now() - 5 * HOUR}
    elif case == "by a device that was out of use before there was the code":
        retired_at = timezone.now() - HOUR
        Device.objects.update(retired_at=retired_at, retired_by=zhou)
        till.refresh_from_db()
        options = {"at": retired_at - HOUR}
    elif case == "by a device that was retired":
        offline.retire_device(device=till, by=zhou)
        till.refresh_from_db()
    elif case == "redeemed with signal":
        redemption.scan(merchant_id=shop.pk, clerk=chen, code=code)
    before = books(wang)

    attempt = tell(code, **options)

    assert attempt.outcome == refusal
    assert books(wang) == before
    assert ScanAttempt.objects.filter(outcome=refusal).count() == 1


def test_what_a_device_scanned_before_it_was_retired_is_taken(till, zhou, code, tell):
    scanned_at = timezone.now()
    offline.retire_device(device=till, by=zhou)
    till.refresh_from_db()

    assert tell(code, at=scanned_at).outcome == "redeemed"


def test_a_tampered_code_is_refused_with_signal_too(logged_in, chen, shop, voucher, code):
    altered = code[:-9] + ("A" if code[-9] != "A" else "B") + code[-8:]

    answer = logged_in(chen).post(
        f"/api/v1/merchants/{shop.pk}/scans",
        {"code": altered},
        headers={"Idempotency-Key": "k1"},
    )

    assert (answer.status_code, answer.json()["code"]) == (400, "code_tampered")
    assert (answer.json()["colour"], answer.json()["what_to_do"]) == (
        "red",
        "请勿发放，这不是本平台的码。",
    )
    assert ScanAttempt.objects.get().outcome == "code_tampered"


# --- two devices --------------------------------------------------------------------------


def test_two_devices_that_scanned_one_code_are_both_named(
    books, logged_in, wang, chen, zhou, shop, till, voucher, code
):
    other = offline.register_device(merchant=shop, name="后厨", by=zhou)
    noon = timezone.now()
    counter = logged_in(chen)

    def tell(device, minutes):
        body = {
            "device_id": str(device.pk),
            "scans": [
                {
                    "nonce": "7",
                    "code": code,
                    "device_time": (noon + timedelta(minutes=minutes)).isoformat(),
                }
            ],
        }
        return counter.post(
            f"/api/v1/merchants/{shop.pk}/offline-scans",
            body,
            headers={"Idempotency-Key": f"{device.pk}"},
        )

    first, late, repeated = tell(till, 0), tell(other, 2), tell(other, 2)

    assert first.status_code == 201
    assert first.json()["results"][0]["outcome"] == "redeemed"
    (told,) = late.json()["results"]
    assert (told["outcome"], told["device"]["name"]) == ("code_used", "后厨")
    assert told["taken_before"] == {
        "device": "前台",
        "at": noon.isoformat().replace("+00:00", "Z"),
    }
    assert repeated.content == late.content
    listed = counter.get(f"/api/v1/merchants/{shop.pk}/offline-scans").json()["results"]
    assert [scan["device"]["name"] for scan in listed] == ["后厨", "前台"]
    one = counter.get(f"/api/v1/merchants/{shop.pk}/offline-scans/{told['id']}")
    assert one.json() == listed[0] == told
    assert books(wang)["merchants"] == 30


@pytest.mark.django_db(transaction=True)
def test_devices_and_a_sweep_at_once(books, wang, zhou, chen, shop, voucher, code, at_once):
    """Six devices tell of it, twice each, while it is cancelled: one has redeemed it."""
    devices = [
        offline.register_device(merchant=shop, name=f"{number}", by=zhou) for number in range(6)
    ]

    def one(number):
        if number == 12:
            redemption.cancel(redemption=voucher)
            return "cancelled"
        scan = Told(nonce="1", code=code, device_time=timezone.now())
        (attempt,) = offline.tell(device=devices[number % 6], clerk=chen, scans=[scan])
        return attempt.outcome

    outcomes = Counter(at_once(13, one))

    assert outcomes.pop("redeemed") in (1, 2)  # the one that did, and its own repetition
    assert outcomes.pop("cancelled", 0) + outcomes.pop("voucher_status_wrong", 0) == 1
    assert set(outcomes) == {"code_used"}
    assert ScanAttempt.objects.filter(outcome="redeemed").count() == 1
    assert ScanAttempt.objects.count() == 6
    assert books(wang)["merchants"] == 30


# --- devices ------------------------------------------------------------------------------


def test_who_works_there_registers_a_device_and_an_owner_retires_it(
    logged_in, chen, zhou, wang, shop
):
    address = f"/api/v1/merchants/{shop.pk}/devices"
    made = logged_in(chen).post(address, {"name": "前台"}, headers={"Idempotency-Key": "a"})
    assert made.status_code == 201
    retire = f"/api/v1/devices/{made.json()['id']}/retire"

    refused = logged_in(chen).post(retire, headers={"Idempotency-Key": "b"})
    retired = logged_in(zhou).post(retire, headers={"Idempotency-Key": "c"})

    assert (refused.status_code, retired.status_code) == (404, 200)
    assert retired.json()["retired_at"] is not None
    assert logged_in(chen).get(address).json()["results"] == [retired.json()]
    assert logged_in(wang).get(address).status_code == 404
    one = f"/api/v1/devices/{made.json()['id']}"
    assert logged_in(chen).get(one).json() == retired.json()
    assert logged_in(wang).get(one).status_code == 404


# --- fewer than the voucher is for --------------------------------------------------------


def test_fewer_are_handed_out_and_the_rest_is_given_back(books, wang, chen, shop, tea, voucher):
    three = redemption.take(offer=tea, volunteer=wang, quantity=2)

    scanned = redemption.scan(merchant_id=shop.pk, clerk=chen, code=three.code, quantity=1)

    assert (scanned.quantity, scanned.price_points) == (1, 30)
    three.refresh_from_db()
    assert (three.status, three.quantity, three.refunded_quantity) == ("redeemed", 2, 1)
    assert books(wang) == {
        "available": 40, "held": 30, "merchants": 30, "settled": 0, "stock": 3,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("quantity", "before", "refusal"),
    [(3, None, errors.QuantityTooLarge), (1, "scanned", errors.CodeUsed)],
)
def test_more_than_it_is_for_and_what_was_used(
    books, wang, chen, shop, voucher, quantity, before, refusal
):
    if before:
        redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)
    was = books(wang)

    with pytest.raises(refusal):
        redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code, quantity=quantity)

    assert books(wang) == was
    assert ScanAttempt.objects.latest("pk").outcome == refusal.code
