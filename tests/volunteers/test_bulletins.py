"""Bulletins: drafted by staff, published by a manager, never changed, commented on."""

from datetime import UTC, date, datetime

import pytest
from django.db import DatabaseError, transaction
from django.test import Client

from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from volunteers.models import Bulletin, BulletinComment, Report
from volunteers.reports import errors
from volunteers.reports.services import bulletins

MARCH = {"period": "month", "starts_on": date(2026, 3, 1)}
WORDS = {"title": "三月公示", "words": "本月整改一处。"}


@pytest.fixture
def qian(lake, person):
    """钱书记, who manages the lake."""
    user = person("qian", "钱书记")
    roles.give(user=user, community=lake, role=Role.MANAGER)
    return user


@pytest.fixture
def report(lake, wang):
    return Report.objects.create(
        community=lake,
        reporter=wang,
        category="hazard",
        is_confidential=False,
        colour="red",
        text="楼道堵了",
        submitted_at=datetime(2026, 3, 9, tzinfo=UTC),
    )


@pytest.fixture
def drafted(lake, zhao, report):
    return bulletins.draft(community=lake, drafted_by=zhao, **MARCH, **WORDS)


@pytest.fixture
def published(drafted, qian):
    return bulletins.publish(bulletin=drafted, published_by=qian)


def test_a_bulletin_from_draft_to_a_comment_that_everybody_reads(
    lake, zhao, qian, wang, li, report, logged_in
):
    desk, manager, volunteer = logged_in(zhao), logged_in(qian), logged_in(wang)
    key = {"Idempotency-Key": "draft"}
    body = {"period": "month", "starts_on": "2026-03-01", **WORDS}
    made, again = (
        desk.post("/api/v1/communities/lake/bulletins", body, headers=key) for _ in range(2)
    )
    assert (made.status_code, again.json()) == (201, made.json())
    address = f"/api/v1/bulletins/{made.json()['id']}"

    assert Client().get(address).status_code == 404
    assert volunteer.get(address).status_code == 404
    assert Client().get("/api/v1/communities/lake/bulletins").json()["results"] == []
    (listed,) = desk.get("/api/v1/communities/lake/bulletins").json()["results"]
    assert listed["status"] == "draft"
    assert volunteer.post(f"{address}/publish").status_code == 404
    assert desk.post(f"{address}/publish").status_code == 404  # of staff, who do not manage
    changed = desk.patch(address, {"words": "本月整改一处，谢谢邻里。"})
    assert changed.json()["words"] == "本月整改一处，谢谢邻里。"

    shown = manager.post(f"{address}/publish").json()
    assert manager.post(f"{address}/publish").json() == shown
    told = Client().get(address).json()
    assert told == shown
    assert (told["version"], told["is_superseded"]) == (1, False)
    (period,) = told["figures"]["periods"]
    assert (period["since"], period["total"]["reports"]) == ("2026-03-01", 1)
    assert told["figures"] | {"periods": []} == {"periods": [], "confidential": [], "funds": []}

    said = volunteer.post(f"{address}/comments", {"text": "好"}, headers={"Idempotency-Key": "1"})
    assert said.json() == {
        "id": said.json()["id"],
        "text": "好",
        "written_at": said.json()["written_at"],
        "status": "waiting",
    }
    comment = f"{address}/comments/{said.json()['id']}"
    assert Client().get(f"{address}/comments").json()["results"] == []
    assert logged_in(li).get(comment).status_code == 404
    assert volunteer.get(comment).status_code == desk.get(comment).status_code == 200
    assert volunteer.post(f"{comment}/decision", {"is_shown": True}).status_code == 404
    for _ in range(2):
        assert desk.post(f"{comment}/decision", {"is_shown": True}).json()["status"] == "shown"
    (public,) = Client().get(f"{address}/comments").json()["results"]
    assert public["text"] == "好"
    assert Client().get(comment).json() == public
    desk.post(f"{comment}/decision", {"is_shown": False})
    assert Client().get(comment).status_code == 404
    acts = AuditEntry.objects.filter(action__startswith="bulletin").order_by("pk")
    assert [entry.action for entry in acts] == [
        *("bulletin.draft", "bulletin.change", "bulletin.publish"),
        *["bulletin_comment.decide"] * 2,
    ]


def test_figures_of_a_published_bulletin_stay_and_its_next_version_supersedes_it(
    lake, zhao, qian, wang, published, report
):
    Report.objects.filter(pk=report.pk).update(status="accepted")

    second = bulletins.draft(community=lake, drafted_by=zhao, **MARCH, **WORDS)
    address = f"/api/v1/bulletins/{published.pk}"
    assert Client().get(address).json()["is_superseded"] is False
    bulletins.publish(bulletin=second, published_by=qian)

    told = [Client().get(f"/api/v1/bulletins/{one.pk}").json() for one in (published, second)]
    assert [(one["version"], one["is_superseded"]) for one in told] == [(1, True), (2, False)]
    statuses = [one["figures"]["periods"][0]["total"]["by_status"] for one in told]
    assert [of["status"] for (of,) in statuses] == ["submitted", "accepted"]


