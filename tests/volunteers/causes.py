"""What causes each kind of notice to volunteers and staff: tests/backend/test_notice_kinds.py."""

from datetime import datetime, time, timedelta

from allauth.socialaccount.models import SocialAccount
from django.utils import timezone

from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.events.recurrence import Recurrence
from backend.events.services import series
from backend.outbox import services as outbox
from backend.payouts.models import Payout
from points.funds import services as funds
from points.kinds import Unit
from points.rules import services as rules
from volunteers.activities import services as activities
from volunteers.activities.models import ServicePolicy
from volunteers.attendance.services import (
    call_outs,
    closing,
    corrections,
    hours,
    objections,
    planning,
    presence,
    queue,
    sign_ups,
)
from volunteers.models import ReportPolicy, Screening, Volunteer
from volunteers.people.services import joining
from volunteers.reports import reward_selectors
from volunteers.reports.services import (
    confirming,
    contributing,
    deadlines,
    handling,
    inspecting,
    monthly,
    red_packets,
    routing,
    submitting,
    surveying,
    wording,
)
from volunteers.teams import services as teams

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


# --- joining ----------------------------------------------------------------------------------
def join_approved(lake, zhao, person):
    asked, _ = joining.join(user=person("new"), community=lake, kind=Volunteer.Kind.RESIDENT)
    joining.approve(join_request=asked, decided_by=zhao)
    return asked.user


def join_rejected(lake, zhao, person):
    asked, _ = joining.join(user=person("new"), community=lake, kind=Volunteer.Kind.RESIDENT)
    joining.reject(join_request=asked, decided_by=zhao, reason="不住本社区")
    return asked.user


# --- teams ------------------------------------------------------------------------------------
def _asked_to_join(lake, wang, zhao):
    team = teams.found(place=lake, founded_by=zhao, name="红马甲")
    return teams.join(team=team, volunteer=wang)[0]


def team_accepted(lake, wang, zhao):
    teams.accept(member=_asked_to_join(lake, wang, zhao), decided_by=zhao)
    return wang


def team_rejected(lake, wang, zhao):
    teams.reject(member=_asked_to_join(lake, wang, zhao), decided_by=zhao, reason="已满员")
    return wang


def team_removed(lake, wang, zhao):
    member = teams.accept(member=_asked_to_join(lake, wang, zhao), decided_by=zhao)
    teams.remove(member=member, removed_by=zhao, reason="长期不参加")
    return wang


def team_dissolved(lake, wang, zhao):
    member = teams.accept(member=_asked_to_join(lake, wang, zhao), decided_by=zhao)
    teams.dissolve(team=member.team, dissolved_by=zhao, reason="并入绿丝带")
    return wang


# --- shifts to come ---------------------------------------------------------------------------
def _in(days, lake, *, capacity=None):
    """A shift at noon, in so many days."""
    noon = datetime.combine(lake.today + days * DAY, time(12), tzinfo=lake.clock)
    activity = activities.plan_activity(
        community=lake, title="清洁楼道", category="清洁", place="3栋"
    )
    return activities.plan_shift(
        activity=activity, starts_at=noon, ends_at=noon + 2 * HOUR, capacity=capacity
    )


def shift_tomorrow(lake, wang):
    sign_ups.sign_up(shift=_in(2, lake), volunteer=wang)
    return wang


def shift_reminder(lake, wang):
    sign_ups.sign_up(shift=_in(2, lake), volunteer=wang)
    return wang


def shift_moved(lake, wang, zhao):
    shift = _in(2, lake)
    sign_ups.sign_up(shift=shift, volunteer=wang)
    later = {"starts_at": shift.starts_at + DAY, "ends_at": shift.ends_at + DAY}
    planning.change_shift(shift=shift, changed_by=zhao, changes=later)
    return wang


def shift_cancelled(lake, wang, zhao):
    shift = _in(2, lake)
    sign_ups.sign_up(shift=shift, volunteer=wang)
    planning.cancel_shift(shift=shift, cancelled_by=zhao, reason="暴雨")
    return wang


def _waits(lake, wang, li):
    """Li waits for the one place of a shift, which is Wang's."""
    shift = _in(2, lake, capacity=1)
    place = sign_ups.sign_up(shift=shift, volunteer=wang)
    sign_ups.sign_up_or_wait(shift=shift, volunteer=li)
    return place


def waiting_promoted(lake, wang, li):
    sign_ups.cancel(attendance=_waits(lake, wang, li))
    return li


def waiting_passed_over(lake, wang, li):
    place = _waits(lake, wang, li)
    sign_ups.sign_up(shift=_in(2, lake), volunteer=li)
    sign_ups.cancel(attendance=place)
    return li


def waiting_moved(lake, wang, li, zhao):
    shift = _waits(lake, wang, li).shift
    later = {"starts_at": shift.starts_at + DAY, "ends_at": shift.ends_at + DAY}
    planning.change_shift(shift=shift, changed_by=zhao, changes=later)
    return li


