"""Verified hours and closed reports voided: by somebody else, with a reason, told to the person."""

import pytest
from django.db import transaction

from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from backend.notices.models import Notice
from backend.notices.words import words
from points.awards import selectors as awards
from points.awards.services.rederiving import Recomputation
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.selectors import wallet_of
from points.models import Award, Rule, Void
from points.rules import services as rules
from volunteers.attendance import errors
from volunteers.attendance.services import hours, timesheets
from volunteers.models import Attendance, Report, Volunteer
from volunteers.people.services import people
from volunteers.reports.errors import OwnReport, ReportStatusWrong
from volunteers.reports.services import handling, submitting

SHIFT = ("2024-03-01 07:00", "2024-03-01 09:00")
REASON = "不在现场"


@pytest.fixture
def sun(lake, person):
    """A second member of staff."""
    user = person("sun")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


@pytest.fixture
def verified(served, wang, zhao):
    """王小明's two hours of 20 points, verified by 赵社工."""
    return hours.verify(attendance=served(wang, *SHIFT), verifier=zhao)[0]


@pytest.fixture
def closed(lake, wang, zhao):
    """王小明's report of 20 points, closed as verified by 赵社工."""
    submitted = submitting.submit(community=lake, reporter=wang, category="hazard", text="井盖松动")
    return handling.close(report=submitted, handler=zhao)[0]


def spend(lake, wang, points):
    wallet = ledger.wallet(community=lake, person_id=wang.pk)
    shop = ledger.account(community=lake, kind=AccountKind.MERCHANT, holder="merchant:1")
    ledger.post(
        ledger.Movement(
            debit=wallet, credit=shop, amount=points, key="tea", reason="x", source="test:tea"
        )
    )


def balance(lake, wang):
    wallet = wallet_of(lake.pk, wang.pk)
    return wallet.available, wallet.shortfall


def test_voided_hours_are_taken_back_recorded_and_told(lake, wang, zhao, sun, verified):
    voided = hours.void(attendance=verified, voider=sun, reason=REASON)

    assert (voided.status, voided.voided_by, voided.reason) == ("voided", sun, REASON)
    assert (voided.verified_by, voided.worked_minutes) == (zhao, 120)
    assert balance(lake, wang) == (0, 0)
    void = Void.objects.get()
    assert (void.award.source, void.reason) == (f"hours:{verified.pk}", REASON)
    assert (void.reversal.amount, void.reversal.recovered) == (20, 20)
    entry = AuditEntry.objects.get(action="attendance.void")
    assert (entry.actor, entry.target_id) == (sun, str(verified.pk))
    assert (entry.before, entry.after) == ({"status": "verified"}, {"status": "voided"})
    notice = Notice.objects.exclude(kind="hours_verified").get()
    assert (notice.recipient, notice.kind) == (wang, "hours_voided")
    assert list(Recomputation(lake)) == []


def test_a_voided_report_is_taken_back_recorded_and_told(lake, wang, zhao, sun, closed):
    voided = handling.void(report=closed, voider=sun, reason=REASON)

    assert (voided.status, voided.voided_by, voided.reason) == ("voided", sun, REASON)
    assert voided.closed_by == zhao
    assert balance(lake, wang) == (0, 0)
    assert Void.objects.get().award.source == f"report:{closed.pk}"
    entry = AuditEntry.objects.get(action="report.void")
    assert entry.before == {"status": "closed"}
    assert entry.after == {"status": "voided", "at": voided.voided_at.isoformat()}
    notice = Notice.objects.get(kind="report_voided")
    assert (notice.recipient, notice.kind) == (wang, "report_voided")
    assert list(Recomputation(lake)) == []


@pytest.mark.parametrize(
    ("language", "title", "body"),
    [
        (
            "zh-hans",
            "您的一次服务时长已作废",
            "邻里服务，2024-03-01 07:00：不在现场。所得积分已收回。",
        ),
        (
            "en",
            "Hours of yours were voided",
            "邻里服务, 2024-03-01 07:00: 不在现场. What they earned is taken back.",
        ),
    ],
)
def test_the_notice_says_which_hours_and_why(verified, sun, language, title, body):
    from django.utils.translation import override

    hours.void(attendance=verified, voider=sun, reason=REASON)

    with override(language):
        assert words(Notice.objects.get(kind="hours_voided")) == (title, body)


