"""When points expire: a volunteer sees what is hers, staff all of it, a manager decides."""

from datetime import date, timedelta

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backend.audit.models import AuditEntry
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.ids import new_id
from points.expiry import services as expiry
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.models import ExpiryPolicy, Transfer

EXPIRY = "/api/v1/communities/lake/expiry"
POLICY = {"kind": "months", "months": 12, "at_least_days": 60, "valid_from": "2100-01-01"}
Y2024, Y2030 = date(2024, 12, 31), date(2030, 12, 31)


@pytest.fixture
def earn(lake):
    """Gives somebody points that expire: ``earn(wang, 100, Y2024)``."""

    def give(user, points, until):
        return ledger.post(
            ledger.Movement(
                debit=ledger.account(community=lake, kind=AccountKind.ISSUANCE),
                credit=ledger.wallet(community=lake, person_id=user.pk),
                amount=points,
                key=f"gift:{new_id()}",
                reason="gift",
                source=f"test:gift:{new_id()}",
                expires_on=until,
            )
        )

    return give


@pytest.fixture
def office(person, logged_in, lake):
    """Log in a person with a role, at the lake by default: ``office(Role.MANAGER)``."""

    def log_in(role, place=lake):
        user = person(f"{role}-at-{place.code}", "何书记")
        roles.give(user=user, community=place, role=role)
        return logged_in(user)

    return log_in


def set_policy(client, body, key="k1"):
    headers = {"Idempotency-Key": key}
    return client.post(f"{EXPIRY}/policies", body, headers=headers)


def brief(community):
    return {"id": str(community.pk), "code": community.code, "name": community.name}


def test_i_see_what_of_mine_expires_when(wang, li, earn, logged_in):
    earn(wang, 100, Y2030)
    earn(wang, 30, date(2029, 6, 30))
    earn(wang, 7, None)
    earn(li, 7, Y2030)

    wallet = logged_in(wang).get("/api/v1/me/wallets/lake").json()

    assert wallet["expiring"] == [
        {"expires_on": "2029-06-30", "points": 30},
        {"expires_on": "2030-12-31", "points": 100},
    ]


def test_what_is_over_is_gone_though_nothing_has_taken_it(wang, earn, logged_in):
    earn(wang, 100, Y2024)
    earn(wang, 30, Y2030)
    client = logged_in(wang)

    (listed,) = client.get("/api/v1/me/wallets").json()["results"]
    wallet = client.get("/api/v1/me/wallets/lake").json()

    assert wallet == listed | {"expiring": [{"expires_on": "2030-12-31", "points": 30}]}
    assert (wallet["balance"], wallet["available"]) == (30, 30)


def test_what_came_in_says_until_when_it_can_be_spent(wang, earn, logged_in):
    gift = earn(wang, 100, Y2030)
    client = logged_in(wang)

    (line,) = client.get("/api/v1/me/wallets/lake/transfers").json()["results"]
    explained = client.get(f"/api/v1/me/transfers/{gift.pk}").json()

    assert line["expires_on"] == explained["expires_on"] == "2030-12-31"


def test_i_see_what_i_owe(lake, wang, earn, logged_in):
    hours = earn(wang, 100, Y2030)
    wallet = ledger.wallet(community=lake, person_id=wang.pk)
    shop = ledger.account(community=lake, kind=AccountKind.MERCHANT)
    spent = ledger.Movement(
        debit=wallet, credit=shop, amount=60, key="tea", reason="redemption", source="test:tea"
    )
    ledger.post(spent)
    ledger.reverse(
        community_id=lake.pk,
        transfer_id=hours.pk,
        key="void",
        reason="correction",
        source="undo:void",
    )

    wallet = logged_in(wang).get("/api/v1/me/wallets/lake").json()

    assert (wallet["available"], wallet["shortfall"], wallet["expiring"]) == (0, 60, [])


def test_what_expired_explains_itself_to_who_lost_it(lake, wang, earn, logged_in):
    earn(wang, 100, Y2024)
    expiry.expire(community=lake)
    lost = Transfer.objects.get(reason="expiry")

    body = logged_in(wang).get(f"/api/v1/me/transfers/{lost.pk}").json()

    assert (body["amount"], body["occurred_at"]) == (-100, "2024-12-31T16:00:00Z")
    assert body["explanation"] == {
        "expires_on": "2024-12-31",
        "available": 100,
        "kept": 0,
        "points": 100,
    }


