"""People at the console: who asks to join, who is suspended, and what two people decide."""

import re
from uuid import uuid4

import pytest
from allauth.mfa.models import Authenticator

from backend.communities.models import Community, Role, Suspension
from backend.communities.services import places, roles
from backend.people.models import LogInChange, LogInLink, Merge
from backend.people.services import merges
from merchants.models import Card
from points.ledger.selectors import wallet_of
from tests.browser import PHONE, needs_chromium
from volunteers.models import JoinRequest, Volunteer
from volunteers.people.services import joining, people

LAKE = "/console/communities/lake"


def send(client, address, **typed):
    """Send the form at ``address``, as somebody who typed this and pressed its button."""
    return client.post(address, {"key": str(uuid4()), "send": "1", **typed})


def form_of(page, words):
    """The address of the form behind the button with these words."""
    found = re.search(
        rf'<a [^>]*?href="([^"]+)"[^>]*>(?:(?!</a>).)*{words}\s*</a>', page.text, re.S
    )
    assert found, words
    return found[1].replace("&amp;", "&")


@pytest.fixture
def sun(lake, person):
    """孙社工, the second of the lake's staff."""
    sun = person("sun", "孙社工")
    roles.give(user=sun, community=lake, role=Role.STAFF)
    return sun


@pytest.fixture
def boss(lake, person):
    """周书记, who manages the lake."""
    boss = person("boss", "周书记")
    roles.give(user=boss, community=lake, role=Role.MANAGER)
    return boss


@pytest.fixture
def twin(lake, person):
    """王小明 once more."""
    twin = person("twin", "王小明")
    people.enrol(user=twin, community=lake, kind=Volunteer.Kind.RIDER)
    return twin


# --- joining ----------------------------------------------------------------------------------
def test_requests_to_join_are_approved_many_at_once(desk, lake, zhao, person):
    asked = [
        joining.join(user=person(f"asker-{n}", f"申请人{n}"), community=lake, kind="rider")[0]
        for n in range(4)
    ]
    joining.withdraw(join_request=asked[3])
    client = desk(zhao)
    page = client.get(f"{LAKE}/join-requests?status=pending")
    assert [f"申请人{n}" in page.text for n in range(4)] == [True, True, True, False]

    ids = [str(one.pk) for one in asked]
    sent = {"key": str(uuid4()), "send": "1", "action": "post-approve", "ids": ids}
    answer = client.post(f"{LAKE}/join-requests?do=batch", sent)

    assert answer.status_code == 200
    states = JoinRequest.objects.filter(community=lake).order_by("pk")
    assert list(states.values_list("status", flat=True)) == ["approved"] * 3 + ["withdrawn"]


def test_a_volunteer_has_what_they_can_help_with_and_a_record(desk, lake, zhao, wang):
    client = desk(zhao)
    volunteer = Volunteer.objects.get(user=wang)
    page = client.get(f"/console/volunteers/{volunteer.pk}")

    send(client, form_of(page, "可以提供的帮助"), skills="急救\n理发")

    volunteer.refresh_from_db()
    assert volunteer.skills == ["急救", "理发"]
    record = client.get(form_of(page, "打开此人的档案"))
    assert record.status_code == 200
    assert "198****0001" in record.text


# --- records ----------------------------------------------------------------------------------
def test_a_manager_suspends_somebody_and_lifts_it(desk, lake, boss, wang):
    client = desk(boss)
    page = client.get(f"{LAKE}/people/{wang.pk}")

    done = send(client, form_of(page, "暂停此人参与"), reason="争吵")

    suspension = Suspension.objects.get(user=wang)
    assert done.headers["Location"] == f"/console/suspensions/{suspension.pk}"
    page = client.get(done.headers["Location"])
    assert "争吵" in page.text
    send(client, form_of(page, "解除"))
    suspension.refresh_from_db()
    assert suspension.lifted_by == boss


def test_staff_see_no_button_that_is_a_managers(desk, lake, zhao, wang):
    page = desk(zhao).get(f"{LAKE}/people/{wang.pk}").text

    assert "更换手机号或微信" in page
    assert "do=post" in page
    assert f"people/{wang.pk}/suspensions" not in page


def test_staff_print_a_link_for_somebody_who_can_not_log_in(desk, lake, zhao, wang):
    client = desk(zhao)
    page = client.get(f"{LAKE}/people/{wang.pk}")

    made = send(client, form_of(page, "生成登录链接"))

    link = LogInLink.objects.get(user=wang)
    assert made.headers["Location"] == f"/console/log-in-links/{link.pk}"
    page = client.get(made.headers["Location"])
    assert f"http://testserver/me/in#{link.code}" in page.text
    assert b"<svg" in client.get(f"/console/log-in-links/{link.pk}/code.svg").content
    send(client, form_of(page, "作废"))
    assert "code.svg" not in client.get(made.headers["Location"]).text


def test_a_changed_number_is_confirmed_by_another(desk, lake, zhao, sun, wang):
    client = desk(zhao)
    page = client.get(f"{LAKE}/people/{wang.pk}")
    typed = {"seen_by": "id_card", "reason": "手机丢了", "phone": "198 6666 7777"}

    asked = send(client, form_of(page, "更换手机号或微信"), **typed)

    change = LogInChange.objects.get(user=wang)
    assert asked.headers["Location"] == f"/console/log-in-changes/{change.pk}"
    page = client.get(asked.headers["Location"])
    assert "198****7777" in page.text
    own = send(client, form_of(page, "确认"))
    assert own.status_code == 422
    send(desk(sun), form_of(page, "确认"))
    wang.refresh_from_db()
    assert wang.phone == "19866667777"


