"""The cost of a redemption at the counter: a clerk's scan, against a view that inserts one row.

The floor (``_web_urls``) knows who asks and writes a scan's one row, nothing else. Both run over
HTTP from the live server with 2 workers, to four clients, taking turns; each voucher is of another
wallet, so nobody waits for a row. BENCH_REDEMPTIONS (1000) is the number of each in a round;
BENCH_ROUNDS (5) that of rounds.
"""

import tempfile

from django.db import connection

from backend.accounts.models import User
from backend.accounts.services import logins
from backend.communities.services import places
from bench import _settling
from bench._database import own_database
from bench._outcome import Outcome, asked
from bench._team import PROCESSES, first
from bench._web import PASSWORD, live_server, statements, token_of, versus
from merchants.catalogue.services import offers as catalogue
from merchants.models import MerchantMember, Offer
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import vouchers as redemption
from points.kinds import AccountKind
from points.ledger import services as ledger
from volunteers.models import Volunteer
from volunteers.people.services import people as enrolment

CLERK, VOLUNTEER = "clerk", "volunteer"


def run() -> Outcome:
    """Return ``capture_vs_floor`` (captures ÷ inserts a second) and a capture's SQL statements."""
    each = max(asked("REDEMPTIONS", 1000) // PROCESSES, 1)
    count = first(each) + asked("ROUNDS", 5) * each
    with own_database(), live_server() as url, tempfile.NamedTemporaryFile("w") as file:
        offer = open_shop()
        one, *codes = vouchers(offer, 1 + count * PROCESSES)
        file.write("\n".join(codes))
        file.flush()
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # as autovacuum has done where it has been used for a while
        token = token_of(url, CLERK)
        scans = f"/api/v1/merchants/{offer.partnership.merchant_id}/scans"
        asks = {"BENCH_URL": url, "BENCH_TOKEN": token}
        ratio = versus("scan", "floor", each, **asks, BENCH_CODES=file.name, BENCH_SCANS=scans)
        count = statements(scans, {"code": one}, token, **{"Idempotency-Key": one})
    return Outcome(
        {"capture_vs_floor": ratio, "capture_statements": count, **_settling.figures()},
        at_least={"capture_vs_floor": 0.55},
        at_most={"capture_statements": 8, "settle_growth": 11, "settle_memory": 1.2},
    )


def open_shop() -> Offer:
    """Open a shop of one offer, and a clerk who scans there."""
    community = places.found(code="bench", name="bench")
    partnership = partners.sign_contract(
        community=community, name="bench", trade="bench", fen_per_point=10, is_donated=False
    )
    clerk = logins.open_login(username=CLERK, name=CLERK, password=PASSWORD)
    partners.employ(merchant=partnership.merchant, user=clerk, role=MerchantMember.Role.CLERK)
    return catalogue.offer(
        partnership=partnership, code="bench", title="bench", price_points=10, stock=2**30
    )


def vouchers(offer: Offer, count: int) -> list[str]:
    """Return ``count`` codes, each of a voucher of somebody else."""
    people = User.objects.bulk_create(
        User(username=f"{VOLUNTEER}{number}", name="bench") for number in range(count)
    )
    for user in people:
        enrolment.enrol(user=user, community=offer.community, kind=Volunteer.Kind.RESIDENT)
    issuance = ledger.account(community=offer.community, kind=AccountKind.ISSUANCE)
    ledger.post_many(
        [
            ledger.Movement(
                debit=issuance,
                credit=ledger.wallet(community=offer.community, person_id=user.pk),
                amount=10,
                key=f"open:{user.pk}",
                reason="bench",
                source=f"test:open:{user.pk}",
            )
            for user in people
        ]
    )
    return [redemption.take(offer=offer, volunteer=user).code for user in people]
