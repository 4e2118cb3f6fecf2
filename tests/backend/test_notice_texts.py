"""A community words its notices in its own way."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone, translation

from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from backend.notices import kinds, wording
from backend.notices import services as notices
from backend.notices.errors import PlaceholderUnknown
from backend.notices.examples import EXAMPLES
from backend.notices.models import Notice, NoticeText
from backend.notices.words import default_text, placeholders, words
from tests.cast import tell

LIST = "/api/v1/communities/lake/notice-texts"
SHIFT = f"{LIST}/shift_moved/zh-hans"
OWN = {"title": "改时间了", "body": "{activity} {begins} 在{place}集合，别忘了带水。"}


@pytest.fixture
def chief(lake, person):
    """周书记, who manages the lake."""
    user = person("chief", "周书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def told(lake):
    """Tells somebody of a shift: ``told(wang)``."""

    def owe(user, key="k", community=lake) -> Notice:
        notices.owe(
            community=community,
            key=key,
            recipient=user,
            kind="shift_moved",
            facts={
                "activity": "交通劝导",
                "place": "东门",
                "starts_at": "2024-03-01T00:00:00+00:00",
                "timezone": "Asia/Shanghai",
            },
            due_at=timezone.now() - timedelta(minutes=1),
        )
        notice = Notice.objects.get(community=community, key=key)
        assert tell(notice)
        return notice

    return owe


def put(community, by, kind="shift_moved", language="zh-hans", **text):
    one = wording.wording(community, kind, language)
    return wording.reword(wording=one, by=by, **(OWN | text))


@pytest.mark.parametrize("language", [code for code, _name in settings.LANGUAGES])
@pytest.mark.parametrize("kind", sorted(kinds.registered))
def test_every_kind_has_words_and_an_example_of_each_fact_in_both_languages(kind, language):
    with translation.override(language):
        title, body = default_text(kind).filled(EXAMPLES)

    assert title
    assert body
    assert "{" not in title + body
    assert "%(" not in title + body


def test_every_example_is_of_a_fact_that_some_kind_tells():
    assert {name for kind in kinds.registered for name in placeholders(kind)} == {*EXAMPLES}


@pytest.mark.django_db
def test_a_community_words_a_notice_in_one_language_and_no_other_community_does(
    lake, hill, wang, chief, told
):
    put(lake, chief)

    with translation.override("zh-hans"):
        ours, theirs = words(told(wang)), words(told(wang, community=hill))
    with translation.override("en"):
        english = words(Notice.objects.get(community=lake))

    assert ours == ("改时间了", "交通劝导 2024-03-01 08:00 在东门集合，别忘了带水。")
    assert theirs == (
        "您的班次时间有变",
        "交通劝导改为2024-03-01 08:00开始，地点：东门。如不能参加，请取消报名。",
    )
    assert english.title == "Your shift was moved"


def test_a_title_tells_facts_as_well(lake):
    NoticeText.objects.create(
        community=lake, kind="team_accepted", language="zh-hans", title="加入{team}", body="好"
    )
    notice = Notice(community=lake, kind="team_accepted", facts={"team": "绿丝带"})

    assert words(notice).title == "加入绿丝带"


def test_the_inbox_reads_own_texts_in_one_statement_however_many_notices(
    lake, wang, chief, told, logged_in
):
    put(lake, chief)
    client = logged_in(wang)
    told(wang, "first")
    with CaptureQueriesContext(connection) as of_one:
        client.get("/api/v1/me/notices")
    for number in range(5):
        told(wang, str(number))

    with CaptureQueriesContext(connection) as of_six:
        answer = client.get("/api/v1/me/notices")

    assert {one["title"] for one in answer.json()["results"]} == {"改时间了"}
    assert len(answer.json()["results"]) == 6
    assert len(of_six) == len(of_one)


def test_a_manager_puts_a_text_and_puts_the_catalogues_back(lake, chief, logged_in):
    client, as_it_was = logged_in(chief), wording.wording(lake, "shift_moved", "zh-hans")

    answer = client.put(SHIFT, OWN)

    shown = {
        "kind": "shift_moved",
        "language": "zh-hans",
        "placeholders": ["activity", "begins", "place"],
        "default": {
            "title": "您的班次时间有变",
            "body": "{activity}改为{begins}开始，地点：{place}。如不能参加，请取消报名。",
        },
        "own": OWN,
        "example": {
            "title": "改时间了",
            "body": "周六环境清洁 2026-05-16 09:00 在东门广场集合，别忘了带水。",
        },
    }
    assert (answer.status_code, answer.json()) == (200, shown)
    assert client.get(SHIFT).json() == shown
    listed = client.get(LIST).json()
    assert shown in listed
    assert len(listed) == 2 * len(kinds.registered)
    assert [one["kind"] for one in listed if one["own"]] == ["shift_moved"]

    assert client.delete(SHIFT).status_code == 204
    assert client.delete(SHIFT).status_code == 204
    assert wording.wording(lake, "shift_moved", "zh-hans") == as_it_was


def test_the_trail_tells_who_changed_a_text_from_what_to_what(lake, chief):
    put(lake, chief)
    put(lake, chief)  # nothing new
    put(lake, chief, title="周六见")
    wording.reset(wording=wording.wording(lake, "shift_moved", "zh-hans"), by=chief)
    wording.reset(wording=wording.wording(lake, "shift_moved", "zh-hans"), by=chief)

    entries = AuditEntry.objects.filter(community=lake, target_type="notice_text").order_by("pk")
    told = [(one.action, one.before["title"], one.after["title"]) for one in entries]
    assert told == [
        ("notice_text.reword", "", "改时间了"),
        ("notice_text.reword", "改时间了", "周六见"),
        ("notice_text.reset", "周六见", ""),
    ]
    assert {one.actor for one in entries} == {chief}
    assert entries[0].after == {"kind": "shift_moved", "language": "zh-hans", **OWN}


@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ("{minutes}分钟", "{minutes}"),  # a fact, but not of this kind
        ("{activity.__class__}", "{activity.__class__}"),
        ("{activity!r}", "{activity!r}"),
        ("{0}", "{0}"),
        ("{}", "{}"),
        ("{ activity }", "{ activity }"),
        ("{{activity}}", "{"),
        ("{activity", "{"),
        ("activity}", "}"),
    ],
)
@pytest.mark.django_db
@pytest.mark.parametrize("act", ["put", "preview"])
def test_a_text_that_names_anything_else_is_refused_by_name(
    lake, chief, logged_in, act, body, refused
):
    client, text = logged_in(chief), {"title": "改时间了", "body": body}

    answer = client.put(SHIFT, text) if act == "put" else client.post(f"{SHIFT}/preview", text)

    assert answer.status_code == 400
    told = answer.json()
    assert told["code"] == "placeholder_unknown"
    assert (told["placeholder"], told["known"]) == (refused, ["activity", "begins", "place"])
    assert not NoticeText.objects.exists()


def test_signs_of_other_formats_are_plain_text(lake, chief):
    one = wording.wording(lake, "shift_moved", "zh-hans")

    text = wording.preview(wording=one, title="%(place)s $place 100%", body="%s {place}")

    assert text == ("%(place)s $place 100%", "%s 东门广场")


def test_a_fact_that_looks_like_a_placeholder_is_told_as_it_is(lake, chief):
    put(lake, chief, body="{activity}{place}")
    facts = {"activity": "{place}", "place": "%(activity)s {activity}"}

    with translation.override("zh-hans"):
        body = words(Notice(community=lake, kind="shift_moved", facts=facts)).body

    assert body == "{place}%(activity)s {activity}"


def test_a_preview_keeps_nothing(lake, chief, logged_in):
    answer = logged_in(chief).post(f"{SHIFT}/preview", OWN)

    assert (answer.status_code, answer.json()) == (
        200,
        {"title": "改时间了", "body": "周六环境清洁 2026-05-16 09:00 在东门广场集合，别忘了带水。"},
    )
    assert not NoticeText.objects.exists()


@pytest.mark.parametrize("address", [f"{LIST}/unheard_of/en", f"{LIST}/shift_moved/fr"])
def test_there_are_no_other_kinds_and_languages(lake, chief, logged_in, address):
    answer = logged_in(chief).get(address)

    assert (answer.status_code, answer.json()["code"]) == (404, "notice_text_unknown")


def test_texts_are_for_managers(lake, zhao, wang, logged_in):
    for user in (zhao, wang):
        client = logged_in(user)
        for answer in (client.get(LIST), client.put(SHIFT, OWN), client.delete(SHIFT)):
            assert (answer.status_code, answer.json()["code"]) == (404, "community_unknown")


@pytest.mark.django_db(transaction=True)
def test_of_many_texts_put_at_one_moment_each_is_on_the_trail(lake, chief, at_once):
    at_once(6, lambda number: put(lake, chief, title=f"第{number}次"))

    entries = list(AuditEntry.objects.filter(target_type="notice_text").order_by("at"))
    assert len(entries) == 6
    after = {one.after["title"] for one in entries}
    before = {one.before["title"] for one in entries}
    assert after - before == {NoticeText.objects.get().title}  # each began where another ended
    assert before - after == {""}


def test_a_refused_text_says_which_ones_there_are(lake, chief):
    with pytest.raises(PlaceholderUnknown):
        put(lake, chief, title="{place} {when}")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("language=en&text=您的班次时间", []),
        ("language=zh-hans&text=您的班次时间", [("shift_moved", "zh-hans")]),
        ("text=别忘了带水&is_own=true", [("shift_moved", "zh-hans")]),
        ("is_own=true", [("shift_moved", "zh-hans")]),
        ("is_own=false&text=别忘了带水", []),
    ],
)
def test_a_text_is_found_by_its_words(lake, chief, logged_in, query, found):
    if "is_own" in query:
        put(lake, chief)

    listed = logged_in(chief).get(f"{LIST}?{query}").json()

    assert [(one["kind"], one["language"]) for one in listed] == found


def test_a_text_in_a_language_that_nobody_speaks_is_refused(lake, chief, logged_in):
    answer = logged_in(chief).get(f"{LIST}?language=fr")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_input")
