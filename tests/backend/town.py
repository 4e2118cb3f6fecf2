"""Two communities with the same people and business, to ask every operation about.

Things of the lake can then be asked for by people of the hill. ``rows`` and ``bodies`` are what
every new operation needs here: tests/backend/test_permissions.py and test_api_fuzz.py fail without.
"""

import io
from collections.abc import Callable
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import PurePath
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test.client import BOUNDARY, encode_multipart
from django.utils import timezone
from PIL import Image

from backend.accounts import ages, mfa
from backend.accounts.models import Consent, User
from backend.accounts.services import consents, guardians, operators, profile
from backend.audit.models import AuditEntry
from backend.communities.models import Community, Membership, Role, RoleInvitation, Suspension
from backend.communities.services import invitations as role_invitations
from backend.communities.services import places, roles
from backend.documents import services as documents
from backend.documents.models import Document
from backend.events.models import Series
from backend.events.recurrence import Recurrence
from backend.events.services import series, venues
from backend.imports.models import Import
from backend.imports.services import steps as imports
from backend.notices import mailboxes
from backend.notices.models import Notice
from backend.outbox import services as outbox
from backend.payouts.models import Payout
from backend.people.models import Merge
from backend.people.services import log_in_links, log_ins, merges, suspensions
from backend.privacy.services import exports
from backend.sampling import services as sampling
from backend.sampling.selectors import items_of
from backend.verification.models import Finding
from backend.verification.services import asking as verifications
from backend.webhooks import services as webhooks
from merchants.catalogue.selectors import prices_of
from merchants.catalogue.services import fairs
from merchants.catalogue.services import offers as catalogue
from merchants.giving.models import Wish
from merchants.giving.services import campaigns, wishes
from merchants.models import Card, MerchantMember, Offer, PayCode, Statement, Terms
from merchants.partners.services import invitations, listings
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import (
    cards,
    offline,
    pay_codes,
    refunds,
    shop_codes,
    voucher_tokens,
)
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import bank, files, payouts, questions
from merchants.settlement.services import statements as settlement
from points.awards.services import adjustments
from points.expiry import services as expiry
from points.funds import services as funds
from points.kinds import AccountKind, Unit
from points.ledger import services as ledger
from points.ledger.selectors import accounts_in, transfers_of
from points.models import Adjustment, Claim, Fund, Rule
from points.rules import services as rules
from points.rules.selectors import rules_known_in
from points.seals.services import sealing
from tests.cast import tell
from volunteers.activities import services as activities
from volunteers.activities.models import ServicePolicy
from volunteers.attendance import codes
from volunteers.attendance.errors import AttendanceStatusWrong
from volunteers.attendance.services import (
    call_outs,
    corrections,
    evaluations,
    gates,
    hours,
    objections,
    presence,
    sign_ups,
)
from volunteers.models import (
    Attendance,
    Confirmation,
    HandPayment,
    Mediation,
    Objection,
    RefusedClaim,
    Report,
    Shift,
    Survey,
    Team,
    TeamMember,
    Volunteer,
)
from volunteers.people.services import cells, joining, people
from volunteers.reports.services import (
    bulletins,
    contributing,
    deadlines,
    groups,
    handling,
    inspecting,
    mediating,
    patrolling,
    red_packets,
    routing,
    submitting,
    surveying,
    wording,
)
from volunteers.teams import services as teams

# Who asks. All are the lake's, but one who is everything at the hill. The street is above the lake,
# the estate below it.
CALLERS = (
    "anonymous",
    "volunteer",
    "elsewhere",
    "clerk",
    "owner",
    "staff",
    "street_staff",
    "estate_staff",
    "manager",
    "auditor",
    "child",
    "operator",
)
NEWCOMER = {"name": "孙新人", "username": "sun", "password": "correct horse battery staple"}
NOTICE_TEXT = "/api/v1/communities/{code}/notice-texts/{notice_kind}/{language}"
TAKING_PART = {
    "description": "带好手电",
    "team_id": None,
    "venue_id": None,
    "check_in_mode": "in_only",
    "geofence_metres": None,
    "walk_ins": True,
    "min_age": 12,
    "skills": ["急救"],
    "longest_minutes": 240,
    "most_minutes": 600,
}
BY_PHONE = {
    "latitude": 28.2,
    "longitude": 112.9,
    "coord_type": "gcj02",
    "accuracy_metres": 20,
    "device": "phone",
}
FACTS = {"text": "井盖松动", "latitude": 28.2, "longitude": 112.9}
DRAFT = {"subject": "hours", "category": "*", "parameters": {"points_per_hour": 20}}
CATEGORY = {
    "name": "电梯",
    "parent": "suggestion",
    "description": "轿厢、门、按钮",
    "is_confidential": False,
    "colour": "yellow",
    "questions": [
        {
            "code": "floor",
            "text": "停在几层？",
            "kind": "choice",
            "is_required": False,
            "choices": ["一层", "二层"],
        }
    ],
    "is_retired": False,
}
SHOP = {
    "contact_phone": "0731-85550001",
    "address": "湖滨路 2 号",
    "opening_hours": "周一至周日 9:00–21:00",
    "latitude": 28.2,
    "longitude": 112.9,
    "coord_type": "gcj02",
}
CONDITIONS = {
    "title": "一碗面",
    "kind": "seat",
    "description": "学做一碗面",
    "starts_at": "2100-05-01T08:00:00+08:00",
    "value_fen": 1_800,
    "valid_from": "2026-01-01",
    "valid_until": "2100-04-30",
    "limit_quantity": 2,
    "limit_period": "week",
    "min_hours": 1,
    "min_stars": 0,
    "groups": ["rider"],
    "min_age": 18,
    "max_age": 80,
    "scans_offline": True,
    "offline_hours": 48,
}


class Form(dict):
    """A body that is sent as ``multipart/form-data``: files, or lists of them, and words."""

    def encoded(self, boundary: str = BOUNDARY) -> bytes:
        sent = {
            name: [SimpleUploadedFile("photo.png", one) for one in files]
            if isinstance(files, list)
            else SimpleUploadedFile("photo.png", files)
            if isinstance(files, bytes)
            else files
            for name, files in self.items()
        }
        return encode_multipart(boundary, sent)


LONG = timedelta(hours=2)
Rows = dict[str, list[str]]  # what a path's parameter of each name may be
Bodies = dict[str, dict[str, Any]]  # what succeeds, by operation: "PUT /api/v1/…"


@dataclass
class Town:
    """``headers`` say who calls; ``rows`` and ``bodies`` are of "lake", "hill" and "estate"."""

    headers: dict[str, dict[str, str]]
    rows: dict[str, Rows]
    bodies: dict[str, Bodies]


@contextmanager
def undone():
    """Undo everything written inside, also where a view asks for a durable block."""
    block = transaction.atomic()
    block._from_testcase = True  # as django.test.TestCase marks its own
    with block:
        yield
        transaction.set_rollback(True)


def build(lake, hill, person, served, grant_points, logged_in) -> Town:
    for below, code, name in ((lake, "shore", "湖畔街道"), (hill, "slope", "山麓街道")):
        below.parent = places.found(code=code, name=name, kind=Community.Kind.STREET)
        below.save(update_fields=["parent"])
    cast: dict[str, User] = {}
    for name, place, role in (
        ("staff", lake, Role.STAFF),
        ("street_staff", lake.parent, Role.STAFF),
        ("manager", lake, Role.MANAGER),
        ("auditor", lake, Role.AUDITOR),
    ):
        cast[name] = person(name)
        roles.give(user=cast[name], community=place, role=role)

    rows: dict[str, Rows] = {}
    bodies: dict[str, Bodies] = {}
    for community, names in (
        (lake, ("volunteer", "clerk", "owner", "newcomer", "child")),
        (hill, ("neighbour", "other_clerk", "other_owner", "other_newcomer", "other_child")),
    ):
        people_there = [person(name) for name in names]
        cast |= zip(names, people_there, strict=True)
        found, bodies[community.code] = business(
            community, *people_there, served=served, grant_points=grant_points
        )
        rows[community.code] = {
            name: [str(getattr(one, "pk", one)) for one in several]
            for name, several in found.items()
        }
    cast["elsewhere"] = person("elsewhere")
    everything(cast["elsewhere"], hill, cast["other_owner"])
    estate = places.estate_named(community=lake, name="一区")
    cast["estate_staff"] = person("estate_staff")
    roles.give(user=cast["estate_staff"], community=estate, role=Role.STAFF)
    rows["estate"] = in_estate(estate, lake, cast["volunteer"], person("resident"), person("asker"))
    cast["operator"] = operators.appoint(person("operator"))
    setup = {"code": operators.fresh_setup_code(), **NEWCOMER}
    for community, by in ((lake, cast["manager"]), (hill, cast["elsewhere"])):
        asked = role_invitations.invite(place=community, role=Role.STAFF, invited_by=by)
        rows[community.code]["invitation_id"].append(str(asked.pk))
        bodies[community.code] |= founding(community, asked, setup)
    for community, by in ((lake, cast["staff"]), (hill, cast["elsewhere"])):
        other = User.objects.get(username=f"{community.code}-other")
        link = log_in_links.make(place=community, user=other, by=by)
        rows[community.code]["log_in_link_id"] = [str(link.pk)]
    mailbox = mailboxes.give(user=cast["staff"], address="staff@example.cn")
    bodies["lake"] |= {
        "PUT /api/v1/me/email": {"email": "office@example.cn"},
        "POST /api/v1/me/email/verify": {"code": mailbox.code},
    }
    bodies["estate"] = bodies["lake"]
    headers = {
        caller: {"Authorization": logged_in(cast[caller]).defaults["HTTP_AUTHORIZATION"]}
        for caller in CALLERS[1:]
    }
    return Town(headers={"anonymous": {}, **headers}, rows=rows, bodies=bodies)


