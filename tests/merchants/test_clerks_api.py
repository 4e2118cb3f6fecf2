"""Inviting, accepting and dismissing, over HTTP."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts.services.attempts import CODES
from backend.audit.models import AuditEntry
from merchants.models import Invitation, MerchantMember
from merchants.partners.services import invitations
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import vouchers as redemption

UNKNOWN = UUID("01900000-0000-7000-8000-000000000000")
NEWCOMER = {"name": "孙新人", "username": "sun", "password": "correct horse battery staple"}
Role = MerchantMember.Role


def utc(moment):
    return moment.isoformat().replace("+00:00", "Z")


def shown(user):
    return {"id": str(user.pk), "name": user.name}


def page(*results):
    return {"next": None, "previous": None, "results": list(results)}


@pytest.fixture
def office(zhou, logged_in):
    """Zhou is logged in."""
    return logged_in(zhou)


@pytest.fixture
def address(shop):
    return f"/api/v1/merchants/{shop.pk}"


@pytest.fixture
def sun(person):
    """小孙, who works nowhere yet."""
    return person("sun", "小孙")


def test_an_owner_invites_and_a_newcomer_accepts(office, zhou, sun, shop, address, logged_in):
    made = office.post(f"{address}/invitations")

    invitation = Invitation.objects.get()
    pending = {
        "id": str(invitation.pk),
        "role": "clerk",
        "status": "pending",
        "invited_at": utc(invitation.invited_at),
        "invited_by": shown(zhou),
        "expires_at": utc(invitation.expires_at),
        "accepted_at": None,
        "accepted_by": None,
        "revoked_at": None,
        "revoked_by": None,
    }
    assert made.status_code == 201
    code = made.json()["code"]
    assert made.json() == pending | {"code": code}
    assert office.get(f"{address}/invitations").json() == page(pending)

    phone = logged_in(sun)
    answers = [phone.post("/api/v1/invitations/accept", {"code": code}) for _ in range(2)]

    workplace = {"id": str(shop.pk), "name": "茶馆", "trade": "餐饮", "role": "clerk"}
    assert [(answer.status_code, answer.json()) for answer in answers] == [(201, workplace)] * 2
    invitation.refresh_from_db()
    assert office.get(f"{address}/invitations").json() == page(
        pending
        | {
            "status": "accepted",
            "accepted_at": utc(invitation.accepted_at),
            "accepted_by": shown(sun),
        }
    )


def test_somebody_new_looks_at_an_invitation_and_accepts_it(zhou, shop):
    made = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK)
    code = made.code

    looked = APIClient().post("/api/v1/invitations/look", {"code": code})
    accepted = APIClient().post("/api/v1/invitations/accept-as-new", {"code": code, **NEWCOMER})
    again = APIClient().post("/api/v1/invitations/look", {"code": code})

    assert (looked.status_code, looked.json()) == (
        200,
        {
            "merchant": "茶馆",
            "role": "clerk",
            "invited_by": "周**",
            "expires_at": utc(made.expires_at),
        },
    )
    member = MerchantMember.objects.get(user__username="sun")
    assert (accepted.status_code, accepted.json()) == (
        201,
        {"id": str(member.pk), "merchant": "茶馆", "role": "clerk", "username": "sun"},
    )
    assert member.user.check_password(NEWCOMER["password"])
    assert (again.status_code, again.json()["code"]) == (409, "invitation_used")


@pytest.mark.parametrize(
    ("told", "status", "refusal"),
    [
        ({"username": "zhou"}, 409, "username_taken"),
        ({"password": "12345678"}, 400, "invalid_input"),
        ({"code": "2345-6789-ABCD-EFGH"}, 404, "invitation_unknown"),
    ],
)
def test_nobody_new_is_put_on_record_if_refused(zhou, shop, told, status, refusal):
    code = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK).code

    answer = APIClient().post(
        "/api/v1/invitations/accept-as-new", {"code": code, **NEWCOMER, **told}
    )

    assert (answer.status_code, answer.json()["code"]) == (status, refusal)
    assert not MerchantMember.objects.exclude(user=zhou).exists()


def test_a_code_is_told_again_to_who_made_it_until_somebody_accepts_it(
    office, zhou, sun, shop, address, logged_in
):
    lost, found = (
        office.post(f"{address}/invitations", headers={"Idempotency-Key": "k"}) for _ in range(2)
    )
    code = found.json()["code"]
    assert (found.status_code, code) == (201, lost.json()["code"])
    assert Invitation.objects.count() == 1
    assert code not in str(Invitation.objects.values().get())

    logged_in(sun).post("/api/v1/invitations/accept", {"code": code})

    again = office.post(f"{address}/invitations", headers={"Idempotency-Key": "k"}).json()
    assert (again["code"], again["status"]) == (None, "accepted")
    assert Invitation.objects.get().code_encrypted == ""


@pytest.mark.parametrize("end", ["revoke", "expire", "dismiss"])
def test_a_code_that_is_no_longer_good_is_not_told_again(office, zhou, address, settings, end):
    if end == "expire":
        settings.INVITATION_LIFETIME = timedelta(seconds=-1)
    made = office.post(f"{address}/invitations", headers={"Idempotency-Key": "k"}).json()
    if end == "revoke":
        office.post(f"{address}/invitations/{made['id']}/revoke")
    elif end == "dismiss":
        MerchantMember.objects.filter(user=zhou).update(ended_at=timezone.now())

    again = office.post(f"{address}/invitations", headers={"Idempotency-Key": "k"})

    assert again.status_code == (404 if end == "dismiss" else 201)
    assert made["code"] is None or made["code"] not in again.text


def test_taking_an_invitation_back(office, zhou, sun, address, logged_in):
    made = office.post(f"{address}/invitations", {"role": "owner"}).json()

    answers = [office.post(f"{address}/invitations/{made['id']}/revoke") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert (answers[0].json()["status"], answers[0].json()["revoked_by"]) == (
        "revoked",
        shown(zhou),
    )
    refused = logged_in(sun).post("/api/v1/invitations/accept", {"code": made["code"]})
    assert (refused.status_code, refused.json()["code"]) == (409, "invitation_revoked")


@pytest.mark.parametrize(
    ("code", "status", "refusal"),
    [
        ("2345-6789-ABCD-EFGH", 404, "invitation_unknown"),
        ("", 400, "invalid_input"),
        ("x" * 65, 400, "invalid_input"),
        (None, 400, "invalid_input"),
    ],
)
def test_a_code_that_is_none(sun, logged_in, code, status, refusal):
    answer = logged_in(sun).post("/api/v1/invitations/accept", {"code": code})

    assert (answer.status_code, answer.json()["code"]) == (status, refusal)


def test_nobody_tries_one_code_after_the_other(sun, li, shop, zhou, logged_in):
    phone = logged_in(sun)
    for _ in range(CODES.limit):
        phone.post("/api/v1/invitations/accept", {"code": "GUES-SGUE-SSGU-ESSG"})
    code = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK).code

    refused = phone.post("/api/v1/invitations/accept", {"code": code})

    assert (refused.status_code, "Retry-After" in refused) == (429, True)
    assert logged_in(li).post("/api/v1/invitations/accept", {"code": code}).status_code == 201


def test_who_works_here_until_they_are_dismissed(office, zhou, chen, address, logged_in):
    till = logged_in(chen)
    owner, clerk = (MerchantMember.objects.get(user=user) for user in (zhou, chen))

    def member(one):
        return {
            "id": str(one.pk),
            "user": shown(one.user),
            "role": one.role,
            "since_at": utc(one.since_at),
            "ended_at": one.ended_at and utc(one.ended_at),
        }

    assert office.get(f"{address}/clerks").json() == page(member(clerk), member(owner))
    dismissals = [office.post(f"{address}/clerks/{clerk.pk}/dismiss") for _ in range(2)]

    clerk.refresh_from_db()
    assert [(one.status_code, one.json()) for one in dismissals] == [(200, member(clerk))] * 2
    assert office.get(f"{address}/clerks").json() == page(member(owner))
    assert till.get("/api/v1/merchants").json() == page()
    scan = till.post(f"{address}/scans", {"code": "234567892345"}, headers={"Idempotency-Key": "k"})
    assert (scan.status_code, scan.json()["code"]) == (404, "not_found")
    last = office.post(f"{address}/clerks/{owner.pk}/dismiss")
    assert (last.status_code, last.json()["code"]) == (409, "last_owner")


def test_an_owner_sees_which_clerk_it_was(
    office, wang, chen, tea, shop, address, grant_points, logged_in
):
    grant_points(wang, 30)
    voucher = redemption.take(offer=tea, volunteer=wang)
    redemption.scan(merchant_id=shop.pk, clerk=chen, code=voucher.code)

    (owners,) = office.get(f"{address}/redemptions").json()["results"]
    (clerks,) = logged_in(chen).get(f"{address}/redemptions").json()["results"]

    assert owners == clerks | {"redeemed_by": shown(chen)}
    assert "redeemed_by" not in clerks


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "clerks"),
        ("post", "clerks/{member}/dismiss"),
        ("get", "invitations"),
        ("post", "invitations"),
        ("post", "invitations/{invitation}/revoke"),
    ],
)
def test_to_all_others_there_is_no_such_thing(
    client, lake, zhou, zhao, chen, person, shop, address, logged_in, method, path
):
    """To its clerks, the community's staff and the owner of another merchant."""
    noodle_bar = partners.sign_contract(
        community=lake, name="面馆", trade="餐饮", fen_per_point=12, is_donated=False
    )
    neighbour = person("wu")
    partners.employ(merchant=noodle_bar.merchant, user=neighbour, role=Role.OWNER)
    made = invitations.invite(merchant=shop, invited_by=zhou, role=Role.CLERK)
    member = MerchantMember.objects.get(user=chen)
    path = path.format(member=member.pk, invitation=made.pk)
    before = AuditEntry.objects.count()

    for caller in (chen, zhao, neighbour):
        assert getattr(logged_in(caller), method)(f"{address}/{path}").status_code == 404
    # Nor by way of a merchant that is theirs.
    theirs = f"/api/v1/merchants/{noodle_bar.merchant_id}/{path}"
    if str(member.pk) in path or str(made.pk) in path:
        assert getattr(logged_in(neighbour), method)(theirs).status_code == 404
    assert getattr(client, method)(f"{address}/{path}").status_code == 401
    assert AuditEntry.objects.count() == before
    assert APIClient().post("/api/v1/invitations/accept").status_code == 401
