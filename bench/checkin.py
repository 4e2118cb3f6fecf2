"""The cost of hours: a scan of the venue's code against a view of one insert, and verification.

The floor (``_web_urls``) knows who asks and inserts one row, nothing else. Both run over HTTP from
the live server with 2 workers, to four clients, taking turns; each request is another person's, by
their own token, and check-ins are at one shift. BENCH_CHECKINS (1000) is the number of each in a
round; BENCH_ROUNDS (5) that of rounds. ``_verifying`` measures what comes after it.
"""

import tempfile
from datetime import timedelta

from allauth.headless.tokens.strategies.jwt import internal
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.services import logins
from backend.communities.models import Community
from backend.communities.services import places
from backend.ids import new_id
from bench import _verifying
from bench._database import own_database
from bench._outcome import Outcome, asked
from bench._team import PROCESSES, first
from bench._web import PASSWORD, live_server, statements, token_of, versus
from bench.auth import USERNAME
from merchants.partners.services import partnerships as partners
from volunteers.attendance.codes import Kind, code_of
from volunteers.models import Activity, Attendance, Shift, Volunteer
from volunteers.people.services import people


def run() -> Outcome:
    """Return ``checkin_vs_floor`` (check-ins ÷ inserts a second), and the figures of verification.

    ``checkin_statements`` are those of one check-in.
    """
    each = max(asked("CHECKINS", 1000) // PROCESSES, 1)
    count = first(each) + asked("ROUNDS", 5) * each
    with own_database(), live_server() as url, tempfile.NamedTemporaryFile("w") as file:
        logins.open_login(username=USERNAME, name="bench", password=PASSWORD)
        shift = plan_shift(places.found(code="bench", name="bench"))
        # Half of them check in, the others ask for the floor, each once by their own token.
        one, *tokens = [token_for(user) for user in sign_up(shift, 1 + 2 * count * PROCESSES)]
        file.write("\n".join(tokens))
        file.flush()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as autovacuum has done where it has been used for a while
        asks = {"BENCH_URL": url, "BENCH_TOKEN": token_of(url, USERNAME)}
        asks |= {"BENCH_CODES": file.name, "BENCH_SHIFT": f"{shift.community_id} {shift.pk}"}
        ratio = versus("check_in", "floor_as_another", each, **asks)
        scan = {"code": code_of(Kind.VENUE, shift, at=timezone.now()), "nonce": "bench"}
        figures = {
            "checkin_vs_floor": ratio,
            "checkin_statements": statements("/api/v1/me/attendances", scan, one),
        }
    return Outcome(
        figures | _verifying.figures(),
        at_least={"checkin_vs_floor": 0.5},
        at_most={"checkin_statements": 6, "verify_statements": 4, "queue_growth": 2},
    )


def plan_shift(community: Community) -> Shift:
    """Return a shift that is on, and sign a contract for the floor to insert rows of."""
    partners.sign_contract(
        community=community, name="bench", trade="bench", fen_per_point=10, is_donated=False
    )
    activity = Activity.objects.create(community=community, title="bench", category="bench")
    now = timezone.now()
    return Shift.objects.create(
        community=community,
        activity=activity,
        starts_at=now - timedelta(hours=1),
        ends_at=now + timedelta(hours=3),
    )


def sign_up(shift: Shift, count: int) -> list[User]:
    """Return ``count`` volunteers with a place in the shift."""
    users = User.objects.bulk_create(
        User(username=f"guest{number}", name="bench") for number in range(count)
    )
    for user in users:
        people.enrol(user=user, community=shift.community, kind=Volunteer.Kind.RIDER)
    Attendance.objects.bulk_create(
        Attendance(
            id=new_id(),
            community=shift.community,
            shift=shift,
            volunteer=user,
            signed_up_at=timezone.now(),
        )
        for user in users
    )
    return users


def token_for(user: User) -> str:
    """Return an access token of ``user``, as if they had logged in."""
    session = SessionStore(session_key=str(user.pk).replace("-", ""))
    claims = {"methods": [], "issued_ms": int(timezone.now().timestamp() * 1000)}
    token: str = internal.create_access_token(user, session, claims)
    return token