def test_voiding_again_keeps_the_first_reason_and_moves_nothing(verified, closed, sun, zhao):
    hours.void(attendance=verified, voider=sun, reason=REASON)
    handling.void(report=closed, voider=sun, reason=REASON)

    again = hours.void(attendance=verified, voider=sun, reason="又一次")
    report = handling.void(report=closed, voider=sun, reason="又一次")

    assert (again.reason, report.reason) == (REASON, REASON)
    told = Notice.objects.filter(kind__endswith="_voided")
    assert Void.objects.count() == told.count() == 2


def test_what_was_spent_is_a_shortfall_that_the_next_award_repays(
    lake, wang, zhao, sun, verified, served
):
    spend(lake, wang, 15)

    hours.void(attendance=verified, voider=sun, reason=REASON)

    assert balance(lake, wang) == (0, 15)
    hours.verify(attendance=served(wang, "2024-03-02 07:00", "2024-03-02 09:00"), verifier=zhao)
    assert balance(lake, wang) == (5, 0)
    assert list(Recomputation(lake)) == []


def test_hours_that_earned_nothing_can_be_voided(lake, wang, zhao, sun, served):
    short = served(wang, "2024-03-01 07:00", "2024-03-01 07:05")
    short, award = hours.verify(attendance=short, verifier=zhao)
    assert award.amount == 0

    hours.void(attendance=short, voider=sun, reason=REASON)

    assert Void.objects.get().reversal is None
    assert list(Recomputation(lake)) == []


def test_what_was_voided_frees_the_cap_the_time_and_the_hours(lake, wang, zhao, sun, served):
    long = served(wang, "2024-03-01 08:00", "2024-03-01 16:00")
    hours.verify(attendance=long, verifier=zhao)  # 80, which is the cap
    hours.void(attendance=long, voider=sun, reason=REASON)

    right = served(wang, "2024-03-01 08:00", "2024-03-01 10:00")  # at the same time

    assert hours.verify(attendance=right, verifier=zhao)[1].amount == 20
    assert list(Recomputation(lake)) == []


def test_hours_on_paper_that_were_voided_are_known_and_not_recorded_anew(
    lake, wang, zhao, sun, clock
):
    paper = timesheets.PaperHours(
        wang.pk, "邻里服务", "邻里服务", clock("2024-03-01 07:00"), clock("2024-03-01 09:00")
    )
    (first,) = timesheets.record_many(community=lake, entries=[paper])
    attendance = Attendance.objects.get(pk=first.attendance_id)
    hours.verify(attendance=attendance, verifier=zhao)
    hours.void(attendance=attendance, voider=sun, reason=REASON)

    (again,) = timesheets.record_many(community=lake, entries=[paper])

    assert (again.attendance_id, again.is_new) == (attendance.pk, False)


def test_a_voided_record_shows_that_it_brings_nothing(lake, verified, closed, sun):
    hours.void(attendance=verified, voider=sun, reason=REASON)

    sources = [verified.award_source, closed.award_source]
    assert awards.points_by_source([lake.pk], sources) == dict(zip(sources, (0, 20), strict=True))


# --- who, and when ----------------------------------------------------------------------------
def test_who_verified_does_not_void(lake, verified, closed, zhao):
    with pytest.raises(errors.OwnVerification):
        hours.void(attendance=verified, voider=zhao, reason=REASON)
    with pytest.raises(errors.OwnVerification):
        handling.void(report=closed, voider=zhao, reason=REASON)

    assert not Void.objects.exists()


def test_nobody_voids_what_is_their_own(verified, closed, wang):
    with pytest.raises(errors.OwnHours):
        hours.void(attendance=verified, voider=wang, reason=REASON)
    with pytest.raises(OwnReport):
        handling.void(report=closed, voider=wang, reason=REASON)