def founding(community: Community, asked: RoleInvitation, setup: dict[str, str]) -> Bodies:
    """What succeeds of founding places below a street, and of inviting people to work there."""
    return {
        "POST /api/v1/setup": setup,
        "POST /api/v1/places": {
            "kind": "community",
            "code": "fresh",
            "name": "新湖社区",
            "parent": community.parent.code,
            "timezone": "Asia/Urumqi",
            "latitude": 28.2,
            "longitude": 112.9,
            "coord_type": "gcj02",
        },
        "PATCH /api/v1/places/{code}": {"name": "新湖"},
        "POST /api/v1/communities/{code}/role-invitations": {"role": "staff"},
        "POST /api/v1/role-invitations/look": {"code": asked.code},
        "POST /api/v1/role-invitations/accept": {"code": asked.code},
        "POST /api/v1/role-invitations/accept-as-new": {"code": asked.code, **NEWCOMER},
        "POST /api/v1/communities/{code}/rules/example": {
            "subject": "hours",
            "category": "*",
            "parameters": {"points_per_hour": 10},
            "minutes": 180,
            "from_time": "09:00",
            "colour": "red",
            "group": "rider",
        },
    }


def everything(user: User, community: Community, owner: User) -> None:
    """Make ``user`` all there is in ``community``, and at its shop, at once.

    An auditor may be nothing else along the tree, so the row is made here, and a street's roles
    stand for the community's.
    """
    people.enrol(user=user, community=community, kind=Volunteer.Kind.RIDER)
    for role in (Role.STAFF, Role.MANAGER):
        roles.give(user=user, community=community.parent, role=role)
    Membership.objects.create(user=user, community=community, role=Role.AUDITOR)
    shop = MerchantMember.objects.get(user=owner, role=MerchantMember.Role.OWNER).merchant
    for kind in MerchantMember.Role:
        partners.employ(merchant=shop, user=user, role=kind)


def in_estate(
    estate: Community, lake: Community, volunteer: User, resident: User, asker: User
) -> Rows:
    """A row of what an estate has of its own, which its staff reach."""
    enrolled, _ = people.enrol(
        user=resident, community=lake, kind=Volunteer.Kind.RESIDENT, estate=estate
    )
    asked, _ = joining.join(user=asker, community=lake, kind=Volunteer.Kind.RESIDENT, estate=estate)
    sweeping = activities.plan_activity(
        community=estate, title="楼道清扫", category="清扫", is_public=True
    )
    now = timezone.now()
    tomorrow, *past = (
        activities.plan_shift(activity=sweeping, starts_at=start, ends_at=start + LONG)
        for start in (
            now + timedelta(days=2),
            *(datetime(2024, month, 1, 1, tzinfo=UTC) for month in (4, 5)),
        )
    )
    sign_ups.sign_up(shift=tomorrow, volunteer=volunteer)
    full = activities.plan_shift(
        activity=sweeping,
        starts_at=now + timedelta(days=4),
        ends_at=now + timedelta(days=4, hours=2),
        capacity=1,
    )
    sign_ups.sign_up(shift=full, volunteer=resident)

    def attended(shift: Shift) -> Attendance:
        done = sign_ups.sign_up(shift=shift, volunteer=volunteer, now=shift.starts_at)
        presence.check_in(attendance=done, now=shift.starts_at)
        return presence.check_out(attendance=done, now=shift.ends_at)

    done, verified = map(attended, past)
    hours.verify(attendance=verified, verifier=asker)
    report, closed = (
        submitting.submit(
            community=lake, reporter=volunteer, category="hazard", estate=estate, **FACTS
        )
        for _ in range(2)
    )
    handling.close(report=closed, handler=asker)
    quarrel = quarrel_of(volunteer, lake, asker, estate=estate)
    answered = Survey.objects.create(community=lake, report=closed, respondent=volunteer)
    surveying.answer(survey=answered, score=5)
    daily = every_day(estate, asker)
    looked_at = inspecting.plan(
        community=estate, by=asker, series_id=daily.pk, place="3栋", items=["消火栓"]
    )
    walk = patrolling.begin(community=lake, walker=volunteer, estate_id=estate.pk)
    patrolling.end(patrol=walk, counts={"lanes": 2})
    patrolling.add_photo(patrol=walk, photo=photo_of_a_walk())
    cement = contributing.record(
        report=closed, by=asker, what="水泥", given_on=lake.today, giver_name="五金店", agreed=True
    )
    watch = teams.found(place=estate, founded_by=asker, name="楼道队")
    member, _ = teams.join(team=watch, volunteer=volunteer)
    teams.accept(member=member, decided_by=asker)
    waiting, _ = teams.join(team=watch, volunteer=resident)
    gates.open_gate(shift=tomorrow, by=asker)
    found = {
        "code": estate.code,
        "team_id": watch,
        "team_member_id": [member, waiting],
        "activity_id": sweeping,
        "shift_id": tomorrow,
        "attendance_id": [done, verified],
        "waiting_place_id": sign_ups.sign_up_or_wait(shift=full, volunteer=volunteer),
        "call_out_id": call_outs.call_out(shift=full, called_by=asker, message="缺人手。"),
        "claim_id": refused_claim(done),
        "report_id": [report, closed],
        "mediation_id": quarrel,
        "survey_id": answered,
        "patrol_id": walk,
        "patrol_photo_id": walk.photos.get(),
        "inspection_plan_id": looked_at,
        "inspection_id": looked_at.inspections.earliest("due_at"),
        "contribution_id": cement,
        "join_request_id": asked,
        "volunteer_id": enrolled,
    }
    return {
        name: [str(getattr(one, "pk", one)) for one in (some if isinstance(some, list) else [some])]
        for name, some in found.items()
    }


def records_of(community: Community) -> list[User]:
    """One of the staff with an authenticator, two records of one person, and somebody else."""
    found = []
    for number, name in enumerate(("registrar", "twin", "other", "away")):
        user = User(username=f"{community.code}-{name}", name="柳生" if number in (1, 2) else name)
        user.phone = f"198{len(found)}{sum(map(ord, community.code)):07}"
        user.set_unusable_password()
        user.save()
        if number:
            people.enrol(user=user, community=community, kind=Volunteer.Kind.RESIDENT)
        found.append(user)
    roles.give(user=found[0], community=community, role=Role.STAFF)
    mfa.hand_out(user=found[0], secret="JBSWY3DPEHPK3PXP")
    return found


def quarrel_of(reporter: User, community: Community, handler: User, **facts: Any) -> Mediation:
    """The mediation of a dispute, in which the parties have met."""
    report = submitting.submit(
        community=community, reporter=reporter, category="dispute", **FACTS, **facts
    )
    report = handling.accept(report=report, handler=handler)
    mediation = mediating.open_mediation(report=report, opened_by=handler, parties=["甲", "乙"])
    return mediating.hold_session(mediation=mediation, by=handler, held_at=timezone.now())


def every_day(place: Community, by: User) -> Series:
    """A series on each of the coming days."""
    return series.plan(
        place=place,
        by=by,
        title="安全检查",
        recurrence=Recurrence("week", (1, 2, 3, 4, 5, 6, 7)),
        starts_on=timezone.now().date() + timedelta(days=1),
        ends_on=timezone.now().date() + timedelta(days=3),
        from_time=time(9),
        until_time=time(17),
    )


def a_list(community: Community, by: User, *, done: bool) -> Import:
    """Return a list that was uploaded and checked, or also run."""
    text = "姓名,手机号,身份\n名单,19700000001,居民\n无,1,居民\n"
    file = SimpleUploadedFile("list.csv", text.encode())
    listed = imports.upload(community=community, kind="volunteers", file=file, by=by)
    told = [("name", "姓名"), ("phone", "手机号"), ("kind", "身份")]
    imports.map_columns(one=listed, told=told)
    outbox.attempt("import", community_id=community.pk, pk=listed.pk)
    if done:
        listed.refresh_from_db()
        imports.run(one=listed, skips_bad=True, by=by)
        outbox.attempt("import", community_id=community.pk, pk=listed.pk)
    listed.refresh_from_db()
    return listed