def call_out(lake, wang, zhao):
    call_outs.call_out(shift=_in(2, lake), called_by=zhao, message="雪大，需要人手。")
    return wang


# --- shifts that are over ---------------------------------------------------------------------
def _over(lake, wang, *, days_ago=9):
    """A place of Wang's in a shift that is over."""
    shift = _in(-days_ago, lake)
    return sign_ups.sign_up(shift=shift, volunteer=wang, now=shift.starts_at - DAY)


def check_out_forgotten(lake, wang):
    place = _over(lake, wang)
    presence.check_in(attendance=place, now=place.shift.starts_at)
    closing.close(community_id=lake.pk, shift_id=place.shift_id, now=timezone.now())
    return wang


def no_show(lake, wang):
    place = _over(lake, wang)
    closing.close(community_id=lake.pk, shift_id=place.shift_id, now=timezone.now())
    return wang


def _served(lake, wang, **when):
    place = _over(lake, wang, **when)
    presence.check_in(attendance=place, now=place.shift.starts_at)
    return presence.check_out(attendance=place, now=place.shift.ends_at)


def hours_verified(lake, wang, zhao):
    hours.verify(attendance=_served(lake, wang), verifier=zhao)
    return wang


def hours_published(lake, wang, zhao):
    ServicePolicy.objects.create(community=lake, publicity_days=7)
    hours.verify(attendance=_served(lake, wang), verifier=zhao)
    return wang


def hours_rejected(lake, wang, zhao):
    hours.reject(attendance=_served(lake, wang), verifier=zhao, reason="没有到场")
    return wang


def hours_corrected(lake, wang, zhao):
    served = _served(lake, wang)
    corrections.correct(
        attendance=served,
        checked_in_at=served.shift.starts_at,
        checked_out_at=served.shift.ends_at - HOUR,
        reason="提前离开",
        corrected_by=zhao,
    )
    return wang


def hours_voided(lake, wang, li, zhao):
    served, _ = hours.verify(attendance=_served(lake, wang), verifier=zhao)
    hours.void(attendance=served, voider=li, reason="重复登记")
    return wang


def _appealed(lake, wang, zhao):
    rejected = hours.reject(attendance=_served(lake, wang), verifier=zhao, reason="没有到场")
    return objections.appeal(attendance=rejected, words="我在场")


def appeal_upheld(lake, wang, li, zhao):
    appeal = _appealed(lake, wang, zhao)
    objections.decide(objection=appeal, decider=li, is_upheld=True, reason="有照片")
    return wang


def appeal_dismissed(lake, wang, li, zhao):
    appeal = _appealed(lake, wang, zhao)
    objections.decide(objection=appeal, decider=li, is_upheld=False, reason="没有凭据")
    return wang


def _objected(lake, wang, li, zhao):
    """Li objects to hours of Wang's that are public."""
    ServicePolicy.objects.create(community=lake, publicity_days=7)
    public, _ = hours.verify(attendance=_served(lake, wang), verifier=zhao)
    return objections.object_to(attendance=public, objector=li, words="他没有来")


def objection_upheld(lake, wang, li, zhao, person):
    objection = _objected(lake, wang, li, zhao)
    objections.decide(objection=objection, decider=person("sun"), is_upheld=True, reason="属实")
    return li


def objection_dismissed(lake, wang, li, zhao, person):
    objection = _objected(lake, wang, li, zhao)
    objections.decide(objection=objection, decider=person("sun"), is_upheld=False, reason="有照片")
    return li


# --- reports ----------------------------------------------------------------------------------
def _reported(lake, wang, **facts):
    said = {"category": "hazard", "text": "井盖松动"} | facts
    return submitting.submit(community=lake, reporter=wang, **said)


def report_held(lake, wang, zhao, settings, wechat):
    settings.WECHAT_CHECK_ORIGIN = "https://linli.example.cn"
    row = Screening.objects.get(report=_reported(lake, wang))
    outbox.attempt("screening", community_id=lake.pk, pk=row.pk)
    return zhao


def report_accepted(lake, wang, zhao):
    handling.accept(report=_reported(lake, wang), handler=zhao)
    return wang


def report_made_safe(lake, wang, zhao):
    handling.make_safe(report=_reported(lake, wang), handler=zhao)
    return wang


def report_fixed(lake, wang, zhao):
    handling.fix(report=_reported(lake, wang), handler=zhao)
    return wang


def report_closed(lake, wang, zhao):
    handling.close(report=_reported(lake, wang), handler=zhao, answer="已修好")
    return wang


def report_rejected(lake, wang, zhao):
    handling.reject(report=_reported(lake, wang), handler=zhao, answer="没有找到")
    return wang


def report_not_ours(lake, wang, zhao):
    handling.mark_not_ours(report=_reported(lake, wang), handler=zhao, answer="归供电所管")
    return wang


def report_duplicate(lake, wang, li, zhao):
    handling.mark_duplicate(
        report=_reported(lake, wang), original=_reported(lake, li), handler=zhao
    )
    return wang


