"""Surveys: who is asked when, what they may answer, and what is told of the answers."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.utils import timezone, translation

from backend.accounts.models import User
from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from backend.ids import new_id
from backend.notices.models import Notice
from backend.notices.words import words
from volunteers.models import Confirmation, Report, ReportPolicy, Survey
from volunteers.reports import errors, round_figures
from volunteers.reports.services import surveying
from volunteers.reports.tasks import sweep_surveys

NOW = timezone.now()


def ago(**span):
    return NOW - timedelta(**span)


@pytest.fixture
def closed(lake, wang, zhao):
    """A report that was closed: ``closed(fixed_at=…, closed_at=…)``, by default 30 days ago."""

    def put(**facts):
        told = {
            "reporter": wang,
            "category": "hazard",
            "is_confidential": False,
            "colour": "red",
            "status": "closed",
            "closed_at": ago(days=30),
            "closed_by": zhao,
        } | facts
        return Report.objects.create(community=lake, earned_at=told["closed_at"], **told)

    return put


def asked(lake, now=NOW):
    surveying.ask(community=lake, now=now)
    return {survey.respondent.username for survey in Survey.objects.select_related("respondent")}


# --- asking -----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("facts", "is_asked"),
    [
        ({"closed_at": ago(weeks=3)}, True),
        ({"closed_at": ago(weeks=3) + timedelta(hours=1)}, False),
        ({"closed_at": ago(days=1), "fixed_at": ago(weeks=3)}, True),
        ({"closed_at": ago(days=1), "fixed_at": ago(days=20)}, False),
        ({"closed_at": ago(weeks=3) - surveying.TOO_LATE}, False),
        ({"status": "rejected"}, False),
        ({"reporter": None, "source": "imported"}, False),
    ],
)
def test_the_reporter_is_asked_three_weeks_after_the_fix(lake, closed, facts, is_asked):
    closed(**facts)

    assert asked(lake) == ({"wang"} if is_asked else set())


@pytest.mark.parametrize(
    ("weeks", "days", "is_asked"), [(1, 8, True), (1, 6, False), (0, 30, False)]
)
def test_the_weeks_are_the_communitys(lake, closed, weeks, days, is_asked):
    ReportPolicy.objects.create(community=lake, survey_weeks=weeks)
    closed(closed_at=ago(days=days))

    assert bool(asked(lake)) is is_asked


def test_confirmers_are_asked_too_but_not_who_closed_it_nor_who_is_gone(
    lake, closed, li, zhao, person
):
    report = closed()
    gone = person("gone")
    for confirmer in (li, zhao, gone):
        Confirmation.objects.create(community=lake, report=report, confirmer=confirmer)
    User.objects.filter(pk=gone.pk).update(is_active=False)

    assert asked(lake) == {"wang", "li"}


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_whoever_is_asked_gets_one_notice_in_both_languages(closed, wang):
    closed()
    for _ in range(2):
        sweep_surveys()

    notice = Notice.objects.get(recipient=wang, kind="report_survey")
    assert (notice.target_id, notice.due_at <= timezone.now()) == (Survey.objects.get().pk, True)
    with translation.override("en"):
        title, body = words(notice)
        assert title == "How was it dealt with?"
        assert body.startswith("What was reported 20")
    with translation.override("zh-hans"):
        assert words(notice)[0] == "办得怎么样？请您评价"


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_ask_once(lake, closed, li, at_once):
    for _ in range(3):
        report = closed()
        Confirmation.objects.create(community=lake, report=report, confirmer=li)

    counts = at_once(4, lambda _: surveying.ask(community=lake, now=NOW))

    assert sum(counts) == 6
    assert Survey.objects.count() == Notice.objects.filter(kind="report_survey").count() == 6


# --- answering --------------------------------------------------------------------------------
@pytest.fixture
def survey(lake, closed):
    closed()
    surveying.ask(community=lake, now=NOW)
    return Survey.objects.get()


def test_it_is_answered_once(survey, wang, logged_in):
    phone, address = logged_in(wang), f"/api/v1/surveys/{survey.pk}/answer"
    body = {"score": 4, "words": "修得快"}

    first, again = (phone.post(address, body) for _ in range(2))
    other = phone.post(address, body | {"score": 5})

    assert (first.status_code, again.json()) == (200, first.json())
    assert (other.status_code, other.json()["code"]) == (409, "survey_answered")
    assert (first.json()["score"], first.json()["words"]) == (4, "修得快")
    (mine,) = phone.get("/api/v1/me/surveys?answered=true").json()["results"]
    assert mine["id"] == str(survey.pk)


@pytest.mark.parametrize("score", [0, 6])
def test_the_score_is_from_1_to_5(survey, wang, logged_in, score):
    answer = logged_in(wang).post(f"/api/v1/surveys/{survey.pk}/answer", {"score": score})

    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["score"])
    with pytest.raises(DatabaseError), transaction.atomic():
        surveying.answer(survey=survey, score=score)


def test_an_answer_stays_and_its_words_may_go(survey):
    surveying.answer(survey=survey, score=4, words="修得快")
    with pytest.raises(errors.SurveyAnswered):
        surveying.answer(survey=survey, score=4, words="")

    for change in ({"score": 5}, {"words": "慢"}):
        with pytest.raises(DatabaseError), transaction.atomic():
            Survey.objects.filter(pk=survey.pk).update(**change)
    assert Survey.objects.filter(pk=survey.pk).update(words="") == 1


def test_others_do_not_reach_it_and_staff_read_what_was_answered(survey, li, zhao, logged_in):
    address = f"/api/v1/surveys/{survey.pk}"
    for reader in (li, zhao):
        assert logged_in(reader).get(address).status_code == 404
        assert logged_in(reader).post(f"{address}/answer", {"score": 1}).status_code == 404
    surveying.answer(survey=survey, score=4)

    assert logged_in(li).get(address).status_code == 404
    assert logged_in(zhao).get(address).json()["score"] == 4
    (listed,) = logged_in(zhao).get("/api/v1/surveys?category=hazard").json()["results"]
    assert (listed["id"], listed["category"]) == (str(survey.pk), "hazard")
    assert logged_in(li).get("/api/v1/surveys").json()["results"] == []


def test_what_is_read_of_a_confidential_report_is_recorded(
    lake, hill, closed, zhao, person, logged_in
):
    report = closed(category="dispute", is_confidential=True)
    surveying.ask(community=lake, now=NOW)
    survey = Survey.objects.get()
    surveying.answer(survey=survey, score=2)
    far = person("far")
    roles.give(user=far, community=hill, role=Role.MANAGER)

    assert logged_in(far).get(f"/api/v1/surveys/{survey.pk}").status_code == 404
    assert logged_in(zhao).get(f"/api/v1/surveys/{survey.pk}").status_code == 200

    entry = AuditEntry.objects.get(action="report.view")
    assert (entry.actor, entry.target_id) == (zhao, str(report.pk))


# --- figures ----------------------------------------------------------------------------------
@pytest.fixture
def answers(lake, closed):
    """Answers of the first quarter of 2024: ``answers([4, 5], category=…, by=[wang, li])``."""

    def put(scores, *, by=None, **facts):
        people = by or User.objects.bulk_create(
            User(id=new_id(), username=f"{new_id()}", name="邻居") for _ in scores
        )
        for score, person in zip(scores, people, strict=True):
            Survey.objects.create(
                community=lake,
                report=closed(**facts),
                respondent=person,
                score=score,
                answered_at=datetime(2024, 2, 1, tzinfo=UTC),
            )

    return put


def test_the_figure_is_by_category_and_quarter(lake, answers):
    answers([5, 4])
    answers([1], category="facility")

    told = round_figures.of_surveys(lake, sees_names=True)

    assert [(one.quarter, one.category, one.answers, str(one.average_score)) for one in told] == [
        ("2024-Q1", "facility", 1, "1.0"),
        ("2024-Q1", "hazard", 2, "4.5"),
    ]


def test_the_public_learns_of_five_people_or_more_and_nothing_confidential(
    lake, answers, wang, client
):
    answers([5, 4, 4, 4, 4])
    answers([1, 1, 1, 1], category="facility")
    answers([1] * 6, by=[wang] * 6, category="environment")
    answers([1] * 6, category="dispute", is_confidential=True)

    told = client.get("/api/v1/communities/lake/round-figures").json()["satisfaction"]

    assert told == [
        {
            "quarter": "2024-Q1",
            "category": "hazard",
            "answers": 5,
            "people": 5,
            "average_score": "4.2",
        }
    ]


def test_the_public_learns_nothing_of_the_running_quarter(lake, closed, answers):
    answers([5] * 5)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        Survey.objects.update(answered_at=timezone.now())

    assert round_figures.of_surveys(lake, sees_names=False) == []
    assert len(round_figures.of_surveys(lake, sees_names=True)) == 1