def photo_of_a_walk() -> SimpleUploadedFile:
    png = io.BytesIO()
    Image.new("RGB", (2, 2)).save(png, "PNG")
    return SimpleUploadedFile("photo.png", png.getvalue())


def refused_claim(attendance: Attendance) -> RefusedClaim:
    """A claim that a phone reports for an attendance that has ended long ago."""
    with suppress(AttendanceStatusWrong):
        presence.check_in(attendance=attendance, at=timezone.now())
    return RefusedClaim.objects.get(attendance=attendance)


def business(
    community: Community,
    volunteer: User,
    clerk: User,
    owner: User,
    newcomer: User,
    child: User,
    *,
    served: Callable,
    grant_points: Callable,
) -> tuple[dict[str, list[Any]], Bodies]:
    """A row of ``community`` in each state that something can be done about, and such bodies."""
    now = timezone.now()
    for subject, category, parameters in (
        (Rule.Subject.HOURS, "探访", {"points_per_hour": 10}),
        (Rule.Subject.HOURS, "*", {"points_per_hour": 10}),
        (Rule.Subject.REPORT, "hazard", {"reward_points": 20}),
    ):
        rules.publish(
            community=community,
            subject=subject,
            category=category,
            parameters=parameters,
            valid_from=date(2020, 1, 1),
        )
    for purpose in Consent.Purpose:
        consents.give(user=volunteer, purpose=purpose, version=1)
    people.enrol(user=volunteer, community=community, kind=Volunteer.Kind.RIDER)

    profile.change(user=volunteer, born_on=date(1990, 1, 1))
    profile.change(user=child, born_on=ages.today() - timedelta(days=4_000))
    volunteer.refresh_from_db()
    child.refresh_from_db()
    shown, _ = guardians.ask(child=child)
    guardianship = guardians.agree(guardian=volunteer, code=shown, relation="parent", version=1)
    people.enrol(user=child, community=community, kind=Volunteer.Kind.RESIDENT)
    shown, _ = guardians.ask(child=child)

    community = places.make_join_code(community=community, made_by=newcomer)
    estate = places.estate_named(community=community, name="一区")
    meadow = places.found(code=f"{community.code}-meadow", name="草地社区")
    asked = [
        joining.join(user=user, community=place, kind=Volunteer.Kind.RIDER)[0]
        for user, place in ((newcomer, community), (volunteer, meadow))
    ]
    grid_worker, _ = roles.give(user=newcomer, community=estate, role=Role.STAFF)
    its_teams = [
        teams.found(place=community, founded_by=newcomer, name=name, is_open=is_open)
        for name, is_open in (("绿丝带", True), ("红马甲", False), ("蓝帽子", False))
    ]
    in_teams = [teams.join(team=team, volunteer=volunteer)[0] for team in its_teams[:2]]

    patrol = activities.plan_activity(
        community=community, title="巡逻", category="巡逻", is_public=True
    )
    # Whatever the hour is now, that of the evening before the last is still to come.
    running, free, later = (
        activities.plan_shift(activity=patrol, starts_at=start, ends_at=start + LONG)
        for start in (now - timedelta(hours=1), now + LONG, now + timedelta(hours=36))
    )
    square = venues.make(
        place=community,
        by=newcomer,
        name="广场",
        latitude=28.2,
        longitude=112.9,
        opening_hours=[{"weekday": 1, "from_time": "08:00", "until_time": "00:00"}],
    )
    mondays = series.plan(
        place=community,
        by=newcomer,
        title="便民周一",
        recurrence=Recurrence("week", (1,)),
        starts_on=community.today + timedelta(days=1),
        from_time=time(9),
        until_time=time(11),
        venue_id=square.pk,
    )
    cutting = activities.plan_activity(
        community=community, title="义剪", category="便民", series_id=mondays.pk
    )
    going = sign_ups.sign_up(shift=running, volunteer=volunteer)
    gates.open_gate(shift=running, by=newcomer)
    sign_ups.sign_up(shift=later, volunteer=volunteer)
    full = activities.plan_shift(
        activity=patrol,
        starts_at=now + timedelta(days=3),
        ends_at=now + timedelta(days=3, hours=2),
        capacity=1,
    )
    sign_ups.sign_up(shift=full, volunteer=child)
    waits = sign_ups.sign_up_or_wait(shift=full, volunteer=volunteer)
    nurse = User.objects.create(username=f"{community.code}-nurse", name="护士")
    skilled, _ = people.enrol(
        user=nurse, community=community, kind=Volunteer.Kind.RESIDENT, estate=estate
    )
    people.set_skills(volunteer=skilled, skills=["急救"], changed_by=nurse)
    first_aid = Team.objects.create(community=community, name="急救队")
    TeamMember.objects.create(
        community=community, team=first_aid, volunteer=nurse, status="member", joined_at=now
    )
    called = call_outs.call_out(shift=full, called_by=newcomer, message="缺人手。")
    reminder = Notice.objects.get(community=community, recipient=volunteer, kind="shift_reminder")
    tell(reminder)
    back = served(volunteer, "2024-03-01 07:00", "2024-03-01 09:00", community=community)
    verified = served(volunteer, "2024-03-02 07:00", "2024-03-02 09:00", community=community)
    hours.verify(attendance=verified, verifier=clerk)
    verified.shift.activity.save_with(serves=child)
    rejected, contested, public = (
        served(volunteer, f"2024-03-0{day} 07:00", f"2024-03-0{day} 09:00", community=community)
        for day in (3, 4, 5)
    )
    for one in (rejected, contested):
        hours.reject(attendance=one, verifier=clerk, reason="没有签到")
    appeal = objections.appeal(attendance=contested, words="我在场")
    policy = ServicePolicy.objects.create(community=community, publicity_days=30_000)
    hours.verify(attendance=public, verifier=clerk)
    policy.delete()
    # In a place of its own: nobody who is there could check in to something else.
    pond = places.found(code=f"{community.code}-pond", name="池塘社区")
    people.enrol(user=volunteer, community=pond, kind=Volunteer.Kind.RIDER)
    visit = activities.plan_activity(community=pond, title="探访", category="探访")
    there = sign_ups.sign_up(
        shift=activities.plan_shift(
            activity=visit, starts_at=now, ends_at=now + timedelta(hours=2)
        ),
        volunteer=volunteer,
    )
    presence.check_in(attendance=there)

    png = io.BytesIO()
    Image.new("RGB", (2, 2)).save(png, "PNG")
    hazard = submitting.submit(
        community=community,
        reporter=volunteer,
        category="hazard",
        photos=[SimpleUploadedFile("photo.png", png.getvalue())],
        **FACTS,
    )
    dispute = submitting.submit(
        community=community, reporter=volunteer, category="dispute", **FACTS
    )
    closed = submitting.submit(community=community, reporter=volunteer, category="hazard", **FACTS)
    handling.close(report=closed, handler=clerk)
    known = submitting.submit(community=community, reporter=volunteer, category="hazard", **FACTS)
    (redacted,) = wording.take_out(report=hazard, by=volunteer, words="松动")
    referral = routing.forward(report=hazard, handler=clerk, party="供电所")
    deadlines.pause(report=dispute, handler=clerk, reason="当事人外出")
    unread = submitting.submit(community=community, reporter=volunteer, category="hazard", **FACTS)
    unread.save_with(is_screened=False)
    Confirmation.objects.create(community=community, report=closed, confirmer=child)
    surveying.ask(community=community, now=now + timedelta(weeks=4))
    surveys = Survey.objects.filter(community=community, report=closed)
    surveying.answer(survey=surveys.get(respondent=child), score=4, words="修得快")
    patrolling.set_outcomes(
        community=community, by=newcomer, outcomes=[{"code": "lanes", "name": "清理消防通道"}]
    )
    walk = patrolling.begin(community=community, walker=volunteer)
    seen_there = submitting.submit(
        community=community, reporter=volunteer, category="facility", **FACTS
    )
    walk = patrolling.add_photo(patrol=walk, photo=photo_of_a_walk())
    patrolling.end(patrol=walk, counts={"lanes": 3}, note="一切正常", people=2)
    inspected, uninspected = (every_day(community, newcomer) for _ in range(2))
    looked_at = inspecting.plan(
        community=community, by=newcomer, series_id=inspected.pk, place="3栋", items=["消火栓"]
    )
    cement, glue = (
        contributing.record(
            report=closed, by=newcomer, what=what, given_on=community.today, **whose
        )
        for what, whose in (
            ("水泥", {"giver_name": "五金店", "agreed": True}),
            ("胶水", {"giver_id": volunteer.pk}),
        )
    )
    quarrel = quarrel_of(volunteer, community, clerk)
    noise = submitting.submit(community=community, reporter=volunteer, category="dispute", **FACTS)
    handling.accept(report=noise, handler=clerk)

    partnership = partners.sign_contract(
        community=community, name="茶馆", trade="餐饮", fen_per_point=10, is_donated=False
    )
    shop = partnership.merchant
    member = partners.employ(merchant=shop, user=clerk, role=MerchantMember.Role.CLERK)
    partners.employ(merchant=shop, user=owner, role=MerchantMember.Role.OWNER)
    invitation = invitations.invite(merchant=shop, invited_by=owner, role=MerchantMember.Role.CLERK)
    tea, yacht = (
        catalogue.offer(
            partnership=partnership, code=title, title=title, price_points=price, stock=100
        )
        for title, price in (("一壶茶", 30), ("游艇", 2**31 - 1))
    )
    tea = catalogue.picture(
        offer=tea, photo=SimpleUploadedFile("photo.png", png.getvalue()), by=newcomer
    )
    wallet = grant_points(volunteer, 1_000, community)
    proposed = catalogue.propose(
        partnership=partnership, by=owner, code="粥", title="粥", price_points=5, stock=9
    )
    endpoint, _ = webhooks.create(owner_id=shop.pk, url="https://8.8.8.8/hook", by=owner)
    told_of = webhooks.ping(endpoint=endpoint, community_id=partnership.community_id)
    upcoming = partners.agree(
        partnership=partnership, kind=Terms.Kind.DONATED, valid_from=date(2100, 1, 1), by=newcomer
    )
    listed = [
        listings.add(
            partnership=partnership, kind=kind, title=title, description="每周一次", by=owner
        )
        for kind, title in (("need", "门前清扫"), ("need", "送货"), ("resource", "会议室"))
    ]
    matched = [
        listings.match(listing=one, activity_id=patrol.pk, by=newcomer)
        for one in (listed[0], listed[2])
    ]
    partnership = shop_codes.renew(partnership=partnership, by=owner)
    fair, coming = (
        fairs.announce(
            community=community,
            title="九九便民集市",
            place="广场",
            starts_at=starts_at,
            ends_at=starts_at + timedelta(days=1),
            partnerships=[partnership],
            by=newcomer,
        )
        for starts_at in (now - timedelta(hours=1), now + timedelta(days=9))
    )
    candidate = partners.consider(community=community, name="面馆", trade="餐饮", by=newcomer)
    elsewhere = partners.sign_contract(
        community=pond, name="书店", trade="文化", fen_per_point=10, is_donated=False
    ).merchant
    partners.employ(merchant=elsewhere, user=newcomer, role=MerchantMember.Role.OWNER)
    asking = partners.consider(
        community=pond, name="茶馆分店", trade="餐饮", by=newcomer, merchant_id=shop.pk
    )
    more = partners.agree(
        partnership=partnership,
        kind="per_point",
        fen_per_point=11,
        valid_from=date(2100, 1, 1),
        by=newcomer,
    )
    campaign = campaigns.open_campaign(community=community, title="助老", by=owner)
    donated = campaigns.donate(campaign=campaign, volunteer=volunteer, amount=5)
    spent = campaigns.disburse(campaign=campaign, amount=1, reason="米", by=newcomer)
    given = campaigns.sponsor(
        partnership=partnership, text="长寿面五十份", given_on=community.today, by=newcomer
    )
    budget, old_budget = (
        funds.open_fund(
            community=community,
            name=name,
            year=community.today.year - 1,
            unit=Unit.FEN,
            opened_by=newcomer,
            approval_above=100,
        )
        for name in ("红包", "旧红包")  # something is reserved in the first alone
    )
    funds.top_up(fund=budget, amount=900, reason="拨款", topped_up_by=newcomer)
    claimed = funds.claim(
        fund=budget,
        subject=f"report:{hazard.pk}",
        payee=f"person:{volunteer.pk}",
        amount=500,
        closed_at=now,
        reason="report",
        asked_by=newcomer,
    )
    owed = funds.claim(
        fund=budget,
        subject=f"report:{unread.pk}",
        payee=f"person:{child.pk}",
        amount=100,
        closed_at=now,
        reason="report",
        asked_by=newcomer,
    )
    handed_over = red_packets.pay_by_hand(reward=owed, reference="收据 15", recorded_by=newcomer)
    red_packets.confirm(payment=handed_over, confirmed_by=owner)
    owed = funds.take_back(claim=owed, taken_back_by=newcomer)
    small = funds.open_fund(
        community=community,
        name="小额",
        year=community.today.year,
        unit=Unit.FEN,
        opened_by=newcomer,
    )
    funds.top_up(fund=small, amount=900, reason="拨款", topped_up_by=newcomer)
    reward = funds.claim(
        fund=small,
        subject=f"report:{dispute.pk}",
        payee=f"person:{volunteer.pk}",
        amount=300,
        closed_at=now,
        reason="report",
        asked_by=newcomer,
    )
    by_hand = red_packets.pay_by_hand(reward=reward, reference="收据 17", recorded_by=newcomer)
    packet = funds.claim(
        fund=small,
        subject=f"report:{noise.pk}",
        payee=f"person:{owner.pk}",
        amount=300,
        closed_at=now,
        reason="report",
        asked_by=newcomer,
    )
    group = groups.make(community=community, code="grid", name="网格员", made_by=newcomer)
    in_group = groups.add(group=group, person=volunteer, added_by=newcomer)
    moved = catalogue.restock(offer=tea, change=1, reason="到货", by=newcomer)
    made = []
    neighbours = [
        User.objects.create(username=f"{community.code}-{number}", name="邻居")
        for number in range(2)
    ]
    for neighbour in neighbours:
        people.enrol(user=neighbour, community=community, kind=Volunteer.Kind.RESIDENT)
    cell_member = cells.name_member(
        community=community,
        estate=estate,
        user_id=neighbours[0].pk,
        function="worker",
        named_by=newcomer,
    )
    for wisher, donor in (
        (volunteer, newcomer),  # the rows and bodies below need one in each state
        (neighbours[0], None),
        (child, volunteer),
        (neighbours[1], None),
        (owner, None),
    ):
        grant_points(wisher, 50, community)
        wish = wishes.propose(volunteer=wisher, community=community, text="一辆自行车")
        if wisher != owner:
            wishes.decide(wish=wish, accept=True, price_points=50, by=newcomer)
        if donor:
            wishes.adopt_as_donor(wish=wish, donor=donor)
        made.append(wish)
    wishes.adopt_as_merchant(wish=made[3], partnership=partnership, by=owner)
    catalogue.change(offer=tea, by=newcomer, scans_offline=True)
    tea.refresh_from_db()
    held = redemption.take(offer=tea, volunteer=volunteer)
    signed, _ = voucher_tokens.sign(held)
    device = offline.register_device(merchant=shop, name="平板", by=owner)
    tried = offline.Told(nonce="tried", code="no.signed.code", device_time=now)
    refused = offline.tell(device=device, clerk=clerk, scans=[tried])
    statements = []
    for month in (1, 2, 3, 4, 5, 6, 7):
        voucher = redemption.take(offer=tea, volunteer=volunteer)
        scanned_at = datetime(2024, month, 5, tzinfo=UTC)
        redemption.scan(merchant_id=shop.pk, clerk=clerk, code=voucher.code, now=scanned_at)
        if month < 7:
            statements += settlement.draft(
                community=community,
                period_start=date(2024, month, 1),
                period_end=date(2024, month + 1, 1),
            )
    asked_about = [
        questions.ask(
            statement=statement,
            line_id=statement.redemptions.get().pk,
            reason="不是我店的",
            asked_by=asker,
        )
        for statement, asker in zip(statements, (owner, newcomer), strict=False)
    ]
    settlement.approve(statement=statements[5], approver=volunteer)
    batch = bank.make_batch(community=community, by=newcomer)
    for statement in statements[3:5]:
        settlement.approve(statement=statement, approver=volunteer)
    SocialAccount.objects.create(user=owner, provider="wechat", uid=f"o6_{owner.pk}")
    bank.keep_account(merchant=shop, holder="周", bank="农商行", number="62220001", by=owner)
    payout = payouts.order(statement=statements[4], ordered_by=newcomer)
    today = redemption.take(offer=tea, volunteer=volunteer)
    redemption.scan(merchant_id=shop.pk, clerk=clerk, code=today.code)
    showing = pay_codes.show(volunteer=volunteer, community=community)
    PayCode.objects.update(expires_at=now + timedelta(days=1))  # as long as the tests may take
    card = cards.issue(community=community, volunteer_id=volunteer.pk, by=newcomer)
    sealing.seal(community=community)
    grant_points(volunteer, 1, community)  # not sealed yet
    verification = verifications.ask(community=community, kind="guards", is_whole=True)
    finding = Finding.objects.create(
        community=community,
        kind="guards",
        check_name="guards",
        table="points_seal",
        row="trigger seal_is_final",
        because="it is disabled",
        digest=sha256(b"points_seal\0trigger seal_is_final\0it is disabled").hexdigest(),
        first_found_by=verification,
        last_seen_by=verification,
    )

    draft, bulletin = (
        bulletins.draft(
            community=community,
            drafted_by=newcomer,
            period=period,
            starts_on=date(2024, 1, 1),
            title="公示",
            words="整改一处",
        )
        for period in ("quarter", "month")
    )
    bulletins.publish(bulletin=bulletin, published_by=owner)
    comment = bulletins.comment(bulletin=bulletin, author=volunteer, text="好")

    samples = [
        sampling.draw(
            community=community,
            subject="redemption",
            since=date(2024, 1, 1),
            until=date(2024, 6, 30),
            size=2,
            drawn_by=newcomer,
        )
        for _ in range(2)  # the second is marked
    ]
    for item in items_of(samples[1]):
        sampling.mark(item=item, mark="right", note="", marked_by=newcomer)

    dead_letter = Notice.objects.create(
        community=community,
        key="given up",
        recipient=volunteer,
        kind=reminder.kind,
        facts=reminder.facts,
        target_id=reminder.target_id,
        due_at=now,
        next_at=None,
        reason="channel_not_ready",
        given_up_at=now,
    )
    export = exports.ask(user=volunteer, language="en")
    outbox.attempt("export", pk=export.pk)

    paper = documents.ask(
        Document(
            community=community,
            kind="statement",
            about=files.about(statements[5]),
            ending="csv",
            language="en",
            is_final=True,
            asked_by=owner,
        )
    )
    outbox.attempt("document", community_id=community.pk, pk=paper.pk)

    registrar, twin, other, away = records_of(community)
    suspension = suspensions.suspend(place=community, user=away, by=None, reason="争吵")
    over = Suspension.objects.create(  # long over: the volunteer takes part
        community=community,
        user=volunteer,
        reason="误会",
        since_at=now - timedelta(days=30),
        lifted_at=now - timedelta(days=29),
    )
    change = log_ins.propose(
        place=community,
        user=twin,
        by=registrar,
        seen_by="known",
        reason="手机丢了",
        ends_wechat=True,
    )
    merge = merges.propose(
        place=community, merged=twin, kept=other, by=registrar, seen_by="known", reason="同一人"
    )

    lists = [a_list(community, newcomer, done=done) for done in (False, True)]

    rows = {
        "code": [community.code],
        "import_id": lists,
        "user_id": [twin, registrar],
        "suspension_id": [suspension, over],
        "log_in_change_id": [change],
        "merge_id": [merge],
        "document_id": [paper],
        "purpose": ["location"],
        "kind": ["notice"],
        "dead_letter_id": [dead_letter],
        "list_kind": ["volunteers"],
        "team_id": its_teams,
        "team_member_id": in_teams,
        "activity_id": [patrol, cutting],
        "venue_id": [square],
        "series_id": [mondays],
        "occurrence_id": [series.coming_occurrences(mondays)[0]],
        "shift_id": [running, free],
        "waiting_place_id": [waits],
        "call_out_id": [called],
        "attendance_id": [going, there, back, verified, rejected, public],
        "objection_id": [appeal],
        "redaction_id": [redacted],
        "referral_id": [referral],
        "cell_member_id": [cell_member],
        "report_id": [hazard, dispute, closed, noise, unread],
        "photo_id": [hazard.photos.get()],
        "category": ["hazard"],
        "mediation_id": [quarrel],
        "survey_id": list(surveys.order_by("answered_at")),
        "patrol_id": [walk],
        "patrol_photo_id": [walk.photos.get()],
        "inspection_plan_id": [looked_at],
        "inspection_id": [looked_at.inspections.earliest("due_at")],
        "contribution_id": [cement, glue],
        "bulletin_id": [draft, bulletin],
        "comment_id": [comment],
        "notice_id": [reminder],
        "notice_kind": ["shift_moved"],
        "language": ["en"],
        "offer_id": [tea, yacht, proposed],
        "redemption_id": [today],
        "voucher_id": [held, today],
        "question_id": asked_about,
        "merchant_id": [shop],
        "campaign_id": [campaign],
        "donation_id": [donated],
        "disbursement_id": [spent],
        "sponsorship_id": [given],
        "move_id": [moved],
        "price_id": [prices_of(tea)[0]],
        "device_id": [device],
        "scan_id": refused,
        "endpoint_id": [endpoint],
        "delivery_id": [told_of],
        "payout_id": [payout],
        "batch_id": [batch],
        "wish_id": made,
        "partnership_id": [candidate, partnership, asking],
        "increase_id": [more],
        "statement_id": statements,
        "transfer_id": transfers_of(wallet)[:2],
        "account_id": accounts_in(community)[:2],
        "verification_id": [verification],
        "finding_id": [finding],
        "rule_id": rules_known_in(community)[:2],
        "number": [1],  # of a seal, and of a rule's version
        "entry_id": AuditEntry.objects.filter(community=community).order_by("id")[:1],
        "guardianship_id": [guardianship],
        "join_request_id": asked,
        "volunteer_id": [Volunteer.objects.get(community=community, user=volunteer)],
        "claim_id": [refused_claim(back)],
        "membership_id": [grid_worker, Membership.objects.filter(community=community).first()],
        "member_id": [member],
        "terms_id": [upcoming],
        "invitation_id": [invitation],
        "export_id": [export],
        "picture_id": [PurePath(tea.picture.name).stem],
        "listing_id": listed,
        "fair_id": [fair, coming],
        "fund_id": [budget, old_budget],
        "fund_claim_id": [claimed, owed],
        "reward_id": [reward, claimed, packet],
        "payment_id": [by_hand],
        "reporter_group_id": [group],
        "group_member_id": [in_group],
        "fund_entry_id": transfers_of(budget.account)[:1],
        "match_id": matched,
        "card_id": [card],
        "pay_code_id": [showing],
        "sample_id": samples,
        "item_id": items_of(samples[0])[:1],
    }
    bodies: Bodies = {
        "POST /api/v1/communities/{code}/people/{user_id}/suspensions": {
            "reason": "争吵",
            "ends_at": "2100-05-01T08:00:00+08:00",
            "is_everywhere": True,
        },
        "POST /api/v1/communities/{code}/people/{user_id}/log-in-changes": {
            "phone": f"1983000{len(community.code):04}",
            "ends_wechat": True,
            "seen_by": "id_card",
            "reason": "手机丢了",
        },
        "POST /api/v1/communities/{code}/people/{user_id}/merges": {
            "kept_id": str(other.pk),
            "seen_by": "id_card",
            "reason": "同一人",
        },
        "POST /api/v1/communities/{code}/people/{user_id}/reset-authenticator": {"loss": "lost"},
        "POST /api/v1/shifts/{shift_id}/attendances": {"waits": True},
        "POST /api/v1/shifts/{shift_id}/call-outs": {
            "message": "请带铁锹。",
            "team_id": str(first_aid.pk),
            "estate_id": str(estate.pk),
            "kind": "resident",
            "skill": "急救",
        },
        "PATCH /api/v1/volunteers/{volunteer_id}": {"skills": ["急救"]},
        "POST /api/v1/activities/{activity_id}/shifts": {
            "starts_at": "2031-05-01T08:00:00+08:00",
            "ends_at": "2031-05-01T10:00:00+08:00",
            "capacity": 3,
            "wanted": 2,
        },
        "PUT /api/v1/activities/{activity_id}/patterns": {
            "patterns": [{"from_time": "09:00", "until_time": "11:00", "capacity": 5, "wanted": 3}]
        },
        "PATCH /api/v1/communities/{code}/service-policy": {
            "categories": [],
            "leaders_verify": False,
            "publicity_days": 7,
            "longest_day_minutes": 480,
        },
        f"PUT {NOTICE_TEXT}": {"title": "See you then", "body": "{activity} at {place}"},
        f"POST {NOTICE_TEXT}/preview": {"title": "See you then", "body": "{begins}"},
        "POST /api/v1/communities/{code}/venues": {
            "name": "礼堂",
            "address": "湖滨路 3 号",
            "latitude": 28.2,
            "longitude": 112.9,
            "coord_type": "gcj02",
            "opening_hours": [{"weekday": 1, "from_time": "08:00", "until_time": "20:00"}],
        },
        "PATCH /api/v1/venues/{venue_id}": {
            "name": "湖滨广场",
            "address": "湖滨路 5 号",
            "latitude": 28.21,
            "longitude": 112.91,
            "coord_type": "wgs84",
            "opening_hours": [{"weekday": 1, "from_time": "08:00", "until_time": "22:00"}],
        },
        "POST /api/v1/communities/{code}/series": {
            "title": "99便民活动",
            "theme": "冬季",
            "recurrence": {"every": "month", "interval": 1, "days": [19]},
            "venue_id": None,
            "starts_on": "2090-01-01",
            "ends_on": "2090-12-31",
            "from_time": "09:00",
            "until_time": "11:30",
        },
        "PATCH /api/v1/series/{series_id}": {
            "title": "便民日",
            "theme": "春季",
            "from_time": "09:00",
            "until_time": "11:00",
            "venue_id": str(square.pk),
        },
        "POST /api/v1/series/{series_id}/cancel": {"reason": "场地维修", "since": None},
        "PUT /api/v1/series/{series_id}/stalls": {"partnership_ids": [str(partnership.pk)]},
        "PATCH /api/v1/occurrences/{occurrence_id}": {
            "starts_at": "2099-11-30T09:00:00+08:00",
            "ends_at": "2099-11-30T11:00:00+08:00",
        },
        "POST /api/v1/occurrences/{occurrence_id}/cancel": {"reason": "下雨"},
        "PATCH /api/v1/fairs/{fair_id}": {
            "place": "广场",
            "venue_id": None,
            "starts_at": "2031-06-01T08:00:00+08:00",
            "ends_at": "2031-06-01T10:00:00+08:00",
        },
        "POST /api/v1/fairs/{fair_id}/cancel": {"reason": "下雨"},
        "PATCH /api/v1/activities/{activity_id}": {
            "title": "夜间巡逻",
            "category": "巡逻",
            "place": "东门",
            "is_public": False,
            **TAKING_PART,
            "serves_id": str(child.pk),
        },
        "PATCH /api/v1/shifts/{shift_id}": {
            "starts_at": "2031-05-01T08:00:00+08:00",
            "ends_at": "2031-05-01T10:00:00+08:00",
            "capacity": 3,
            "wanted": 2,
        },
        "POST /api/v1/communities/{code}/teams": {
            "name": "巡河队",
            "kind": "organisation",
            "description": "护河",
            "is_open": True,
        },
        "PATCH /api/v1/teams/{team_id}": {
            "name": "巡夜队",
            "kind": "interest_group",
            "description": "守夜",
            "is_open": True,
        },
        "POST /api/v1/teams/{team_id}/dissolve": {"reason": "合并"},
        **{
            f"POST /api/v1/teams/{{team_id}}/members/{{team_member_id}}/{verb}": {"reason": "人满"}
            for verb in ("reject", "remove")
        },
        # In the pond's visit the volunteer is already, so the answer is the first one.
        "POST /api/v1/me/attendances": {
            "code": codes.code_of(codes.Kind.VENUE, there.shift, at=now),
            "nonce": "scanned",
            **BY_PHONE,
        },
        "POST /api/v1/me/attendance/sync": {
            "items": [
                {
                    "nonce": "noted",
                    "act": "check_in",
                    "at": now.isoformat(),
                    "attendance_id": str(there.pk),
                }
            ]
        },
        "POST /api/v1/shifts/{shift_id}/attendance/sync": {
            "items": [{"nonce": "marked", "act": "mark", "person_id": str(volunteer.pk)}]
        },
        "POST /api/v1/activities/{activity_id}/cancel": {"reason": "下雨"},
        "POST /api/v1/shifts/{shift_id}/cancel": {"reason": "下雨"},
        "POST /api/v1/attendances/{attendance_id}/reject": {"reason": "没有来"},
        "POST /api/v1/attendances/{attendance_id}/void": {"reason": "没有来"},
        "POST /api/v1/attendances/{attendance_id}/correct": {
            "checked_in_at": "2024-03-01T07:30:00+08:00",
            "checked_out_at": "2024-03-01T09:00:00+08:00",
            "reason": "补记",
        },
        "POST /api/v1/attendances/{attendance_id}/appeal": {"words": "我在场"},
        "POST /api/v1/attendances/{attendance_id}/object": {"words": "他不在"},
        "POST /api/v1/attendances/{attendance_id}/evaluation": {"stars": 5, "words": "很好"},
        "POST /api/v1/communities/{code}/hours-to-verify": {
            "attendance_ids": [str(back.pk)],
            "outcome": "rejected",
            "reason": "没有来",
        },
        "POST /api/v1/objections/{objection_id}/decision": {"is_upheld": True, "reason": "有照片"},
        "POST /api/v1/communities/{code}/bulletins": {
            "period": "month",
            "starts_on": "2024-02-01",
            "title": "二月公示",
            "words": "整改两处",
        },
        "PATCH /api/v1/bulletins/{bulletin_id}": {"title": "公示", "words": "整改三处"},
        "POST /api/v1/bulletins/{bulletin_id}/comments": {"text": "很好"},
        "POST /api/v1/bulletins/{bulletin_id}/comments/{comment_id}/decision": {"is_shown": True},
        "POST /api/v1/reports/{report_id}/void": {"reason": "误报"},
        "POST /api/v1/reports/{report_id}/reopen": {"reason": "又坏了"},
        "POST /api/v1/reports/{report_id}/colour": {"colour": "yellow", "reason": "已围挡"},
        "POST /api/v1/reports/{report_id}/assign": {"assignee_id": str(neighbours[0].pk)},
        "POST /api/v1/reports/{report_id}/pause": {"reason": "等配件"},
        "POST /api/v1/reports/{report_id}/comments": {"text": "已联系物业", "is_internal": False},
        "POST /api/v1/reports/{report_id}/redactions": {"words": "井盖"},
        "POST /api/v1/reports/{report_id}/referrals": {
            "party": "物业公司",
            "note": "请更换",
            "due_on": "2099-05-01",
        },
        "POST /api/v1/reports/{report_id}/referrals/{referral_id}/answer": {"answer": "明天来"},
        "PATCH /api/v1/communities/{code}/report-policy": {
            "near_metres": 100,
            "reopen_days": 10,
            "survey_weeks": 4,
            "clocks": {
                colour: {"acknowledge": 30, "make_safe": None, "fix": 600}
                for colour in ("red", "yellow", "blue")
            },
            "office_days": [1, 2, 3, 4, 5, 6],
            "office_from": "08:30",
            "office_until": "17:30",
        },
        "POST /api/v1/communities/{code}/cell-members": {
            "estate_id": str(estate.pk),
            "user_id": str(neighbours[1].pk),
            "function": "leader",
        },
        "POST /api/v1/reports/{report_id}/release": {"reason": "看过，没有问题"},
        "POST /api/v1/reports/{report_id}/withdraw": {"reason": "已经修好"},
        "POST /api/v1/reports/{report_id}/photos": Form(photos=[png.getvalue()]),
        "PATCH /api/v1/reports/{report_id}": {
            "category": "facility",
            "place": "西门",
            "coord_type": "gcj02",
            "answers": {},
            "estate_id": str(estate.pk),
            **FACTS,
        },
        "POST /api/v1/communities/{code}/report-categories": {"code": "lift", **CATEGORY},
        "PATCH /api/v1/communities/{code}/report-categories/{category}": CATEGORY,
        "POST /api/v1/communities/{code}/reports/relayed": {
            "category": "hazard",
            "place": "西门",
            "coord_type": "gcj02",
            "answers": {},
            "estate_id": str(estate.pk),
            **FACTS,
        },
        "POST /api/v1/reports/{report_id}/mediation": {"parties": ["刘大爷", "孙大妈"]},
        "PATCH /api/v1/mediations/{mediation_id}": {"parties": ["甲", "丙"]},
        "POST /api/v1/mediations/{mediation_id}/sessions": {
            "held_at": "2026-03-01T10:00:00+08:00",
            "note": "各让一步",
            "mediator_id": str(nurse.pk),
        },
        "POST /api/v1/mediations/{mediation_id}/end": {"outcome": "settled"},
        "POST /api/v1/communities/{code}/inspection-plans": {
            "series_id": str(uninspected.pk),
            "place": "4栋",
            "items": ["消火栓", "应急灯"],
            "reinspect_days": 5,
        },
        "POST /api/v1/inspections/{inspection_id}/outcome": {
            "problems": ["消火栓"],
            "note": "漏水",
            "category": "hazard",
        },
        "PUT /api/v1/communities/{code}/patrol-outcomes": {
            "outcomes": [{"code": "leaflets", "name": "发放宣传单"}]
        },
        "POST /api/v1/communities/{code}/patrols": {"estate_id": str(estate.pk)},
        "POST /api/v1/patrols/{patrol_id}/end": {
            "counts": [{"code": "lanes", "count": 3}],
            "people": 2,
            "note": "一切正常",
        },
        "POST /api/v1/patrols/{patrol_id}/reports": {"report_id": str(seen_there.pk)},
        "POST /api/v1/patrols/{patrol_id}/photos": Form(photo=png.getvalue()),
        "POST /api/v1/reports/{report_id}/contributions": {
            "what": "沙子",
            "quantity": "一车",
            "giver_id": None,
            "giver_name": "建材店",
            "reference": "merchant:7",
            "agreed": True,
            "given_on": "2024-03-01",
        },
        "POST /api/v1/contributions/{contribution_id}/agreement": {"agrees": True},
        "POST /api/v1/surveys/{survey_id}/answer": {"score": 5, "words": "谢谢"},
        "POST /api/v1/communities/{code}/activities": {
            "title": "清扫",
            "category": "清扫",
            "place": "西门",
            "is_public": True,
            **TAKING_PART,
            "serves_id": str(child.pk),
            "series_id": None,
        },
        "PATCH /api/v1/communities/{code}/contact": {
            "contact_phone": "0731-85550000",
            "address": "湖滨路 1 号",
            "latitude": 28.2,
            "longitude": 112.9,
            "coord_type": "gcj02",
        },
        "POST /api/v1/communities/{code}/join": {
            "kind": "rider",
            "estate_id": str(estate.pk),
            "join_code": community.join_code,
        },
        "POST /api/v1/communities/{code}/people/search": {"phone": clerk.phone},
        "POST /api/v1/communities/{code}/roles": {
            "user_id": str(newcomer.pk),
            "role": "staff",
        },
        "POST /api/v1/communities/{code}/expiry/policies": {
            "kind": "months",
            "months": 12,
            "at_least_days": 30,
            "valid_from": "2100-01-01",
        },
        "POST /api/v1/communities/{code}/reports": {
            "category": "hazard",
            "place": "西门",
            "coord_type": "gcj02",
            "answers": {},
            "estate_id": str(estate.pk),
            **FACTS,
        },
        "POST /api/v1/communities/{code}/rules/tryout": {
            "since": "2024-03-01",
            "until": "2024-03-31",
            **DRAFT,
        },
        "POST /api/v1/communities/{code}/rules/versions": {
            "valid_from": "2100-01-01",
            "valid_to": None,
            **DRAFT,
        },
        "POST /api/v1/communities/{code}/samples": {
            "subject": "redemption",
            "since": "2024-01-01",
            "until": "2024-06-30",
            "size": 2,
            "seed": "骰子",
        },
        "PUT /api/v1/samples/{sample_id}/items/{item_id}": {"mark": "doubtful", "note": "没有签名"},
        "POST /api/v1/samples/{sample_id}/sign-off": {"conclusion": "无异议"},
        "POST /api/v1/communities/{code}/imports": Form(
            kind="volunteers", file="姓名,手机号,身份\n王,19700000002,居民\n".encode()
        ),
        "PUT /api/v1/imports/{import_id}/mapping": {
            "columns": [
                {"name": "name", "heading": "姓名"},
                {"name": "phone", "heading": "手机号"},
                {"name": "kind", "heading": "身份"},
                {"name": "estate", "heading": ""},
            ]
        },
        "POST /api/v1/imports/{import_id}/run": {"skips_bad": True},
        "POST /api/v1/communities/{code}/verifications": {"kind": "ledger", "is_whole": False},
        "POST /api/v1/findings/{finding_id}/sign-off": {"words": "已重新启用"},
        "POST /api/v1/communities/{code}/statements": {
            "period_start": "2024-07-01",
            "period_end": "2024-08-01",
        },
        "POST /api/v1/communities/{code}/partnerships": {
            "name": "粥铺",
            "trade": "餐饮",
            "merchant_id": str(elsewhere.pk),
        },
        "PATCH /api/v1/partnerships/{partnership_id}": SHOP | {"settlement_day": 5},
        "POST /api/v1/wishes/{wish_id}/adopt": {"merchant_id": None},
        "POST /api/v1/partnerships/{partnership_id}/status": {
            "status": "ended",
            "reason": "搬走了",
        },
        "POST /api/v1/partnerships/{partnership_id}/terms": {
            "kind": "per_point",
            "fen_per_point": 12,
            "share_bp": None,
            "valid_from": "2100-01-01",
        },
        "POST /api/v1/merchants/{merchant_id}/offers": {
            "partnership_id": str(partnership.pk),
            "code": "面",
            "price_points": 20,
            "stock": 7,
            **CONDITIONS,
        },
        "POST /api/v1/communities/{code}/offers": {
            "partnership_id": str(partnership.pk),
            "code": "饼",
            "price_points": 20,
            "stock": 7,
            "settled_fen": 600,
            **CONDITIONS,
        },
        "POST /api/v1/offers/{offer_id}/stock": {"change": 3, "reason": "到货"},
        "POST /api/v1/offers/{offer_id}/listed": {"is_listed": False},
        "POST /api/v1/increases/{increase_id}/decision": {"accept": True, "reason": "合理"},
        "POST /api/v1/communities/{code}/cards": {"volunteer_id": str(neighbours[1].pk)},
        "PUT /api/v1/communities/{code}/card-limit": {"card_limit_points": 50},
        "PUT /api/v1/communities/{code}/increase-limit": {"alone_limit_fen": 10_000},
        "POST /api/v1/partnerships/{partnership_id}/answer": {"accept": True},
        "POST /api/v1/offers/{offer_id}/decision": {"accept": True, "reason": "不错"},
        "POST /api/v1/offers/{offer_id}/picture": Form(photo=png.getvalue()),
        "PATCH /api/v1/offers/{offer_id}/conditions": {
            "price_points": 21,
            "settled_fen": 600,
            **CONDITIONS,
        },
        **{
            f"POST /api/v1/partnerships/{{partnership_id}}/{what}": {
                "title": "会议室",
                "description": "周末可借",
            }
            for what in ("needs", "resources")
        },
        "POST /api/v1/communities/{code}/funds": {
            "name": "微心愿",
            "year": 2030,
            "unit": "points",
            "approval_above": 200,
        },
        "POST /api/v1/communities/{code}/funds/{fund_id}/claims/{fund_claim_id}/recoveries": {
            "amount": 1,
            "reference": "收据 2",
        },
        "POST /api/v1/communities/{code}/reporter-groups": {
            "code": "stratum",
            "name": "新阶层人士",
        },
        "POST /api/v1/communities/{code}/reporter-groups/{reporter_group_id}/members": {
            "person_id": str(neighbours[1].pk),
            "since": "2100-01-01",
            "until": None,
        },
        "POST /api/v1/communities/{code}/reporter-groups/{reporter_group_id}/members"
        "/{group_member_id}/end": {"until": "2100-01-01"},
        "POST /api/v1/communities/{code}/funds/{fund_id}/top-ups": {
            "amount": 100,
            "reason": "街道拨款",
        },
        "POST /api/v1/communities/{code}/fairs": {
            "title": "年货集市",
            "place": "广场",
            "venue_id": None,
            "starts_at": "2100-01-19T08:00:00+08:00",
            "ends_at": "2100-01-19T12:00:00+08:00",
            "partnership_ids": [str(partnership.pk)],
        },
        "POST /api/v1/me/vouchers/{voucher_id}/confirm": {"shop_code": partnership.shop_code},
        "POST /api/v1/me/payments": {
            "shop_code": partnership.shop_code,
            "items": [{"offer_id": str(tea.pk), "quantity": 1}],
            "points": None,
        },
        "POST /api/v1/needs/{listing_id}/matches": {"activity_id": str(patrol.pk)},
        "POST /api/v1/resources/{listing_id}/matches": {"activity_id": str(patrol.pk)},
        "POST /api/v1/campaigns/{campaign_id}/donations": {"points": 3},
        "POST /api/v1/campaigns/{campaign_id}/disbursements": {
            "points": 2,
            "reason": "为独居老人送米",
        },
        "POST /api/v1/communities/{code}/campaigns": {"title": "助学", "description": "书包"},
        "POST /api/v1/communities/{code}/sponsorships": {
            "partnership_id": str(partnership.pk),
            "text": "一百瓶水",
            "value_fen": 20_000,
            "given_on": "2024-05-01",
        },
        "PUT /api/v1/merchants/{merchant_id}/bank-account": {
            "holder": "周老板",
            "bank": "农商行",
            "number": "6222020000000001",
        },
        "POST /api/v1/merchants/{merchant_id}/webhooks": {"url": "https://1.1.1.1/hook"},
        "POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/switch": {"is_active": False},
        "POST /api/v1/merchants/{merchant_id}/webhooks/{endpoint_id}/redeliver": {
            "since": "2024-01-01T00:00:00+08:00"
        },
        "POST /api/v1/me/wishes": {"community": pond.code, "text": "一个书包"},
        "POST /api/v1/me/wishes/{wish_id}/thanks": {"text": "谢谢"},
        "POST /api/v1/wishes/{wish_id}/decision": {
            "accept": True,
            "price_points": 50,
            "value_fen": 30_000,
            "reason": "合适",
        },
        "POST /api/v1/invitations/look": {"code": invitation.code},
        "POST /api/v1/invitations/accept": {"code": invitation.code},
        "POST /api/v1/invitations/accept-as-new": {"code": invitation.code, **NEWCOMER},
        "POST /api/v1/join-requests/{join_request_id}/reject": {"reason": "不住在这里"},
        "PATCH /api/v1/me/notice-settings": {
            "language": "en",
            "quiet_from": "21:00",
            "quiet_until": "07:00",
            "kinds": [{"kind": "shift_reminder", "off": ["wechat"]}],
        },
        "PATCH /api/v1/me": {"name": "王小明", "born_on": "1990-01-01"},
        "POST /api/v1/attendances/{attendance_id}/check-in": {
            "at": now.isoformat(),
            "nonce": "tap",
            "code": codes.code_of(codes.Kind.VENUE, running, at=now),
            **BY_PHONE,
        },
        "POST /api/v1/attendances/{attendance_id}/check-out": {"at": timezone.now().isoformat()},
        "POST /api/v1/me/children": {"code": shown, "relation": "parent", "version": 1},
        "POST /api/v1/merchants/{merchant_id}/invitations": {"role": "clerk"},
        "POST /api/v1/me/pay-codes": {"community": community.code},
        "POST /api/v1/merchants/{merchant_id}/payments": {
            "code": showing.code,
            "pin": None,
            "items": [{"offer_id": str(tea.pk), "quantity": 1}],
            "points": None,
        },
        "POST /api/v1/merchants/{merchant_id}/scans": {"code": held.code, "quantity": 1},
        "POST /api/v1/merchants/{merchant_id}/devices": {"name": "前台"},
        "POST /api/v1/merchants/{merchant_id}/offline-scans": {
            "device_id": str(device.pk),
            "scans": [{"nonce": "1", "code": signed, "device_time": now.isoformat()}],
        },
        "POST /api/v1/redemptions/{redemption_id}/refunds": {"quantity": 1, "reason": "茶凉了"},
        "POST /api/v1/statements/{statement_id}/questions": {
            "line_id": str(statements[2].redemptions.get().pk),
            "reason": "不是我店的",
        },
        "POST /api/v1/statements/{statement_id}/questions/{question_id}/answer": {
            "answer": "是陈店员扫的"
        },
        "POST /api/v1/offers/{offer_id}/vouchers": {"quantity": 1},
        "PUT /api/v1/me/consents/{purpose}": {"version": 1},
        "PUT /api/v1/me/phone": {"code": "", "name": "王小明"},
        "POST /api/v1/reports/{report_id}/status": {
            "status": "duplicate",
            "answer": "已有人上报",
            "duplicate_of_id": str(known.pk),
        },
        "POST /api/v1/communities/{code}/rewards/{reward_id}/hand-payments": {
            "reference": "收据 17"
        },
        "POST /api/v1/roles/{membership_id}/withdraw": {"reason": "调走了"},
        "POST /api/v1/statements/{statement_id}/pay": {"payment_reference": "2024-17"},
    }
    return rows, bodies