@pytest.mark.parametrize("change", [{"words": "改"}, {"figures": {}}, {"status": "draft"}])
def test_the_database_refuses_to_change_or_delete_a_published_bulletin(published, change):
    with pytest.raises(DatabaseError), transaction.atomic():
        Bulletin.objects.filter(pk=published.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        published.delete()


@pytest.mark.parametrize(
    ("period", "starts_on", "refusal"),
    [
        ("month", date(2026, 3, 2), errors.BulletinPeriodWrong),
        ("quarter", date(2026, 2, 1), errors.BulletinPeriodWrong),
        ("quarter", date(2099, 1, 1), errors.BulletinPeriodRunning),
        ("month", date(2026, 3, 1), errors.BulletinDrafted),
    ],
)
def test_what_is_no_period_of_a_bulletin(lake, zhao, drafted, period, starts_on, refusal):
    with pytest.raises(refusal):
        bulletins.draft(
            community=lake, drafted_by=zhao, period=period, starts_on=starts_on, **WORDS
        )


def test_a_month_is_over_when_the_next_begins(lake, zhao, monkeypatch):
    first = lake.today.replace(day=1)

    with pytest.raises(errors.BulletinPeriodRunning):
        bulletins.draft(community=lake, drafted_by=zhao, period="month", starts_on=first, **WORDS)


def test_nobody_publishes_their_own_and_nobody_changes_what_is_public(
    lake, zhao, qian, drafted, report
):
    bulletins.change(bulletin=drafted, changed_by=qian, changes={"words": "改"})
    with pytest.raises(errors.OwnBulletin):
        bulletins.publish(bulletin=drafted, published_by=qian)
    bulletins.change(bulletin=drafted, changed_by=zhao, changes={})
    bulletins.publish(bulletin=drafted, published_by=qian)
    with pytest.raises(errors.BulletinPublished):
        bulletins.change(bulletin=drafted, changed_by=zhao, changes={"words": "又改"})


def test_nobody_decides_on_their_own_comment(published, zhao, wang, lake):
    comment = bulletins.comment(bulletin=published, author=zhao, text="好")
    with pytest.raises(errors.OwnComment):
        bulletins.decide(comment=comment, decided_by=zhao, is_shown=True)


@pytest.mark.django_db(transaction=True)
def test_of_two_drafts_at_once_one_is_refused(lake, zhao, at_once):
    def draft(_):
        try:
            return bulletins.draft(community=lake, drafted_by=zhao, **MARCH, **WORDS).version
        except errors.BulletinDrafted:
            return "refused"

    assert sorted(map(str, at_once(2, draft))) == ["1", "refused"]


def test_a_draft_and_comments_that_wait_are_on_no_page(lake, zhao, qian, wang, drafted):
    address = f"/c/lake/bulletins/{drafted.pk}"
    assert Client().get(address).status_code == 404
    assert "三月公示" not in Client().get("/c/lake/").content.decode()

    bulletins.publish(bulletin=drafted, published_by=qian)
    comment = bulletins.comment(bulletin=drafted, author=wang, text="路灯也坏了")
    assert "路灯" not in Client().get(address).content.decode()
    bulletins.decide(comment=comment, decided_by=zhao, is_shown=True)

    text = Client().get(address).content.decode()
    assert "路灯也坏了" in text
    assert "本月整改一处。" in text
    assert "王小明" not in text
    assert address in Client().get("/c/lake/").content.decode()


def test_a_comment_of_somebody_erased_is_shown_to_nobody(published, wang, zhao):
    comment = bulletins.comment(bulletin=published, author=wang, text="好")
    bulletins.decide(comment=comment, decided_by=zhao, is_shown=True)
    BulletinComment.objects.filter(pk=comment.pk).update(text="")

    address = f"/api/v1/bulletins/{published.pk}/comments"
    assert Client().get(address).json()["results"] == []


def test_staff_find_the_comments_that_wait_whatever_bulletin_they_are_on(
    published, zhao, wang, li, logged_in
):
    first = bulletins.comment(bulletin=published, author=wang, text="好")
    second = bulletins.comment(bulletin=published, author=li, text="谢谢")
    bulletins.decide(comment=first, decided_by=zhao, is_shown=True)
    address = "/api/v1/communities/lake/comments"

    (found,) = logged_in(zhao).get(address, {"status": "waiting"}).json()["results"]

    assert found == {
        "id": str(second.pk),
        "text": "谢谢",
        "written_at": found["written_at"],
        "status": "waiting",
        "bulletin_id": str(published.pk),
        "bulletin_title": "三月公示",
    }
    assert len(logged_in(zhao).get(address).json()["results"]) == 2
    assert logged_in(wang).get(address).status_code == 404
