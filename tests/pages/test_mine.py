"""What is somebody's own, on a phone: communities, family, data, rewards, and leaving."""

from datetime import timedelta

import pytest
from django.utils import timezone

from backend.accounts.models import Consent, GuardianCode, Guardianship
from backend.accounts.services import profile
from backend.communities.models import Role
from backend.communities.services import roles
from backend.outbox import services as outbox
from backend.people.services import suspensions
from backend.privacy.models import Export
from tests.browser import needs_chromium
from tests.pages.forms import do
from tests.volunteers import causes
from volunteers.models import Volunteer
from volunteers.people.services import joining


@pytest.fixture
def child(person):
    """Xiao Ming, who is ten."""
    user = person("ming", "小明")
    return profile.change(user=user, born_on=timezone.localdate() - timedelta(days=3_700))


# --- mine -------------------------------------------------------------------------------------
def test_mine_shows_who_i_am_where_i_belong_and_what_i_served(pocket, lake, wang, zhao):
    causes.hours_verified(lake, wang, zhao)
    roles.give(user=wang, community=lake, role=Role.STAFF)

    page = pocket(wang).get("/me/mine").content.decode()

    for words in ("王小明", "198****0001", "碧沙湖社区", "外卖骑手", "工作人员", "退出登录"):
        assert words in page


def test_somebody_new_has_no_name_yet_and_is_led_to_say_it(pocket, person):
    user = profile.change(user=person("new"), name="")
    client = pocket(user)

    assert "<h2>欢迎您</h2>" in client.get("/me/").content.decode()
    assert "<strong>姓名与生日</strong>" in client.get("/me/mine").content.decode()


def test_somebody_leaves_a_community_and_may_join_again(pocket, lake, wang):
    page = do(pocket(wang), "/me/mine", "leave", code="lake").content.decode()

    assert Volunteer.objects.get(user=wang).left_at is not None
    assert "退出碧沙湖社区" not in page
    assert "/me/join" in page


def test_a_request_to_join_is_shown_and_withdrawn(pocket, hill, wang):
    asked, _ = joining.join(user=wang, community=hill, kind=Volunteer.Kind.RIDER)
    client = pocket(wang)
    assert "山丹社区" in client.get("/me/mine").content.decode()

    do(client, "/me/mine", "withdraw", join_request_id=asked.pk)

    assert "山丹社区" not in client.get("/me/mine").content.decode()


def test_whoever_is_suspended_reads_why(pocket, lake, wang, person):
    manager = person("wu", "吴书记")
    roles.give(user=manager, community=lake, role=Role.MANAGER)
    suspensions.suspend(user=wang, place=lake, by=manager, reason="冒领积分")

    page = pocket(wang).get("/me/mine").content.decode()

    assert "您在碧沙湖社区已被暂停参与" in page
    assert "冒领积分" in page


def test_a_name_is_changed_and_a_birthday_is_told_once(pocket, wang):
    client = pocket(wang)

    page = do(client, "/me/name", "change", name="王大明", born_on="1990-05-01").content.decode()

    assert "王大明" in page
    assert 'name="born_on"' not in client.get("/me/name").content.decode()


# --- family -----------------------------------------------------------------------------------
def test_a_child_shows_a_code_and_a_parent_agrees_and_withdraws(pocket, wang, child):
    profile.change(user=wang, born_on=timezone.localdate() - timedelta(days=12_000))
    at_home, parent = pocket(child), pocket(wang)
    assert "/me/family/code" in at_home.get("/me/mine").content.decode()

    shown = do(at_home, "/me/family/code", "")
    code = shown.context["made"]["code"]
    assert code in shown.content.decode()
    assert GuardianCode.objects.get(child=child).used_at is None

    do(parent, "/me/family", "agree", code=code.lower(), relation="parent", version="1")
    agreed = Guardianship.objects.get(child=child, guardian=wang)
    assert "监护人" in at_home.get("/me/family").content.decode()

    do(parent, "/me/family", "withdraw", child=agreed.pk)
    agreed.refresh_from_db()
    assert agreed.withdrawn_at is not None