def test_only_what_was_verified_is_voided(lake, wang, zhao, sun, served):
    rejected = hours.reject(attendance=served(wang, *SHIFT), verifier=zhao, reason=REASON)
    submitted = submitting.submit(community=lake, reporter=wang, category="hazard", text="井盖松动")

    with pytest.raises(errors.AttendanceStatusWrong) as refused:
        hours.void(attendance=rejected, voider=sun, reason=REASON)
    with pytest.raises(ReportStatusWrong):
        handling.void(report=submitted, voider=sun, reason=REASON)

    assert refused.value.facts == {"current_status": "rejected"}


def test_what_was_voided_is_not_verified_again(verified, closed, sun, zhao):
    hours.void(attendance=verified, voider=sun, reason=REASON)
    handling.void(report=closed, voider=sun, reason=REASON)

    with pytest.raises(errors.AttendanceStatusWrong):
        hours.verify(attendance=verified, verifier=zhao)
    with pytest.raises(ReportStatusWrong):
        handling.close(report=closed, handler=zhao)


ATTENDANCE, REPORT = "volunteers_attendance", "volunteers_report"


@pytest.mark.parametrize(
    ("rows", "changes", "refusal"),
    [
        (Attendance, {"worked_minutes": 600}, "final"),
        (Attendance, {"reason": "x"}, "final"),
        (Attendance, {"status": "rejected"}, "final"),
        (Attendance, {"status": "voided"}, "hours_void_is_complete"),
        (Attendance, {"status": "voided", "voided_by": "zhao"}, "hours_voided_by_another"),
        (Attendance, {"status": "voided", "voided_by": "wang"}, "hours_voided_by_another"),
        (Attendance, {"status": "voided", "voided_by": "sun", "worked_minutes": 9}, "final"),
        (Report, {"answer": "x"}, "final"),
        (Report, {"reason": "x"}, "final"),
        (Report, {"status": "voided"}, "report_void_is_complete"),
        (Report, {"status": "voided", "voided_by": "zhao"}, "report_voided_by_another"),
        (Report, {"status": "voided", "voided_by": "wang"}, "report_voided_by_another"),
        (Report, {"status": "voided", "voided_by": "sun", "answer": "x"}, "final"),
    ],
)
def test_the_database_lets_verified_records_be_voided_by_another_and_no_more(
    verified, closed, wang, zhao, sun, rows, changes, refusal
):
    people_ = {"wang": wang, "zhao": zhao, "sun": sun}
    if "voided_by" in changes:
        changes = changes | {"voided_by": people_[changes["voided_by"]], "voided_at": "2024-04-01Z"}
    if "voided_at" in changes:
        changes["voided_at"] = verified.verified_at

    with pytest.raises(Exception, match=refusal if refusal != "final" else "Cannot update"):  # noqa: SIM117
        with transaction.atomic():
            rows.objects.update(**changes)


@pytest.mark.parametrize("rows", [Attendance, Report])
def test_what_was_voided_stays_but_for_its_reason(verified, closed, sun, rows):
    hours.void(attendance=verified, voider=sun, reason=REASON)
    handling.void(report=closed, voider=sun, reason=REASON)

    for changes in ({"status": "verified"}, {"reason": "x"}, {"voided_at": verified.verified_at}):
        with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
            rows.objects.update(**changes)
    with pytest.raises(Exception, match="Cannot delete"), transaction.atomic():
        rows.objects.all().delete()

    assert rows.objects.update(reason="") == 1


@pytest.mark.django_db(transaction=True)
def test_voiding_at_the_same_moment_takes_back_once(lake, wang, sun, verified, at_once):
    at_once(8, lambda n: hours.void(attendance=verified, voider=sun, reason=f"{n}").reason)

    assert Void.objects.count() == 1
    assert balance(lake, wang) == (0, 0)


# --- one stacking policy ----------------------------------------------------------------------
@pytest.fixture
def reported_on_duty(lake, wang, zhao, patrol, served):
    """Submit a hazard while on duty, and close it: ``reported_on_duty(); ``(report, award)``."""

    def report():
        attendance = Attendance.objects.filter(shift=patrol, volunteer=wang).first()
        if attendance is None:
            attendance = Attendance.objects.create(
                community=lake,
                shift=patrol,
                volunteer=wang,
                status=Attendance.Status.CHECKED_IN,
                checked_in_at=patrol.starts_at,
            )
        submitted = submitting.submit(
            community=lake, reporter=wang, category="hazard", text="井盖松动"
        )
        closed, award = handling.close(report=submitted, handler=zhao)
        return attendance, closed, award

    return report


