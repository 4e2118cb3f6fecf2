"""A verification of everything when there is ten times as much, and of what is new.

The year of one volunteer, nine records of hours and one redemption, is given to as many as
BENCH_VERIFIED=SMALL,LARGE (100000,1000000) transfers take; then one in a hundred is added.
"""

import io
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.communities.models import Community
from backend.communities.services import places
from backend.verification.models import Verification
from bench._database import own_database
from bench._outcome import Outcome, asked_pair
from bench._peak import measured
from merchants.catalogue.services import offers as catalogue
from merchants.models import MerchantMember
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import vouchers as redemption
from points.ledger import services as ledger
from points.models import Rule
from points.rules import services as rules
from volunteers.activities import services as activities
from volunteers.attendance.services import hours, presence, sign_ups
from volunteers.models import Volunteer
from volunteers.people.services import people as enrolment

COPIES = Path(__file__).with_name("verified.sql")
RECORDS = 9  # of hours, and one redemption
LONG_AGO, NOW = 3, 0  # days


def run() -> Outcome:
    """Return how cost grows with size (seconds, peak memory), and 1 % new ÷ everything."""
    small_rows, large_rows = asked_pair("VERIFIED")
    small, large = _costs(small_rows), _costs(large_rows)
    return Outcome(
        {
            "verify_growth": large["seconds"] / small["seconds"],
            "verify_memory": large["peak_kib"] / small["peak_kib"],
            "verify_increment": large["new_seconds"] / large["seconds"],
        },
        at_most={"verify_growth": 11, "verify_memory": 1.5, "verify_increment": 0.1},
    )


@cache
def _costs(transfers: int) -> dict[str, float]:
    """Return seconds and peak memory of a whole run, and the seconds of one of what is new."""
    people = max(transfers // (RECORDS + 1) - 1, 1)
    with own_database():
        community = places.found(code="bench", name="bench")
        person = _a_year(community)
        _copy(community, person, range(1, people), LONG_AGO)
        whole = _verify()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(
                "UPDATE verification_verification SET started_at = started_at - interval '1 day'"
            )
            cursor.execute("SET LOCAL session_replication_role = origin")
        _copy(community, person, range(people, people + max(people // 100, 1)), NOW)
        new = _verify("--since-last")
        print(f"{transfers} transfers: {whole['seconds']:.1f} s, {whole['peak_kib']} KiB;", end=" ")
        print(f"1 % more: {new['seconds']:.1f} s", flush=True)
        return whole | {"new_seconds": new["seconds"]}


def _verify(*options: str) -> dict[str, float]:
    """Return the seconds from its beginning to its end, without the command's, and peak memory."""
    # Django's checks would read every address first.
    cost = measured("manage.py", "verify", "--skip-checks", "--community", "bench", *options)
    done = Verification.objects.latest("id")
    if done.status != Verification.Status.FINISHED or not done.started_at or not done.finished_at:
        raise RuntimeError(f"it ended as {done.status}")
    for made in done.checks:
        print(f"  {made['check']}: {made['rows']} rows, {made['seconds']} s")
    seconds = (done.finished_at - done.started_at).total_seconds()
    return {"seconds": seconds, "peak_kib": cost["peak_kib"]}


@transaction.atomic
def _a_year(community: Community) -> User:
    """Return a volunteer with hours of so many days, and a redemption, all by the services."""
    rules.publish(
        community=community,
        subject=Rule.Subject.HOURS,
        category="*",
        parameters={"points_per_hour": 10},
        valid_from=date(2020, 1, 1),
    )
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE points_ruleversion SET published_at = now() - interval '30 days'")
        cursor.execute("SET LOCAL session_replication_role = origin")
    person, staff, clerk = (
        User.objects.create(username=name, name=name) for name in ("person", "staff", "clerk")
    )
    enrolment.enrol(user=person, community=community, kind=Volunteer.Kind.RESIDENT)
    activity = activities.plan_activity(community=community, title="bench", category="bench")
    for day in range(1, RECORDS + 1):
        starts_at = datetime(2026, 1, day, 1, tzinfo=UTC)
        ends_at = starts_at + timedelta(hours=2)
        shift = activities.plan_shift(activity=activity, starts_at=starts_at, ends_at=ends_at)
        attendance = sign_ups.sign_up(shift=shift, volunteer=person, now=starts_at)
        presence.check_in(attendance=attendance, now=starts_at)
        hours.verify(
            attendance=presence.check_out(attendance=attendance, now=ends_at), verifier=staff
        )
    partnership = partners.sign_contract(
        community=community, name="bench", trade="bench", fen_per_point=10, is_donated=False
    )
    partners.employ(merchant=partnership.merchant, user=clerk, role=MerchantMember.Role.CLERK)
    offer = catalogue.offer(
        partnership=partnership, code="bench", title="bench", price_points=30, stock=9
    )
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE merchants_offerprice SET since_at = now() - interval '30 days'")
        cursor.execute("UPDATE merchants_terms SET agreed_at = now() - interval '30 days'")
        cursor.execute("SET LOCAL session_replication_role = origin")
    voucher = redemption.take(offer=offer, volunteer=person, now=now)
    redemption.scan(merchant_id=partnership.merchant_id, clerk=clerk, code=voucher.code, now=now)
    return person


def _copy(community: Community, person: User, numbers: range, days: int) -> None:
    """Give the person's year to as many others, ``days`` ago, and seal it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            COPIES.read_text(encoding="utf-8"),
            {
                "community": community.pk,
                "person": person.pk,
                "wallet": ledger.wallet(community=community, person_id=person.pk).pk,
                "first": numbers.start,
                "last": numbers.stop - 1,
                "age": f"{days} days",
            },
        )
        cursor.execute("SET LOCAL session_replication_role = origin")
    call_command("seal_ledger", community=community.code, stdout=io.StringIO())
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
