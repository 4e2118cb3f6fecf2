"""Notices at the console: what was given up is retried, and texts are tried before they count."""

import pytest
from django.utils import timezone

from backend.communities.models import Role
from backend.communities.services import roles
from backend.notices.models import Notice, NoticeText
from tests.console.conftest import filled, form_of, send

LAKE = "/console/communities/lake"
LETTERS = f"{LAKE}/outbox/notice/dead-letters"


@pytest.fixture
def lost(lake, wang, li) -> list[Notice]:
    """Two reminders that were given up."""
    return [
        Notice.objects.create(
            community=lake,
            key=f"lost {person.pk}",
            recipient=person,
            kind="shift_reminder",
            due_at=timezone.now(),
            next_at=None,
            attempts=10,
            reason="too_many_devices",
            given_up_at=timezone.now(),
        )
        for person in (wang, li)
    ]


@pytest.fixture
def qian(person, lake):
    """钱书记, who manages the lake."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


def test_what_was_given_up_is_read_and_retried_alone(desk, zhao, lost):
    client = desk(zhao)
    assert LETTERS in client.get(f"{LAKE}/outbox").text
    page = client.get(LETTERS)
    assert "王**" in page.text
    assert "王小明" not in page.text

    letter = client.get(f"{LETTERS}/{lost[0].pk}")
    done = send(client, form_of(letter, "重试"))

    assert done.headers["Location"] == f"{LAKE}/outbox"
    assert Notice.objects.filter(next_at__isnull=False).get() == lost[0]


@pytest.mark.parametrize("which", ["chosen", "all"])
def test_several_are_retried_at_once(desk, zhao, lost, which):
    client = desk(zhao)
    if which == "all":
        send(client, form_of(client.get(LETTERS), "全部重试"))
    else:
        ids = [letter.pk for letter in lost]
        client.post(f"{LETTERS}?do=batch", {"ids": ids, "action": "post-retry"})

    assert Notice.objects.filter(given_up_at__isnull=False).count() == 0


def test_an_auditor_reads_what_was_given_up_and_retries_nothing(desk, person, lake, lost):
    auditor = person("sun", "孙审计")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)

    page = desk(auditor).get(f"{LETTERS}/{lost[0].pk}")

    assert "王**" in page.text
    assert "do=post" not in page.text


def test_a_text_is_tried_with_example_facts_before_it_counts(desk, qian):
    client = desk(qian)
    listed = client.get(f"{LAKE}/notice-texts?language=zh-hans&text=您的班次时间")
    assert listed.text.count("您的班次时间有变") == 1
    one = f"{LAKE}/notice-texts/shift_moved/zh-hans"
    address = form_of(client.get(one), "改写文案")
    assert "{begins}" in client.get(address).text  # begins with the catalogue's

    tried = client.post(
        address, {"try": "1", "title": "改时间了", "body": "{activity}改到{begins}"}
    )
    assert (tried.status_code, NoticeText.objects.count()) == (200, 0)
    assert "周六环境清洁改到2026-05-16 09:00" in tried.text
    wrong = client.post(address, {"try": "1", "title": "改时间了", "body": "{phone}"})
    assert wrong.status_code == 422
    assert "{phone}" in wrong.text

    filled(client, address, title="改时间了", body="{activity}改到{begins}")
    assert NoticeText.objects.get().title == "改时间了"
    page = client.get(one)
    assert "周六环境清洁改到2026-05-16 09:00" in page.text
    send(client, form_of(page, "恢复默认文案"))
    assert "您的班次时间有变" in client.get(one).text


def test_staff_who_do_not_manage_are_not_shown_the_texts(desk, zhao):
    client = desk(zhao)

    assert client.get(f"{LAKE}/notice-texts").status_code == 404
    assert "notice-texts" not in client.get(f"{LAKE}/outbox").text
