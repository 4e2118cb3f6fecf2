"""The log-in by a link that staff hand out: who makes it, for whom, and that it is good once."""

import pytest
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from backend.accounts import mfa
from backend.accounts.models import User
from backend.audit.models import AuditEntry
from backend.communities.models import Membership, Role
from backend.communities.services import roles
from backend.invitations.errors import InvitationUsed
from backend.notices.models import Notice
from backend.people.models import LogInLink
from backend.people.services import log_in_links
from tests.browser import PHONE, needs_chromium
from tests.conftest import TOTP_SECRET


@pytest.fixture(autouse=True)
def fresh_counters():
    cache.clear()


def make(client, user: User, *, place: str = "lake", key: str = "k"):
    address = f"/api/v1/communities/{place}/people/{user.pk}/log-in-links"
    return client.post(address, headers={"Idempotency-Key": key})


def bring(code: str, client: Client | None = None, **more: str):
    return (client or Client(headers={"Accept-Language": "en"})).post(
        "/me/in", {"code": code, **more}
    )


# --- staff make it ----------------------------------------------------------------------------
def test_staff_make_a_link_that_logs_in_once(logged_in, wang, zhao):
    told = make(logged_in(zhao), wang)

    assert told.status_code == 201
    link = told.json()
    assert link["link"] == f"http://testserver/me/in#{link['code']}"
    assert (link["status"], link["user"]["id"]) == ("pending", str(wang.pk))
    client = Client()
    done = bring(link["code"].lower(), client)
    assert done["Location"] == "/me/"
    assert client.session["_auth_user_id"] == str(wang.pk)
    assert int(done.cookies["linli_session"]["max-age"]) == 90 * 86_400
    assert "has been used" in bring(link["code"]).content.decode()


def test_a_repeated_request_tells_the_link_until_it_was_used(logged_in, wang, zhao):
    first, again = (make(logged_in(zhao), wang).json() for _ in range(2))
    bring(first["code"])

    assert again == first
    assert make(logged_in(zhao), wang).json()["link"] is None
    assert LogInLink.objects.count() == 1


def test_the_person_is_told_and_the_trail_has_who_made_it(logged_in, lake, wang, zhao):
    code = make(logged_in(zhao), wang).json()["code"]
    bring(code)

    assert Notice.objects.get(recipient=wang).kind == "log_in_link_made"
    acts = AuditEntry.objects.filter(community=lake, target_type="log_in_link").order_by("id")
    assert [(act.action, act.actor_id) for act in acts] == [
        ("log_in_link.make", zhao.pk),
        ("log_in_link.use", wang.pk),
    ]
    assert code not in str(list(acts.values()))


def test_opening_the_page_uses_nothing_up(logged_in, wang, zhao):
    link = make(logged_in(zhao), wang).json()

    page = Client().get("/me/in")

    assert page.status_code == 200
    assert LogInLink.objects.get(pk=link["id"]).status == "pending"


def test_a_newer_link_ends_the_one_before(logged_in, wang, zhao):
    office = logged_in(zhao)
    first = make(office, wang).json()["code"]
    second = make(office, wang, key="other").json()["code"]

    assert "taken back" in bring(first).content.decode()
    assert bring(second)["Location"] == "/me/"


def test_who_made_it_takes_it_back(logged_in, wang, zhao):
    office = logged_in(zhao)
    link = make(office, wang).json()

    answers = [office.post(f"/api/v1/log-in-links/{link['id']}/revoke") for _ in range(2)]

    assert [one.json()["status"] for one in answers] == ["revoked"] * 2
    assert answers[0].json()["revoked_at"] == answers[1].json()["revoked_at"]
    assert "taken back" in bring(link["code"]).content.decode()


def test_a_used_link_is_not_taken_back(wang, zhao, lake):
    link = log_in_links.make(place=lake, user=wang, by=zhao)
    log_in_links.use(code=link.code, address="192.0.2.1")

    with pytest.raises(InvitationUsed):
        log_in_links.revoke(link=link, by=zhao)


def test_a_link_is_good_for_three_days(lake, wang, zhao, settings):
    settings.INVITATION_LIFETIME = timezone.timedelta(0)
    link = log_in_links.make(place=lake, user=wang, by=zhao)
    code = log_in_links.by_code.vault.decrypt(link.code_encrypted)

    assert "has expired" in bring(code).content.decode()


def test_who_made_it_sees_it_and_its_picture_and_nobody_else(logged_in, lake, hill, wang, zhao, li):
    sun = User.objects.create(username="sun", name="孙社工")
    roles.give(user=sun, community=lake, role=Role.STAFF)
    link = make(logged_in(zhao), wang).json()
    address = f"/api/v1/log-in-links/{link['id']}"

    assert logged_in(zhao).get(address).json()["link"] == link["link"]
    assert b"<svg" in logged_in(zhao).get(f"{address}/code.svg").content
    for stranger in (sun, li, wang):
        assert logged_in(stranger).get(address).status_code == 404
        assert logged_in(stranger).get(f"{address}/code.svg").status_code == 404
    bring(link["code"])
    assert logged_in(zhao).get(f"{address}/code.svg").status_code == 404


