"""One order of refusals, whichever door a redemption comes by: the earlier one is told."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from backend.errors import Refusal
from merchants.models import Device, MerchantMember, Offer, Partnership, Redemption, ScanAttempt
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import cards, offline, pay_codes, shop_codes, voucher_tokens
from merchants.redemption.services import vouchers as redemption
from points.models import Transfer

NOWHERE = "ZZZZZZZZZZZZ"
HOUR = timedelta(hours=1)


class Counter:
    """Where a voucher is brought, by whom, and what stands against it so far."""

    def __init__(self, *, voucher, tea, shop, clerk, volunteer, stranger, noodles, community):
        self.voucher, self.tea, self.community = voucher, tea, community
        self.volunteer, self.stranger, self.clerk = volunteer, stranger, clerk
        self.shop, self.noodles = shop, noodles
        self.issuer = stranger
        self.quantity = None
        self.is_unknown = self.is_tampered = False
        self.code_ends = timezone.now() + 12 * HOUR

    def update(self, **changes):
        Redemption.objects.filter(pk=self.voucher.pk).update(**changes)

    # --- what stands against it ---------------------------------------------------------------
    def too_many(self):
        self.quantity = 5

    def device_is_retired(self):
        now = timezone.now()
        Device.objects.update(retired_at=now - 30 * 24 * HOUR, retired_by=self.volunteer)

    def has_run_out(self):
        self.code_ends = timezone.now() - HOUR
        self.update(expires_at=self.code_ends)

    def told_too_late(self):
        self.update(offline_until=timezone.now() - HOUR / 2)

    def cancel_was_asked(self):
        self.update(cancel_asked_at=timezone.now())

    def needs_signal(self):
        self.update(offline_until=None)

    def was_used(self):
        transfer = Transfer.objects.first()
        self.update(status="redeemed", closed_at=timezone.now(), transfer=transfer)

    def was_cancelled(self):
        self.update(status="cancelled", closed_at=timezone.now())

    def was_given_back(self):
        self.update(status="expired", closed_at=timezone.now())

    def issued_the_card(self):
        self.issuer = self.clerk

    def is_their_own(self):
        role = MerchantMember.Role.CLERK
        for partnership in (self.shop, self.noodles):
            partners.employ(merchant=partnership.merchant, user=self.volunteer, role=role)
        self.clerk = self.volunteer

    def is_elsewhere(self):
        self.shop = self.noodles

    def is_no_code(self):
        self.is_unknown = True

    def is_altered(self):
        self.is_tampered = True

    def works_nowhere(self):
        self.clerk = self.stranger

    # --- the doors ----------------------------------------------------------------------------
    def scan(self):
        code = NOWHERE if self.is_unknown else self.voucher.code
        return redemption.scan(
            merchant_id=self.shop.merchant_id,
            clerk=self.clerk,
            code=self.token() if self.is_tampered else code,
            quantity=self.quantity,
        )

    def confirm(self):
        self.voucher.refresh_from_db()
        code = NOWHERE if self.is_unknown else self.shop.shop_code
        return shop_codes.confirm(voucher=self.voucher, shop_code=code)

    def tell(self):
        device = Device.objects.get(merchant=self.shop.merchant)
        nonce = str(ScanAttempt.objects.count())
        told = offline.Told(nonce=nonce, code=self.token(), device_time=timezone.now())
        (attempt,) = offline.tell(device=device, clerk=self.clerk, scans=[told])
        return attempt

    def pay_code(self):
        code = pay_codes.show(volunteer=self.volunteer, community=self.community).code
        return pay_codes.pay(
            merchant=self.shop.merchant,
            clerk=self.clerk,
            code=NOWHERE if self.is_unknown else code,
            items={self.tea.pk: 1},
        )

    def card(self):
        issued = cards.issue(
            community=self.community, volunteer_id=self.volunteer.pk, by=self.issuer
        )
        return cards.pay_by_code(
            merchant=self.shop.merchant,
            clerk=self.clerk,
            code=NOWHERE if self.is_unknown else issued.code,
            pin=None if self.is_unknown else issued.pin,
            items={self.tea.pk: 1},
        )

    def shop_payment(self):
        code = NOWHERE if self.is_unknown else self.shop.shop_code
        return shop_codes.pay(volunteer=self.volunteer, shop_code=code, items={self.tea.pk: 1})

    def token(self):
        signed = Redemption.objects.select_related("partnership", "offer", "community").get()
        if self.is_unknown:
            signed.code = NOWHERE
        token = voucher_tokens._encode(signed, self.code_ends)
        altered = "A" if token[-9] != "A" else "B"
        return token[:-9] + altered + token[-8:] if self.is_tampered else token


# What may stand against a redemption, in the order in which it is told; statuses shut each other
# out. A door meets those that name it.
EVERY = {"scan", "confirm", "tell"}  # with a voucher
ANEW = {"pay_code", "card", "shop_payment"}
ORDER = [
    ("merchant_unknown", Counter.works_nowhere, {"scan", "tell", "pay_code", "card"}),
    ("code_tampered", Counter.is_altered, {"scan", "tell"}),
    ("code_unknown", Counter.is_no_code, EVERY | ANEW),
    ("not_your_merchant", Counter.is_elsewhere, EVERY),
    ("own_voucher", Counter.is_their_own, EVERY | ANEW),
    ("card_issuer", Counter.issued_the_card, {"card"}),
    ("code_used", Counter.was_used, EVERY),
    ("code_cancelled", Counter.was_cancelled, EVERY),
    ("code_expired", Counter.was_given_back, EVERY),
    ("voucher_not_offline", Counter.needs_signal, {"tell"}),
    ("code_cancelled", Counter.cancel_was_asked, EVERY),
    ("code_expired", Counter.told_too_late, {"tell"}),
    ("code_expired", Counter.has_run_out, EVERY),
    ("device_retired", Counter.device_is_retired, {"tell"}),
    ("quantity_too_large", Counter.too_many, {"scan"}),
]
OTHER_STATUSES = {Counter.was_cancelled, Counter.was_given_back}  # than the one that stays


@pytest.fixture
def counter(lake, wang, li, chen, zhou, tea, tea_house, grant_points):
    grant_points(wang, 100)
    Offer.objects.filter(pk=tea.pk).update(scans_offline=True)
    tea.refresh_from_db()
    noodles = partners.sign_contract(
        community=lake, name="面馆", trade="餐饮", fen_per_point=12, is_donated=False
    )
    partners.employ(merchant=noodles.merchant, user=chen, role=MerchantMember.Role.CLERK)
    for shop in (tea_house, noodles):
        shop_codes.renew(partnership=shop, by=zhou)
        offline.register_device(merchant=shop.merchant, name="前台", by=zhou)
    now = timezone.now()
    Device.objects.update(registered_at=now - 60 * 24 * HOUR)
    voucher = redemption.take(offer=tea, volunteer=wang)
    voucher_tokens.sign(voucher)
    long_ago = now - 40 * 24 * HOUR
    Redemption.objects.update(taken_at=long_ago, signed_at=long_ago, signed_until=None)
    return Counter(
        voucher=Redemption.objects.select_related("partnership", "volunteer").get(),
        tea=tea,
        shop=Partnership.objects.get(pk=tea_house.pk),
        noodles=Partnership.objects.get(pk=noodles.pk),
        clerk=chen,
        volunteer=wang,
        stranger=li,
        community=lake,
    )


def outcome_of(counter, door):
    """Return the outcome and its record; a clerk of no shop leaves no record."""
    before = ScanAttempt.objects.count()
    try:
        answer = getattr(counter, door)()
        told = getattr(answer, "outcome", "redeemed")
    except Refusal as refusal:
        told = refusal.code
    recorded = ScanAttempt.objects.order_by("-pk")[: ScanAttempt.objects.count() - before]
    outcomes = [attempt.outcome for attempt in recorded]
    nothing = told == "merchant_unknown" or (door, told) == ("shop_payment", "code_unknown")
    assert outcomes == ([] if nothing else [told])
    return told


@pytest.mark.parametrize("door", ["scan", "confirm", "tell", "pay_code", "card", "shop_payment"])
def test_the_earlier_refusal_is_told_by_every_door(counter, door, books):
    """Obstacles are put up one after the other, from the last to the first."""
    before = books(counter.volunteer)
    for code, put_up, doors in reversed(ORDER):
        if door not in doors:
            continue
        with transaction.atomic():
            put_up(counter)
            assert outcome_of(counter, door) == code, put_up.__name__
            if put_up in OTHER_STATUSES:
                transaction.set_rollback(True)
    assert books(counter.volunteer) == before


@pytest.mark.parametrize("door", ["scan", "confirm", "tell", "pay_code", "card", "shop_payment"])
def test_with_nothing_against_it_every_door_redeems(counter, door, books):
    assert outcome_of(counter, door) == "redeemed"
    assert books(counter.volunteer)["merchants"] == 30
