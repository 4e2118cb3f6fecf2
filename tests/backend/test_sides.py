"""Staff who work for a merchant decide nothing about it, in any operation of merchants.

A new operation that staff succeed with must refuse staff who work there, or be listed below with
the reason why not.
"""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.urls import resolve
from django.utils import timezone

from backend.accounts.models import User
from merchants.models import Merchant, MerchantMember
from tests.backend.test_permissions import rows_told
from tests.backend.walks import ask, operations
from tests.long import IS_LONG

WRITES = ("POST", "PUT", "PATCH", "DELETE")
# What is about no merchant, or leaves out those on whose side the caller is; the rest of it is
# tests/merchants/test_sides.py.
ABOUT_NO_MERCHANT = {
    "cards_block_create": "a volunteer's card, which its maker does not redeem",
    "communities_cards_create": "likewise",
    "campaigns_close_create": "a pool of points that volunteers gave",
    "campaigns_disbursements_create": "likewise",
    "communities_campaigns_create": "likewise",
    "communities_bank_batches_create": "leaves out what is owed to their own",
    "communities_statements_create": "leaves out their own",
    "invitations_accept_create": "as a person, who comes to work there",
    "invitations_accept_as_new_create": "likewise",
    "invitations_look_create": "likewise",
    "wishes_decision_create": "no merchant yet; which one may adopt it is asked then",
}

# What its owner does as one, at the same address as staff; who left owns nothing.
AS_OWNERS = {
    "needs_close_create",
    "offers_listed_create",
    "offers_picture_create",
    "offers_picture_destroy",
    "offers_stock_create",
    "partnerships_needs_create",
    "partnerships_resources_create",
    "redemptions_refunds_create",
    "resources_close_create",
    "statements_questions_answer_create",
    "statements_questions_create",
}


def rows_of(town, names):
    """Every thing of the lake's that an address may be about, one after the other."""
    values = [{}]
    for name in names:
        values = [{**one, name: row} for one in values for row in town.rows["lake"][name]]
    return values


def addresses(town):
    """(operationId, request) of each write about merchants with which the lake's staff succeed."""
    told = rows_told()
    for operation_id, method, path, names in operations():
        if method not in WRITES or told[operation_id, False]["staff"] != "ok":
            continue
        for values in rows_of(town, names):
            address = path.format(**values)
            if not resolve(address).func.__module__.startswith("merchants."):
                break
            body = town.bodies["lake"].get(f"{method} {path}")
            request = method, address, body, town.headers["staff"]
            cache.clear()
            if ask(*request).status_code < 300:
                yield operation_id, request
                break


@pytest.mark.slow
def test_who_works_or_lately_worked_there_does_nothing_that_staff_do_about_it(town):
    staff = User.objects.get(username="staff")
    by_staff = dict(addresses(town))
    assert len(by_staff) > 20
    assert set(ABOUT_NO_MERCHANT) <= set(by_staff)
    shops = Merchant.objects.all()
    for days in (None, 0, 89) if IS_LONG else (None, 89):
        MerchantMember.objects.filter(user=staff).delete()
        MerchantMember.objects.bulk_create(
            MerchantMember(
                merchant=shop,
                user=staff,
                role=MerchantMember.Role.OWNER,
                since_at=timezone.now() - timedelta(days=100),
                ended_at=None if days is None else timezone.now() - timedelta(days=days),
            )
            for shop in shops
        )
        refused = {}
        for operation_id, request in by_staff.items():
            cache.clear()
            answer = ask(*request)
            refused[operation_id] = answer.status_code < 300 or answer.json()["code"]

        allowed = {name for name, code in refused.items() if code != "own_merchant"}
        assert allowed == set(ABOUT_NO_MERCHANT) | (AS_OWNERS if days is None else set()), days