def test_a_manager_above_resets_an_authenticator(desk, lake, boss, person):
    street = places.found(code="street", name="银盆岭街道", kind=Community.Kind.STREET)
    lake.parent = street
    lake.save()
    secretary = person("secretary", "吴书记")
    roles.give(user=secretary, community=street, role=Role.MANAGER)
    desk(boss)  # has an authenticator
    client = desk(secretary)
    page = client.get(f"/console/communities/street/people/{boss.pk}")

    send(client, form_of(page, "重置验证器"), loss="lost")

    assert not Authenticator.objects.filter(user=boss).exists()


def test_a_merge_says_what_stands_against_it(desk, lake, zhao, sun, wang, twin):
    roles.give(user=twin, community=lake, role=Role.STAFF)
    merge = merges.propose(
        place=lake, merged=twin, kept=wang, by=zhao, seen_by="known", reason="同一人"
    )
    client = desk(sun)
    page = client.get(f"/console/merges/{merge.pk}")

    assert "须先解决：" in page.text
    refused = send(client, form_of(page, "永久合并"))
    assert refused.status_code == 422
    merge.refresh_from_db()
    assert merge.status == "proposed"


# --- in a browser -----------------------------------------------------------------------------
@pytest.mark.slow
@needs_chromium
def test_two_people_merge_two_records(at_desk, lake, zhao, sun, wang, twin, grant_points):
    """Zhao finds 王小明 twice and proposes; Sun reads what each has, and merges for good."""
    grant_points(twin, 40)
    first = at_desk(zhao)
    first.goto(f"{LAKE}/people?text=王小明")
    assert first.page.locator("tbody tr").count() == 2
    first.goto(f"{LAKE}/people/{twin.pk}")
    assert first.barriers() == []
    first.page.get_by_role("link", name="并入另一份档案").click()
    first.page.get_by_label("保留的档案").select_option(str(wang.pk))
    first.page.get_by_label("核实身份的方式").select_option("id_card")
    first.page.get_by_label("事由").fill("换了微信")
    first.page.locator("form button[name=send]").click()
    first.page.wait_for_url("**/console/merges/*")
    merge = Merge.objects.get()

    second = at_desk(sun, size=PHONE)
    second.goto(f"/console/merges/{merge.pk}")
    assert "40" in second.page.inner_text("main")
    assert not second.runs_over()
    assert second.barriers() == []
    second.page.get_by_role("link", name="永久合并").click()
    assert "不可撤销" in second.page.inner_text("main")
    second.page.locator("form button[name=send]").click()
    second.page.wait_for_url(f"**/console/merges/{merge.pk}*")

    twin.refresh_from_db()
    assert twin.merged_into == wang
    assert wallet_of(lake.pk, wang.pk).available == 40
    first.goto(f"{LAKE}/people?text=王小明")
    assert first.page.locator("tbody tr").count() == 1


# --- printed cards ----------------------------------------------------------------------------
def test_a_card_is_issued_printed_and_blocked(desk, lake, zhao, wang):
    client = desk(zhao)
    volunteer = Volunteer.objects.get(user=wang)
    page = client.get(f"/console/volunteers/{volunteer.pk}")

    printed = send(client, form_of(page, "发放积分卡"), volunteer_id=str(wang.pk))

    card = Card.objects.get()
    assert printed.status_code == 200
    assert card.pin in printed.text
    assert f"{card.code[:4]} {card.code[4:8]} {card.code[8:]}" in printed.text
    assert "王小明" not in printed.text.partition("console-printed")[2].partition("</div>")[0]
    assert client.get(f"/console/cards/{card.pk}/code.svg").status_code == 200
    assert "王小明" in client.get(f"{LAKE}/cards?is_blocked=false").text
    assert "发卡时间" in client.get(f"/console/volunteers/{volunteer.pk}").text
    opened = client.get(f"/console/cards/{card.pk}")
    assert card.pin not in opened.text
    assert card.code not in opened.text
    send(client, form_of(opened, "挂失"))
    card.refresh_from_db()
    assert (card.reason, card.blocked_by) == ("lost", zhao)
    assert "挂失" in client.get(f"/console/cards/{card.pk}").text


def test_a_form_sent_twice_shows_one_card(desk, lake, zhao, wang):
    client = desk(zhao)
    page = client.get(f"/console/volunteers/{Volunteer.objects.get(user=wang).pk}")
    sent = {"key": str(uuid4()), "send": "1", "volunteer_id": str(wang.pk)}

    first, again = (client.post(form_of(page, "发放积分卡"), sent) for _ in range(2))

    assert Card.objects.get().pin in first.text
    assert Card.objects.get().pin in again.text


def test_a_manager_sets_what_cards_pay_a_day(desk, lake, boss):
    client = desk(boss)
    address = f"{LAKE}/card-limit?do=put"

    assert "30" in client.get(f"{LAKE}/card-limit").text
    send(client, address, card_limit_points="50")

    lake.refresh_from_db()
    assert lake.card_limit_points == 50