# --- for whom, and by whom --------------------------------------------------------------------
def staff(user, lake):
    roles.give(user=user, community=lake, role=Role.STAFF)


def with_authenticator(user, _):
    mfa.hand_out(user=user, secret=TOTP_SECRET)


def operator(user, _):
    User.objects.filter(pk=user.pk).update(is_superuser=True)


@pytest.mark.parametrize("becomes", [staff, with_authenticator, operator])
def test_nobody_on_whom_others_depend_logs_in_so(logged_in, lake, wang, zhao, becomes):
    code = make(logged_in(zhao), wang).json()["code"]
    becomes(wang, lake)

    refused = make(logged_in(zhao), wang, key="other")

    assert (refused.status_code, refused.json()["code"]) == (403, "no_link_for_them")
    assert "taken back" in bring(code).content.decode()


def test_an_owner_logs_in_by_themselves(logged_in, lake, zhao, zhou):
    roles.give(user=zhou, community=lake, role=Role.VOLUNTEER)

    assert make(logged_in(zhao), zhou).json()["code"] == "no_link_for_them"


def test_a_clerk_logs_in_by_themselves(logged_in, lake, zhao, chen):
    """Else whoever issued a card, and was shown its PIN, would take its points as a clerk."""
    roles.give(user=chen, community=lake, role=Role.VOLUNTEER)

    assert make(logged_in(zhao), chen).json()["code"] == "no_link_for_them"


def test_staff_make_none_for_somebody_who_has_points_elsewhere_too(logged_in, hill, wang, zhao):
    link = make(logged_in(zhao), wang).json()
    roles.give(user=wang, community=hill, role=Role.VOLUNTEER)

    assert make(logged_in(zhao), wang, key="other").json()["code"] == "belongs_elsewhere"
    assert "taken back" in bring(link["code"]).content.decode()


def test_a_link_of_somebody_who_is_no_longer_staff_is_good_no_more(lake, wang, zhao):
    link = log_in_links.make(place=lake, user=wang, by=zhao)
    roles.end(membership=Membership.objects.get(user=zhao, community=lake), ended_by=None)

    assert "taken back" in bring(link.code).content.decode()


def test_nobody_makes_a_link_for_themselves(logged_in, zhao):
    assert make(logged_in(zhao), zhao).json()["code"] == "own_person"


def test_strangers_make_none(logged_in, wang, li, hill):
    sun = User.objects.create(username="sun", name="孙社工")
    roles.give(user=sun, community=hill, role=Role.STAFF)

    assert make(logged_in(li), wang).status_code == 404
    assert make(logged_in(sun), wang, place="hill").status_code == 404
    assert make(logged_in(sun), wang, key="other").status_code == 404


def test_a_closed_log_in_stays_closed(lake, wang, zhao):
    link = log_in_links.make(place=lake, user=wang, by=zhao)
    User.objects.filter(pk=wang.pk).update(is_active=False)

    assert "taken back" in bring(link.code).content.decode()


def test_the_database_has_the_last_word(lake, wang, li, zhao):
    link = log_in_links.make(place=lake, user=wang, by=zhao)

    with (
        pytest.raises(IntegrityError, match="log_in_link_used_by_its_person"),
        transaction.atomic(),
    ):
        LogInLink.objects.filter(pk=link.pk).update(accepted_at=timezone.now(), accepted_by=li)


# --- guesses ----------------------------------------------------------------------------------
def test_guesses_are_counted(db):
    answers = [bring(f"ABCD-EFGH-JKLM-NP{turn + 22}").status_code for turn in range(21)]

    assert answers == [200] * 20 + [429]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_bring_it_at_one_instant_one_comes_in(lake, wang, zhao, at_once):
    code = log_in_links.make(place=lake, user=wang, by=zhao).code

    def bring_it(_: int) -> bool:
        try:
            log_in_links.use(code=code, address="192.0.2.1")
        except InvitationUsed:
            return False
        return True

    assert sum(at_once(4, bring_it)) == 1


@needs_chromium
@pytest.mark.slow
def test_a_phone_that_scans_the_code_has_it_in_the_form(lake, wang, zhao, look):
    link = log_in_links.make(place=lake, user=wang, by=zhao)
    window = look(size=PHONE)

    window.goto(f"/me/in#{link.code}")

    assert window.page.input_value("input[name=code]") == link.code
    assert "#" not in window.page.url
    assert window.barriers() == []
    assert not window.runs_over()
    window.page.locator("main form button").click()
    window.page.wait_for_url("**/me/")