def test_a_code_that_is_none_is_refused_beside_its_field(pocket, wang):
    refused = do(pocket(wang), "/me/family", "agree", code="01IO", relation="parent", version="1")

    assert refused.status_code == 400
    assert '<span class="wrong">' in refused.content.decode()


def test_whoever_is_14_needs_no_code(pocket, wang):
    refused = do(pocket(wang), "/me/family/code", "")

    assert refused.status_code == 409
    assert 'role="alert"' in refused.content.decode()


# --- privacy ----------------------------------------------------------------------------------
def test_consents_are_given_and_withdrawn_with_their_texts_in_sight(pocket, wang):
    client = pocket(wang)
    page = client.get("/me/privacy").content.decode()
    assert "您上报问题时，社区可保存其位置" in page

    do(client, "/me/privacy", "disagree", purpose="location")
    do(client, "/me/privacy", "agree", purpose="phone", version="1")

    in_force = Consent.objects.filter(user=wang, withdrawn_at=None)
    assert set(in_force.values_list("purpose", flat=True)) == {"phone"}


def test_a_copy_of_everything_is_asked_for_and_fetched(pocket, wang):
    client = pocket(wang)

    page = do(client, "/me/privacy", "export").content.decode()
    assert "正在生成" in page

    outbox.attempt("export", pk=Export.objects.get(user=wang).pk)
    page = client.get("/me/privacy").content.decode()
    assert "/api/v1/exports/" in page


def test_a_number_is_taken_off_the_record(pocket, wang):
    do(pocket(wang), "/me/privacy", "forget_phone")

    wang.refresh_from_db()
    assert wang.phone == ""


def test_whoever_leaves_for_good_reads_what_happens_and_may_stay_after_all(pocket, lake, wang):
    client = pocket(wang)

    page = do(client, "/me/leaving", "leave").content.decode()
    wang.refresh_from_db()
    assert wang.erasure_requested_at is not None
    assert "撤销注销" in page
    assert "撤销注销" in client.get("/me/mine").content.decode()

    do(client, "/me/leaving", "keep")
    wang.refresh_from_db()
    assert wang.erasure_requested_at is None


def test_staff_who_have_to_hand_over_first_are_told_so(pocket, zhao):
    refused = do(pocket(zhao), "/me/leaving", "leave")

    assert refused.status_code == 409
    assert 'role="alert"' in refused.content.decode()


def test_all_log_ins_end_at_once(pocket, wang):
    client = pocket(wang)

    client.post("/me/privacy", {"act": "log_out", "key": "x" * 36})

    assert client.get("/me/mine").status_code == 302


# --- rewards ----------------------------------------------------------------------------------
def test_rewards_say_how_far_they_have_come(pocket, lake, wang, zhao):
    causes.reward_waiting(lake, wang, zhao)
    client = pocket(wang)

    page = client.get("/me/rewards").content.decode()

    assert "¥50.00" in page
    assert "您的顺位保留" in page
    assert "/me/rewards" in client.get("/me/leaving").content.decode()


def test_a_reward_that_went_back_is_asked_for_again(pocket, lake, wang, zhao, wechat_pay):
    causes.reward_unclaimed(lake, wang, zhao, wechat_pay)
    client = pocket(wang)
    (reward,) = client.get("/me/rewards").context["rewards"]["results"]
    assert "超时未领取" in client.get("/me/rewards").content.decode()

    page = do(client, "/me/rewards", "ask_again", reward_id=reward["id"]).content.decode()

    assert "超时未领取" not in page


# --- how they look ----------------------------------------------------------------------------
@needs_chromium
@pytest.mark.slow
def test_what_is_mine_fits_a_small_phone_and_shuts_nobody_out(phone, lake, wang, zhao):
    causes.reward_waiting(lake, wang, zhao)
    window = phone(wang)

    own = ("mine", "name", "family", "family/code", "privacy", "leaving", "rewards")
    for page in (*own, "notices", "notices/settings", "reports"):
        window.goto(f"/me/{page}")
        assert window.barriers() == [], page
        assert not window.runs_over(), page
