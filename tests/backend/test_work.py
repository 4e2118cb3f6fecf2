"""What waits for a person in a community: counted by the lists that show it."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from backend.communities.models import Community
from backend.notices.models import Notice
from backend.payouts.models import Payout
from backend.registries import work
from merchants.models import Increase
from tests.backend.walks import send
from volunteers.models import Report

pytestmark = pytest.mark.slow
WORK = "/api/v1/communities/lake/work"
WORKERS = ("staff", "street_staff", "estate_staff", "manager", "auditor")


def read(town, caller, address):
    """Return what ``caller`` is answered with, which is no refusal."""
    answer = send("GET", address, None, town.headers[caller])
    assert answer.status_code == 200, (caller, address, answer.content)
    return json.loads(answer.content)


def told(town, caller):
    """Return what waits for ``caller`` at the lake, by kind."""
    return {one["kind"]: one for one in read(town, caller, WORK)["kinds"]}


def listed(town, caller, address):
    """Return how many rows the list at ``address`` has, or of sendings how many were given up."""
    answer = read(town, caller, address)
    if "kinds" in answer:
        return sum(kind["given_up"] for kind in answer["kinds"])
    return len(answer["results"])


@pytest.fixture
def busy_town(town):
    """The town with something of every kind to do at the lake."""
    lake, now = Community.objects.get(code="lake"), timezone.now()
    reports = Report.objects.filter(community=lake, status__in=Report.OPEN).order_by("pk")
    red, yellow, blue, later = reports[:4]
    for report, colour, due_in in (
        (red, "red", -3),
        (yellow, "yellow", -2),
        (blue, "blue", -1),
        (later, "blue", 1),
    ):
        due_at = now + timedelta(hours=due_in)
        reports.filter(pk=report.pk).update(colour=colour, due_at=due_at)
    payouts = Payout.objects.filter(community=lake)
    payouts.filter(pk=payouts.first().pk).update(
        status=Payout.Status.UNKNOWN, sent_at=now, last_sent_at=now
    )
    notices = Notice.objects.filter(community=lake)
    notices.filter(pk=notices.first().pk).update(next_at=None, given_up_at=now)
    pending = Increase.objects.get(community=lake, status=Increase.Status.PENDING)
    alone = Increase(
        community=lake,
        kind=pending.kind,
        partnership=pending.partnership,
        subject_id=pending.subject_id,
        amount_fen=1,
        status=Increase.Status.ALONE,
        asked_by=pending.asked_by,
    )
    alone.save()
    return town


def test_each_kind_of_work_is_counted_by_the_list_at_its_address(busy_town):
    seen = set()
    for caller in WORKERS:
        for kind, waiting in told(busy_town, caller).items():
            seen.add(kind)
            count = listed(busy_town, caller, waiting["address"])
            # What a person may not decide on because of their own part in it is in the list too.
            assert 0 < waiting["count"] <= count, (caller, kind)
            assert not waiting["is_more"]
            assert waiting["oldest_at"]

    assert seen == {kind.name for kind in work.registered()}


def test_only_what_somebody_may_act_on_waits_for_them(busy_town):
    waiting = {caller: set(told(busy_town, caller)) for caller in (*WORKERS, "volunteer", "child")}

    assert waiting["volunteer"] == waiting["child"] == set()
    assert waiting["auditor"] == {"samples_open", "findings_open"}
    assert "samples_open" not in waiting["manager"]
    assert "findings_open" not in waiting["staff"]
    # The staff of an estate: its hours, reports and newcomers, and nobody's money.
    assert waiting["estate_staff"] < waiting["staff"]
    assert not {"statements_to_pay", "claims_to_approve", "wishes"} & waiting["estate_staff"]


def test_no_more_than_two_hundred_are_counted_and_the_oldest_is_told(busy_town, monkeypatch):
    monkeypatch.setattr(work, "MOST", 1)
    oldest = Report.objects.order_by("due_at").first()

    waiting = told(busy_town, "staff")

    assert (waiting["hours_to_verify"]["count"], waiting["hours_to_verify"]["is_more"]) == (1, True)
    assert (waiting["wishes"]["count"], waiting["wishes"]["is_more"]) == (1, False)
    assert waiting["reports_red_overdue"]["oldest_at"] == (
        oldest.due_at.isoformat().replace("+00:00", "Z")
    )