def live_on() -> Community:
    """Return the town's lake, after some more has happened that its rows leave open."""
    lake = Community.objects.get(code="lake")
    volunteer, clerk, newcomer, staff = (
        User.objects.get(username=name) for name in ("volunteer", "clerk", "newcomer", "staff")
    )
    tea = Offer.objects.select_related("partnership", "community").get(
        community=lake, title="一壶茶"
    )
    shop = tea.partnership.merchant
    taken = redemption.take(offer=tea, volunteer=volunteer, quantity=3)
    redemption.scan(merchant_id=shop.pk, clerk=clerk, code=taken.code)
    for quantity in (1, 2):
        refunds.refund(redemption=taken, refunded_by=clerk, reason="凉了", quantity=quantity)
    redemption.cancel(redemption=redemption.take(offer=tea, volunteer=volunteer))
    card = Card.objects.get(community=lake, volunteer=volunteer)
    cards.pay(merchant=shop, clerk=clerk, card=card, pin=card.pin, points=1)

    settlement.mark_paid(
        statement=Statement.objects.filter(community=lake, status="approved").latest("period_end"),
        payer=newcomer,
        payment_reference="ICBC 1",
    )
    payout = Payout.objects.get(community=lake)
    outbox.attempt("payout", is_due=False, community_id=lake.pk, pk=payout.pk)

    adjusted = [
        adjustments.propose(
            community=lake, kind=kind, person=volunteer, amount=amount, reason="纸质台账", by=staff
        )
        for kind, amount in ((Adjustment.Kind.OPENING, 60), (Adjustment.Kind.CORRECTION, -7))
    ]
    for one in adjusted:
        adjustments.decide(adjustment=one, accept=True, by=clerk)

    wish = Wish.objects.get(
        community=lake, status="adopted", hold__isnull=False, volunteer=volunteer
    )
    wishes.thank(wish=wish, text="谢谢")

    claim = Claim.objects.get(community=lake, needs_approval=True)
    claim = funds.approve(claim=claim, approved_by=staff)
    paid = red_packets.pay_by_hand(reward=claim, reference="收据 16", recorded_by=clerk)
    red_packets.confirm(payment=paid, confirmed_by=staff)
    other = HandPayment.objects.get(community=lake, confirmed_at=None)
    red_packets.confirm(payment=other, confirmed_by=staff)
    funds.take_back(claim=claim, taken_back_by=newcomer)
    funds.recover(claim=claim, amount=200, reference="收据 1", recorded_by=staff)
    repaying = funds.claim(
        fund=claim.fund,
        subject="report:of another day",
        payee=f"person:{volunteer.pk}",
        amount=50,
        closed_at=timezone.now(),
        reason="report",
        asked_by=newcomer,
    )
    funds.payable(claim=repaying)  # all of it is set off
    old = Fund.objects.get(community=lake, name="旧红包")
    funds.top_up(fund=old, amount=40, reason="拨款", topped_up_by=staff)
    funds.return_rest(fund=old, ended_by=staff)
    funds.carry_over(fund=Fund.objects.get(community=lake, name="红包"), ended_by=staff)

    ledger.post(
        ledger.Movement(
            debit=ledger.account(community=lake, kind=AccountKind.ISSUANCE),
            credit=ledger.wallet(community=lake, person_id=staff.pk),
            amount=9,
            key="last year's",
            reason="gift",
            source="test:last year's",
            expires_on=lake.today - timedelta(days=1),
        )
    )
    expiry.expire(community=lake)

    merge = Merge.objects.get(community=lake)
    ledger.post(
        ledger.Movement(
            debit=ledger.account(community=lake, kind=AccountKind.ISSUANCE),
            credit=ledger.wallet(community=lake, person_id=merge.merged_id),
            amount=12,
            key="the other record's",
            reason="gift",
            source="test:the other record's",
        )
    )
    merges.confirm(merge=merge, by=User.objects.get(username="manager"))

    verified = Attendance.objects.get(community=lake, status="verified", verified_by=clerk)
    hours.void(attendance=verified, voider=staff, reason="不在场")
    corrected = Attendance.objects.filter(
        community=lake, status="checked_out", shift__activity__estate=None
    ).earliest("id")
    corrections.correct(
        attendance=corrected,
        checked_in_at=corrected.shift.starts_at + timedelta(minutes=30),
        checked_out_at=corrected.shift.ends_at,
        reason="补记",
        corrected_by=staff,
    )
    evaluations.evaluate(attendance=corrected, by=staff, stars=4, words="好")
    hours.verify(attendance=corrected, verifier=clerk)
    objections.decide(
        objection=Objection.objects.get(community=lake),
        decider=staff,
        is_upheld=True,
        reason="有照片",
    )
    mediating.end(
        mediation=Mediation.objects.get(community=lake, report__estate=None),
        by=staff,
        outcome=Mediation.Status.SETTLED,
    )
    rules.publish(
        community=lake,
        subject=Rule.Subject.REPORT,
        category="hazard",
        parameters={"reward_points": 20, "confirmer_share_bp": 2_000},
        valid_from=lake.today,
    )
    confirmed = submitting.submit(
        community=lake, reporter=volunteer, category="hazard", text="路灯不亮"
    )
    Confirmation.objects.create(
        community=lake,
        report=confirmed,
        confirmer=User.objects.get(username=f"{lake.code}-0"),
    )
    report = Report.objects.get(community=lake, status="closed", closed_by=clerk)
    handling.close(report=confirmed, handler=clerk)
    handling.void(report=report, voider=staff, reason="重复")
    return lake