@pytest.mark.parametrize("role", [Role.STAFF, Role.MANAGER, Role.AUDITOR])
def test_staff_see_the_policy_what_has_expired_and_what_will(lake, wang, li, earn, office, role):
    street = places.found(code="street", name="湖滨街道", kind=Community.Kind.STREET)
    lake.parent = street
    lake.save(update_fields=["parent"])
    expiry.set_policy(community=street, kind="never", valid_from=date(2024, 1, 1))
    expiry.set_policy(community=lake, kind="months", months=6, valid_from=date(2100, 1, 1))
    for user in (wang, li):
        earn(user, 100, Y2024)
        earn(user, 30, Y2030)
    expiry.expire(community=lake)
    last = Transfer.objects.filter(reason="expiry").latest("posted_at")

    response = office(role).get(EXPIRY)

    assert response.status_code == 200
    assert response.json() == {
        "in_force": {
            "kind": "never",
            "months": None,
            "at_least_days": 90,
            "valid_from": "2024-01-01",
            "place": brief(street),
        },
        "upcoming": [
            {
                "kind": "months",
                "months": 6,
                "at_least_days": 90,
                "valid_from": "2100-01-01",
                "place": brief(lake),
            }
        ],
        "last_runs": [
            {
                "expires_on": "2024-12-31",
                "wallets": 2,
                "points": 200,
                "ran_at": last.posted_at.isoformat().replace("+00:00", "Z"),
            }
        ],
        "next": {"expires_on": "2030-12-31", "wallets": 2, "points": 60},
    }


def test_where_nothing_was_decided_points_last_until_the_end_of_the_next_year(lake, office):
    assert office(Role.STAFF).get(EXPIRY).json() == {
        "in_force": {
            "kind": "end_of_next_year",
            "months": None,
            "at_least_days": 90,
            "valid_from": None,
            "place": None,
        },
        "upcoming": [],
        "last_runs": [],
        "next": None,
    }


def test_the_newest_twelve_runs_are_shown(lake, wang, earn, office):
    for month in range(1, 15):
        earn(wang, 1, date(2023 + month // 13, (month - 1) % 12 + 1, 1))
    expiry.expire(community=lake)

    runs = office(Role.STAFF).get(EXPIRY).json()["last_runs"]

    assert len(runs) == 12
    assert (runs[0]["expires_on"], runs[-1]["expires_on"]) == ("2024-02-01", "2023-03-01")


def test_a_manager_decides_once(lake, office):
    manager = office(Role.MANAGER)

    first, again = (set_policy(manager, POLICY) for _ in range(2))
    same = set_policy(manager, POLICY, key="k2")

    assert (first.status_code, again.status_code, same.status_code) == (201, 201, 201)
    assert first.json() == again.json() == same.json() == {**POLICY, "place": brief(lake)}
    assert again.headers["Idempotency-Replayed"] == "true"
    policy = ExpiryPolicy.objects.get()
    assert (policy.community, policy.kind, policy.months) == (lake, "months", 12)
    entry = AuditEntry.objects.get(action="expiry_policy.set")
    assert (entry.actor.name, entry.target_id) == ("何书记", str(policy.pk))
    assert (entry.before, entry.after) == ({}, POLICY)


def test_a_policy_begins_today_at_the_earliest(lake, office):
    manager = office(Role.MANAGER)
    today = timezone.now().astimezone(lake.clock).date()
    body = {"kind": "never", "valid_from": (today - timedelta(days=1)).isoformat()}

    refused = set_policy(manager, body)
    accepted = set_policy(manager, body | {"valid_from": today.isoformat()}, key="k2")

    assert (refused.status_code, refused.json()["code"]) == (400, "rule_backdated")
    assert refused.json()["today"] == today.isoformat()
    assert accepted.status_code == 201


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"months": None}, 400, "expiry_policy_invalid"),
        ({"kind": "never"}, 400, "expiry_policy_invalid"),
        ({"kind": "sometimes"}, 400, "invalid_input"),
        ({"months": 0}, 400, "invalid_input"),
        ({"months": 121}, 400, "invalid_input"),
        ({"at_least_days": -1}, 400, "invalid_input"),
        ({"at_least_days": 367}, 400, "invalid_input"),
        ({"valid_from": "soon"}, 400, "invalid_input"),
    ],
)
def test_what_is_no_policy_is_refused(office, change, status, code):
    response = set_policy(office(Role.MANAGER), POLICY | change)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not ExpiryPolicy.objects.exists()


def test_a_decision_needs_an_idempotency_key(office):
    response = set_policy(office(Role.MANAGER), POLICY, key=None)

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")


def test_to_everybody_else_it_is_closed(lake, hill, wang, office, logged_in):
    volunteer, staff = logged_in(wang), office(Role.STAFF)
    next_door = office(Role.MANAGER, hill)

    answers = [
        *(client.get(EXPIRY) for client in (volunteer, next_door)),
        *(set_policy(client, POLICY) for client in (volunteer, staff, next_door)),
    ]

    assert {(a.status_code, a.json()["code"]) for a in answers} == {(404, "community_unknown")}
    assert APIClient().get(EXPIRY).status_code == 401
    assert set_policy(APIClient(), POLICY).status_code == 401
    assert not ExpiryPolicy.objects.exists()