def report_reopened(lake, wang, zhao):
    closed, _ = handling.close(report=_reported(lake, wang), handler=zhao)
    handling.reopen(report=closed, reopener=zhao, reason="又松了")
    return wang


def report_voided(lake, wang, li, zhao):
    closed, _ = handling.close(report=_reported(lake, wang), handler=zhao)
    handling.void(report=closed, voider=li, reason="照片是旧的")
    return wang


def report_commented(lake, wang, zhao):
    wording.comment(report=_reported(lake, wang), author=zhao, text="在哪个单元？")
    return wang


def _confirmed(lake, wang, li):
    report = _reported(lake, wang)
    confirming.confirm(report=report, confirmer=li)
    return report


def report_confirmed_closed(lake, wang, li, zhao):
    handling.close(report=_confirmed(lake, wang, li), handler=zhao)
    return li


def report_confirmed_ended(lake, wang, li, zhao):
    handling.reject(report=_confirmed(lake, wang, li), handler=zhao, answer="没有找到")
    return li


def report_survey(lake, wang, zhao):
    handling.close(report=_reported(lake, wang), handler=zhao)
    surveying.ask(community=lake, now=timezone.now() + timedelta(weeks=4))
    return wang


def report_assigned(lake, wang, zhao, person):
    routing.assign(report=_reported(lake, wang), handler=person("sun"), assignee=zhao)
    return zhao


def report_escalated(lake, wang, zhao):
    ReportPolicy.objects.create(community=lake)
    report = _reported(lake, wang)
    deadlines.escalate(community_id=lake.pk, now=report.submitted_at + 30 * DAY)
    return zhao


def report_forwarded(lake, wang, zhao, person):
    lake.parent = places.found(code="shore", name="湖畔街道", kind=Community.Kind.STREET)
    lake.save()
    above = person("above")
    roles.give(user=above, community=lake.parent, role=Role.STAFF)
    routing.forward(report=_reported(lake, wang), handler=zhao)
    return above


def contribution_recorded(lake, wang, zhao):
    report = handling.accept(report=_reported(lake, wang), handler=zhao)
    contributing.record(report=report, by=zhao, what="水泥", given_on=lake.today, giver_id=wang.pk)
    return wang


def inspection_overdue(lake, zhao):
    daily = series.plan(
        place=lake,
        by=zhao,
        title="安全检查",
        recurrence=Recurrence("week", (1, 2, 3, 4, 5, 6, 7)),
        starts_on=lake.today + DAY,
        ends_on=lake.today + DAY,
        from_time=time(9),
        until_time=time(17),
    )
    inspecting.plan(community=lake, by=zhao, series_id=daily.pk, place="3栋", items=["消火栓"])
    inspecting.tell_overdue(community=lake, now=timezone.now() + 3 * DAY)
    return zhao


# --- rewards ----------------------------------------------------------------------------------
def _earned(lake, wang, zhao, *, fen_in_fund):
    """The reward of 50 yuan for a report that was closed."""
    fund = funds.open_fund(
        community=lake, name="红包", year=lake.today.year, unit=Unit.FEN, opened_by=zhao
    )
    if fen_in_fund:
        funds.top_up(fund=fund, amount=fen_in_fund, reason="街道拨款", topped_up_by=zhao)
    rules.publish(
        community=lake,
        subject="report",
        category="facility",
        parameters={"reward_fen": 5_000, "fund": "红包"},
        valid_from=lake.today,
    )
    report = _reported(lake, wang, category="facility")
    handling.close(report=report, handler=zhao)
    return reward_selectors.rewards_in(lake).get(subject=report.award_source)


def reward_waiting(lake, wang, zhao):
    _earned(lake, wang, zhao, fen_in_fund=0)
    return wang


def reward_paid(lake, wang, zhao, person):
    reward = _earned(lake, wang, zhao, fen_in_fund=5_000)
    payment = red_packets.pay_by_hand(reward=reward, reference="收据 15", recorded_by=zhao)
    red_packets.confirm(payment=payment, confirmed_by=person("sun"))
    return wang


def reward_unclaimed(lake, wang, zhao, wechat_pay):
    SocialAccount.objects.create(user=wang, provider="wechat", uid="o6_wang")
    _earned(lake, wang, zhao, fen_in_fund=5_000)
    red_packets.order_due(community=lake)
    payout = Payout.objects.get()
    whose = {"community_id": lake.pk, "pk": payout.pk}
    outbox.attempt("payout", is_due=False, **whose)
    wechat_pay.ahead = 25 * 3_600  # seconds
    outbox.attempt("payout", is_due=False, **whose)
    return wang


# --- digests ----------------------------------------------------------------------------------
def verification_due(lake, wang, zhao):
    _served(lake, wang)
    queue.tell(community=lake)
    return zhao


def volunteer_month(lake, wang, zhao):
    third = lake.today.replace(day=3)
    in_the_month_before = (lake.today - third).days + 10
    served = _served(lake, wang, days_ago=in_the_month_before)
    hours.verify(attendance=served, verifier=zhao)
    monthly.tell(community=lake, today=third)
    return wang