def test_a_report_made_during_an_activity_does_not_earn_as_well(lake, reported_on_duty):
    attendance, closed, award = reported_on_duty()

    assert closed.made_during == attendance
    assert (award.amount, award.explanation["arithmetic"]) == (
        0,
        {"reward": 20, "earns_during_activity": False, "points": 0},
    )
    assert award.explanation["inputs"]["during"] == f"hours:{attendance.pk}"
    assert list(Recomputation(lake)) == []


def test_a_rule_may_say_that_it_earns_as_well(lake, reported_on_duty):
    rules.publish(
        community=lake,
        subject=Rule.Subject.REPORT,
        category="hazard",
        parameters={"reward_points": 20, "earns_during_activity": True},
        valid_from=lake.today,
    )

    _, _, award = reported_on_duty()

    assert award.amount == 20
    assert award.explanation["arithmetic"] == {
        "reward": 20,
        "earns_during_activity": True,
        "points": 20,
    }
    assert list(Recomputation(lake)) == []


def test_a_report_made_during_hours_that_do_not_count_earns(
    lake, wang, zhao, reported_on_duty, patrol
):
    Attendance.objects.create(
        community=lake,
        shift=patrol,
        volunteer=wang,
        status=Attendance.Status.REJECTED,
        checked_in_at=patrol.starts_at,
        verified_by=zhao,
    )

    _, closed, award = reported_on_duty()

    assert (closed.made_during, award.amount) == (None, 20)


def test_the_reports_of_a_day_share_one_cap(lake, wang, zhao):
    rules.publish(
        community=lake,
        subject=Rule.Subject.REPORT,
        category="hazard",
        parameters={"reward_points": 20, "daily_cap_points": 30},
        valid_from=lake.today,
    )

    def report():
        seen = submitting.submit(community=lake, reporter=wang, category="hazard", text="井盖松动")
        return handling.close(report=seen, handler=zhao)[1].amount

    assert [report(), report(), report()] == [20, 10, 0]
    assert list(Recomputation(lake)) == []


# --- over HTTP --------------------------------------------------------------------------------
@pytest.mark.parametrize("which", ["attendances", "reports"])
def test_staff_void_over_http_once(lake, wang, sun, verified, closed, logged_in, which):
    record = {"attendances": verified, "reports": closed}[which]
    address = f"/api/v1/{which}/{record.pk}/void"
    client = logged_in(sun)

    response = client.post(address, {"reason": REASON})
    again = client.post(address, {"reason": "又一次"})

    body = response.json()
    assert (response.status_code, body["status"], body["reason"]) == (200, "voided", REASON)
    assert (body["points"], body["voided_at"] is None) == (0, False)
    assert again.json() == body
    assert Void.objects.count() == 1


@pytest.mark.parametrize("which", ["attendances", "reports"])
@pytest.mark.parametrize(
    ("who", "body", "status", "code"),
    [
        ("zhao", {"reason": REASON}, 403, "own_verification"),
        ("sun", {}, 400, "invalid_input"),
        ("wang", {"reason": REASON}, 404, "not_found"),
        ("li", {"reason": REASON}, 404, "not_found"),
    ],
)
def test_a_void_over_http_is_refused(
    wang, li, zhao, sun, verified, closed, logged_in, which, who, body, status, code
):
    record = {"attendances": verified, "reports": closed}[which]
    person = {"wang": wang, "li": li, "zhao": zhao, "sun": sun}[who]

    response = logged_in(person).post(f"/api/v1/{which}/{record.pk}/void", body)

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Void.objects.exists()


def test_nobody_voids_hours_of_their_own_over_http(lake, zhao, sun, served, logged_in):
    people.enrol(user=sun, community=lake, kind=Volunteer.Kind.RESIDENT)
    own, _ = hours.verify(attendance=served(sun, *SHIFT), verifier=zhao)

    response = logged_in(sun).post(f"/api/v1/attendances/{own.pk}/void", {"reason": REASON})

    assert (response.status_code, response.json()["code"]) == (403, "own_hours")
    assert Award.objects.count() == 1
