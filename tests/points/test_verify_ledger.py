"""A change of the ledger behind its back is found, and the row is named.

The tampering is a superuser's with the triggers off: the database itself refuses everybody else.
"""

import io
import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.utils import timezone, translation

from backend.ids import new_id
from backend.registries.checks import Kind, registered
from backend.verification.models import Verification
from backend.verification.services import asking, running
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement
from points.awards.services import awards
from points.expiry import services as expiry
from points.kinds import AccountKind
from points.ledger import services as ledger
from points.ledger.services import Movement
from points.models import Award, Hold, Reversal, Rule, Seal, Transfer
from points.seals.services import sealing
from tests import cluster
from tests.long import IS_LONG
from tests.points.earning import award_hours
from tests.verified import found_in, found_in_books, looked_into, untriggered
from volunteers.attendance.services import hours
from volunteers.reports.services import handling, submitting

HOUR = timedelta(hours=1)
UUID_TEXT = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def as_told(finding):
    """Say ``totals: account <id>: …`` of a row, and its name alone of what is none."""
    table, row, because = finding.table.removeprefix("points_"), finding.row, finding.because
    if finding.check == "guards":
        row = f"{row} of {finding.table}" if table else row
    elif table in ("seal", "rollup"):  # by their numbers
        row, _, because = because.partition(": ")
        row = f"rollup of {row}" if table == "rollup" else row
    elif " " not in row:
        row = f"{table} {row}"
    return f"{finding.check}: {row}: {because}"


class Books:
    """The lake's ledger, and words for what happens in it."""

    def __init__(self, lake, wang, li):
        self.community = lake
        self.people = {"wang": wang, "li": li}
        self.accounts = {
            name: ledger.wallet(community=lake, person_id=person.pk)
            for name, person in self.people.items()
        }
        for kind in (AccountKind.ISSUANCE, AccountKind.SETTLED, AccountKind.EXPIRED):
            self.accounts[kind.value] = ledger.account(community=lake, kind=kind)
        for kind, holder in ((AccountKind.MERCHANT, "shop"), (AccountKind.FUND, "fund")):
            self.accounts[holder] = ledger.account(community=lake, kind=kind, holder=holder)

    def movement(self, debit, credit, amount, key, **more):
        return Movement(
            debit=self.accounts[debit],
            credit=self.accounts[credit],
            amount=amount,
            key=key,
            reason="test",
            source=f"test:{key}",
            **more,
        )

    def post(self, *movement, **more):
        ledger.post(self.movement(*movement, **more))

    def award(self, who, source, minutes=60, day=1):
        begins = datetime(2024, 3, day, 1, tzinfo=UTC)
        award_hours(
            community=self.community,
            person_id=self.people[who].pk,
            source=source,
            category="邻里服务",
            checked_in_at=begins,
            checked_out_at=begins + timedelta(minutes=minutes),
        )

    def hold(self, *movement, lifetime=HOUR):
        return {
            "community_id": self.community.pk,
            "hold_id": ledger.hold(self.movement(*movement), lifetime=lifetime).pk,
        }

    def reverse(self, reversed_key, key, amount=None):
        transfer = Transfer.objects.get(key=reversed_key)
        ledger.reverse(
            community_id=self.community.pk,
            transfer_id=transfer.pk,
            key=key,
            reason="correction",
            source=f"undo:{key}",
            amount=amount,
        )

    def seal(self):
        return sealing.seal(community=self.community)

    def verify(self, **more):
        return running.verify(community=self.community, kind="ledger", **more)

    def found(self, *others, **more):
        """Return the findings, with names of rows in the place of their ids."""
        found = found_in_books(self.community, *others, **more)
        return [self.with_names(as_told(one)) for one in found]

    def remember(self):
        """The names that rows have now, for when they are gone or others."""
        self.names = {str(person.pk): name for name, person in self.people.items()}
        self.names |= {str(account.pk): name for name, account in self.accounts.items()}
        self.names |= {str(rule.pk): "rule" for rule in Rule.objects.all()}
        self.names |= {str(award.pk): award.source for award in Award.objects.all()}
        for model in (Hold, Reversal, Transfer):
            self.names |= {str(row.pk): row.key for row in model.objects.all()}

    def with_names(self, text):
        """``transfer <id> (tea)`` is "transfer tea", and moments and hashes are left out."""
        for _ in range(2):  # a key may have an id in it
            text = UUID_TEXT.sub(lambda match: self.names.get(match[0], "new"), text)
        text = re.sub(r"(\S.*?) \(\1\)", r"\1", text)
        text = re.sub(r"(account \w+) \([^)]*\)", r"\1", text)
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d[\d:.+]*", "<moment>", text)
        text = re.sub(r"(?<=until )\d{4}-\d\d-\d\d", "<day>", text)
        return re.sub(r"[0-9a-f]{64}", "<head>", text)

    def with_ids(self, statement):
        """``<wang>`` is the id of what is called so."""
        ids = {name: pk for pk, name in self.names.items()}
        return re.sub("<(.+?)>", lambda match: ids[match[1]], statement)


@pytest.fixture
def books(lake, wang, li, monkeypatch, kept):
    monkeypatch.setattr(sealing, "BATCH", 4)
    return kept(books_of_everything, lake, wang, li)


def books_of_everything(lake, wang, li):
    """A ledger in which everything has happened, in seals of four and some of it not sealed yet."""
    books = Books(lake, wang, li)
    books.award("wang", "hours:1", minutes=480)
    books.award("li", "hours:2")
    books.award("li", "hours:nothing", minutes=5)
    books.post("issuance", "fund", 500, "budget")
    books.post("fund", "wang", 100, "gift")
    books.post("wang", "li", 7, "present")
    books.post("issuance", "wang", 90, "old", expires_on=date(2099, 12, 31))
    ledger.capture(**books.hold("wang", "shop", 30, "tea"))
    ledger.capture(**books.hold("wang", "shop", 30, "cake"), amount=20)
    ledger.void(**books.hold("wang", "shop", 30, "voided"))
    books.hold("wang", "shop", 5, "held")
    books.hold("wang", "shop", 5, "lapsed", lifetime=timedelta(0))
    books.post("li", "shop", 17, "all that li has")
    books.reverse("hours:2", "void hours:2")  # all of it is li's shortfall
    books.reverse("tea", "refund", amount=10)
    ledger.post_many(
        [
            books.movement("shop", "settled", 20, "settlement:1"),
            books.movement("shop", "settled", 3, "settlement:2"),
            books.movement("issuance", "li", 4, "repays"),
        ]
    )
    untriggered(  # the day comes, and is long over
        "UPDATE points_transfer SET expires_on = '2023-12-31' WHERE key = 'old'",
        "UPDATE points_earned SET expires_on = '2023-12-31' WHERE expires_on = '2099-12-31'",
    )
    expiry.expire(community=lake)
    books.seal()
    books.award("wang", "hours:9", day=2)
    books.post("issuance", "wang", 50, "waiting gift")
    books.post("issuance", "li", 3, "repays more")
    ledger.capture(**books.hold("wang", "shop", 6, "waiting tea"))
    books.reverse("waiting tea", "waiting refund", amount=2)
    ledger.capture(**books.hold("wang", "shop", 4, "waiting cake"))
    books.remember()
    return books


@pytest.fixture
def tamper(books):
    """Runs SQL as a superuser who has turned the triggers off; ``<wang>`` in it is his wallet."""

    def run(*statements):
        untriggered(*map(books.with_ids, statements))

    return run


# --- nothing is found -------------------------------------------------------------------------
def test_nothing_is_found_whatever_has_happened_sealed_or_not(books):
    assert books.found() == []
    assert books.seal()
    assert books.found() == []


def test_nothing_is_found_where_nothing_was_sealed_or_even_posted(lake, hill, wang, li):
    books = Books(lake, wang, li)
    books.remember()
    assert books.found() == []
    books.post("issuance", "wang", 5, "gift")
    assert books.found() == []
    assert found_in_books(hill) == []


def test_a_days_business_leaves_nothing_to_be_found(
    lake, wang, zhao, chen, tea, grant_points, person, served
):
    noon = datetime(2024, 3, 2, 4, tzinfo=UTC)
    grant_points(wang, 100)
    voucher = redemption.take(offer=tea, volunteer=wang, now=noon)
    redemption.scan(
        merchant_id=tea.partnership.merchant.pk, clerk=chen, code=voucher.code, now=noon
    )
    (statement,) = settlement.draft(
        community=lake,
        period_start=date(2024, 3, 1),
        period_end=date(2024, 4, 1),
        drafted_by=person("qian"),
    )
    settlement.approve(statement=statement, approver=zhao)
    settlement.mark_paid(
        statement=statement, payer=statement.drafted_by, payment_reference="bank-1"
    )
    hours.verify(attendance=served(wang, "2024-03-01 10:00", "2024-03-01 12:00"), verifier=zhao)
    seen = {"category": "hazard", "text": "井盖松动", "latitude": 30.5, "longitude": 114.3}
    handling.close(report=submitting.submit(community=lake, reporter=wang, **seen), handler=zhao)

    assert found_in(lake) == []
    assert sealing.seal(community=lake)
    assert found_in(lake) == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_nothing_is_found_while_people_post_and_others_seal(at_once, books):
    books.post("issuance", "li", 100, "means")

    def work(number):
        for turn in range(10):
            key = f"{number}:{turn}"
            if number == 0:
                if IS_LONG or turn % 3 == 0:
                    assert books.found() == []
            elif number == 1:
                books.seal()
            else:
                books.award("wang", f"hours:{key}", day=11 + turn)
                ledger.capture(**books.hold("wang", "shop", 3, f"tea:{key}"))
                books.reverse(f"tea:{key}", f"refund:{key}")
                books.post("li", "shop", 1, f"spent:{key}")
                books.reverse(f"hours:{key}", f"void:{key}")
        return "done"

    assert at_once(4, work) == ["done"] * 4
    assert books.found() == []


@pytest.mark.skipif(not cluster.is_used(), reason="One server answers as of one moment.")
@pytest.mark.parametrize("since", [None, datetime.now(UTC)])
def test_no_query_about_the_ledger_is_answered_in_parts_of_several_moments(lake, since):
    parts = []

    def hear(notice):
        if "generating subplan" in notice.message_primary:
            parts.append(notice.message_primary)

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL client_min_messages = debug1")
    connection.connection.add_notice_handler(hear)
    try:
        assert found_in(lake, Kind.LEDGER, since=since) == []
    finally:
        connection.connection.remove_notice_handler(hear)

    assert parts == []


# --- what is found ----------------------------------------------------------------------------
def put_back(column, time):
    """By UTC: what depends on a session's time zone can not be in an UPDATE on a cluster."""
    return f"{column} = ({column} AT TIME ZONE 'UTC' - interval '{time}') AT TIME ZONE 'UTC'"


MORE = "UPDATE points_transfer SET amount = amount + 5 WHERE key = '{}'"
WANG_HAS_MORE = "UPDATE points_account SET credits = credits + 5 WHERE id = '<wang>'"
WANG_EARNED_MORE = (
    "UPDATE points_earned SET points = points + 5 WHERE account_id = '<wang>' AND expires_on {}"
)
SLIPPED_IN = """
    INSERT INTO points_transfer (id, community_id, key, debit_id, credit_id, amount, reason,
        source, explanation, occurred_at, posted_at)
    SELECT {}, community_id, 'slipped in', '<issuance>', '<wang>', 5, reason, source, explanation,
        occurred_at, {} FROM points_transfer WHERE key = 'gift'
"""
IN_JUNE_2024 = ("'01900000-0000-7000-8000-000000000000'", "'2024-06-10 02:35:18Z'")
WAITS = (
    "INSERT INTO points_unsealed (id, community_id)"
    " SELECT id, community_id FROM points_transfer WHERE key = '{}'"
)
SEAL_2 = "UPDATE points_seal SET {} WHERE number = 2"

# What is done, and all that is then found: the beginning of each finding.
TAMPERING = {
    "an amount": (
        [MORE.format("gift")],
        [
            "totals: account fund: debits 100, should be 105",
            "totals: account wang: credits 342, should be 347",
            "totals: account wang: earned until ever: 150, should be 155",
            "seals: transfer gift: it is not what was sealed in seal 1; it, or an account of it,"
            " was changed. It says 105 from fund fund to wallet person:wang",
        ],
    ),
    "an amount, and all totals with it": (
        [
            MORE.format("gift"),
            WANG_HAS_MORE,
            WANG_EARNED_MORE.format("IS NULL"),
            "UPDATE points_account SET debits = debits + 5 WHERE id = '<fund>'",
        ],
        ["seals: transfer gift: it is not what was sealed in seal 1"],
    ),
    "an amount out of an account that is rolled up": (
        [MORE.format("budget")],
        [
            "totals: account fund: credits 500, should be 505",
            "seals: transfer budget: it is not what was sealed in seal 1",
            "seals: rollup of account issuance at seal 1: it says credits 0, debits 590;"
            " its transfers add up to 0 and 595",
        ],
    ),
    "the same, and all totals and rollups with it": (
        [
            MORE.format("budget"),
            "UPDATE points_account SET credits = credits + 5 WHERE id = '<fund>'",
            "UPDATE points_rollup SET debits = debits + 5 WHERE account_id = '<issuance>'",
        ],
        ["seals: transfer budget: it is not what was sealed in seal 1"],
    ),
    "an amount that is not sealed yet": (
        [MORE.format("waiting gift")],
        [
            "totals: account wang: credits 342, should be 347",
            "totals: account wang: earned until ever: 150, should be 155",
            "balance: unit points: all accounts together show -5",
        ],
    ),
    "an award that is not sealed yet, and all totals with it": (
        [MORE.format("hours:9"), WANG_HAS_MORE, WANG_EARNED_MORE.format("> '2023-12-31'")],
        ["awards: award hours:9: it earned 10, transfer hours:9 moves 15"],
    ),
    "a capture that is not sealed yet, and all totals with it": (
        [
            MORE.format("waiting tea"),
            "UPDATE points_account SET debits = debits + 5 WHERE id = '<wang>'",
        ],
        ["holds: hold waiting tea: it was captured with 6 of its 6, transfer waiting tea moves 11"],
    ),
    "an explanation": (
        [
            "UPDATE points_transfer SET explanation ="
            " jsonb_set(explanation, '{inputs,checked_out_at}', '\"later\"') WHERE key = 'hours:1'"
        ],
        ["seals: transfer hours:1: it is not what was sealed in seal 1"],
    ),
    "an explanation that is not sealed yet": (
        [
            "UPDATE points_transfer SET explanation ="
            " jsonb_set(explanation, '{rule,version}', '2') WHERE key = 'hours:9'"
        ],
        [
            "awards: award hours:9: it stands on version 1 of rule rule, its explanation on 2 of"
            " rule"
        ],
    ),
    "an arithmetic that is not sealed yet": (
        [
            "UPDATE points_transfer SET explanation ="
            " jsonb_set(explanation, '{arithmetic,points}', '11') WHERE key = 'hours:9'"
        ],
        ["awards: award hours:9: it earned 10, its arithmetic comes to 11"],
    ),
    "when it happened": (
        ["UPDATE points_transfer SET " + put_back("occurred_at", "1 h") + " WHERE key = 'tea'"],
        ["seals: transfer tea: it is not what was sealed in seal 2"],
    ),
    "when it was posted": (
        ["UPDATE points_transfer SET " + put_back("posted_at", "1 h") + " WHERE key = 'tea'"],
        ["seals: transfer tea: it is not what was sealed in seal 2"],
    ),
    "when it was posted, of one that is not sealed yet": (
        [
            "UPDATE points_transfer SET "
            + put_back("posted_at", "1 d")
            + " WHERE key = 'waiting gift'"
        ],
        ["books: transfer waiting gift: it says posted at <moment>, its id was made at <moment>"],
    ),
    "a key": (
        ["UPDATE points_transfer SET key = 'another' WHERE key = 'present'"],
        ["seals: transfer present: it is not what was sealed in seal 2"],
    ),
    "who was credited": (
        ["UPDATE points_transfer SET credit_id = '<li>' WHERE key = 'gift'"],
        [
            "totals: account li: credits 24, should be 124",
            "totals: account li: earned until ever: 14, should be 114",
            "totals: account wang: credits 342, should be 242",
            "totals: account wang: earned until ever: 150, should be 50",
            "seals: transfer gift: it is not what was sealed in seal 1; it, or an account of it,"
            " was changed. It says 100 from fund fund to wallet person:li",
        ],
    ),
    "whose an account is": (
        ["UPDATE points_account SET holder = 'another' WHERE id = '<fund>'"],
        [
            "seals: transfer budget: it is not what was sealed in seal 1; it, or an account of it,"
            " was changed. It says 500 from issuance to fund another",
            "seals: transfer gift: it is not what was sealed in seal 1; it, or an account of it,"
            " was changed. It says 100 from fund another to wallet person:wang",
        ],
    ),
    "what an account counts": (
        ["UPDATE points_account SET unit = 'fen' WHERE id = '<fund>'"],
        [
            "books: transfer budget: it turns points into fen",
            "books: transfer gift: it turns fen into points",
            "balance: unit fen: all accounts together show 400",
            "balance: unit points: all accounts together show -400",
            "seals: transfer budget: it is not what was sealed in seal 1",
            "seals: transfer gift: it is not what was sealed in seal 1",
        ],
    ),
    "one deleted": (
        ["DELETE FROM points_transfer WHERE key = 'present'"],
        [
            "totals: account li: credits 24, should be 17",
            "totals: account li: earned until ever: 14, should be 7",
            "totals: account wang: debits 100, should be 93",
            "seals: transfer present: it was sealed in seal 2, and is gone",
        ],
    ),
    "one deleted, and all totals with it": (
        [
            "DELETE FROM points_transfer WHERE key = 'gift'",
            "UPDATE points_account SET credits = credits - 100 WHERE id = '<wang>'",
            "UPDATE points_account SET debits = 0 WHERE id = '<fund>'",
            "UPDATE points_earned SET points = points - 100"
            " WHERE account_id = '<wang>' AND expires_on IS NULL",
        ],
        ["seals: transfer gift: it was sealed in seal 1, and is gone"],
    ),
    "one deleted that is not sealed yet": (
        ["DELETE FROM points_transfer WHERE key = 'waiting gift'"],
        [
            "totals: account wang: credits 342, should be 292",
            "totals: account wang: earned until ever: 150, should be 100",
            "balance: unit points: all accounts together show 50",
            "seals: transfer waiting gift: it waits to be sealed, and is gone",
        ],
    ),
    "an award deleted that is not sealed yet, and all traces in totals": (
        [
            "DELETE FROM points_transfer WHERE key = 'hours:9'",
            "DELETE FROM points_unsealed WHERE id = '<hours:9>'",
            "UPDATE points_account SET credits = credits - 10 WHERE id = '<wang>'",
            "UPDATE points_earned SET points = points - 10"
            " WHERE account_id = '<wang>' AND expires_on > '2023-12-31'",
        ],
        ["awards: award hours:9: transfer hours:9 is gone"],
    ),
    "a capture deleted that is not sealed yet, and all traces in totals": (
        [
            "DELETE FROM points_transfer WHERE key = 'waiting cake'",
            "DELETE FROM points_unsealed WHERE id = '<waiting cake>'",
            "UPDATE points_account SET debits = debits - 4 WHERE id = '<wang>'",
        ],
        ["holds: hold waiting cake: it was captured, and transfer waiting cake is gone"],
    ),
    "one slipped into June": (
        [SLIPPED_IN.format(*IN_JUNE_2024)],
        [
            "totals: account wang: credits 342, should be 347",
            "totals: account wang: earned until ever: 150, should be 155",
            "seals: transfer new: it is neither sealed nor waiting to be",
        ],
    ),
    "one slipped into June, to be sealed, and all totals with it": (
        [
            SLIPPED_IN.format(*IN_JUNE_2024),
            WAITS.format("slipped in"),
            WANG_HAS_MORE,
            WANG_EARNED_MORE.format("IS NULL"),
        ],
        [
            "seals: transfer new: it says posted at <moment>, and was not there when"
            " seal 4 was closed at <moment>"
        ],
    ),
    "one slipped into June, under an id of today": (
        [
            SLIPPED_IN.format("uuid7()", IN_JUNE_2024[1]),
            WAITS.format("slipped in"),
            WANG_HAS_MORE,
            WANG_EARNED_MORE.format("IS NULL"),
        ],
        ["books: transfer new: it says posted at <moment>, its id was made at <moment>"],
    ),
    "one slipped into June, posted today": (
        [
            SLIPPED_IN.format(IN_JUNE_2024[0], "clock_timestamp()"),
            WAITS.format("slipped in"),
            WANG_HAS_MORE,
            WANG_EARNED_MORE.format("IS NULL"),
        ],
        [
            "books: transfer new: it says posted at <moment>, its id was made at <moment>",
            "seals: transfer new: it has an id that was made <moment>, and was not there when"
            " seal 4 was closed at <moment>",
        ],
    ),
    "one that is not to be sealed": (
        ["DELETE FROM points_unsealed WHERE id = '<waiting gift>'"],
        [
            "balance: unit points: all accounts together show 50",
            "seals: transfer waiting gift: it is neither sealed nor waiting to be",
        ],
    ),
    "one that is to be sealed again": (
        [WAITS.format("gift")],
        ["seals: transfer gift: it is sealed in seal 1, and waits to be sealed again"],
    ),
    "two swapped": (
        [
            f"UPDATE points_transfer SET id = '{new_id()}' WHERE key = 'old'",
            "UPDATE points_transfer SET id = '<old>' WHERE key = 'present'",
            "UPDATE points_transfer SET id = '<present>' WHERE key = 'old'",
        ],
        [
            "seals: transfer present: it has the contents that were sealed as transfer old:"
            " they were swapped",
            "seals: transfer old: it has the contents that were sealed as transfer"
            " present: they were swapped",
        ],
    ),
    "two amounts swapped": (
        ["UPDATE points_transfer SET amount = 97 - amount WHERE key IN ('present', 'old')"],
        [
            "totals: account li: credits 24, should be 107",
            "totals: account li: earned until ever: 14, should be 97",
            "totals: account wang: credits 342, should be 259",
            "totals: account wang: debits 100, should be 183",
            "totals: account wang: earned until <day>: 90, should be 7",
            "seals: transfer present: it is not what was sealed in seal 2",
            "seals: transfer old: it is not what was sealed in seal 2",
            "seals: rollup of account issuance at seal 2: it says credits 0, debits 680;"
            " its transfers add up to 0 and 597",
        ],
    ),
    # Seals.
    "a leaf": (
        [SEAL_2.format("leaves = overlay(leaves PLACING sha256('x') FROM 33)")],
        ["seals: seal 2: its leaf of transfer old was changed, the transfer was not"],
    ),
    "a leaf too few": (
        [SEAL_2.format("leaves = substring(leaves FOR 96)")],
        [
            "seals: seal 2: its size is not the length of its lists",
            "seals: seal 2: its root does not follow from its leaves",
            "seals: seal 2: its head does not follow from what it is made of",
        ],
    ),
    "a root": (
        [SEAL_2.format("root = sha256('x')")],
        ["seals: seal 2: its root does not follow from its leaves"],
    ),
    "a head": (
        [SEAL_2.format("head = sha256('x')")],
        ["seals: seal 2: its head does not follow from what it is made of"],
    ),
    "a link": (
        [SEAL_2.format("previous = sha256('x')")],
        ["seals: seal 2: it is not chained to the head of seal 1"],
    ),
    "when it was sealed": (
        [SEAL_2.format(put_back("sealed_at", "1 s"))],
        ["seals: seal 2: its head does not follow from what it is made of"],
    ),
    "a size": (
        [SEAL_2.format("size = 3")],
        ["seals: seal 2: its size is not the length of its lists"],
    ),
    "where a seal begins": (
        [SEAL_2.format("first_id = last_id")],
        ["seals: seal 2: its first or last row is not that of its lists"],
    ),
    "where a seal ends": (
        [SEAL_2.format("last_id = first_id")],
        ["seals: seal 2: its first or last row is not that of its lists"],
    ),
    "two in a seal's list swapped": (
        [SEAL_2.format("transfer_ids[2] = transfer_ids[3], transfer_ids[3] = transfer_ids[2]")],
        [
            "seals: seal 2: its rows are out of order",
            "seals: transfer tea: it is not what was sealed in seal 2",
            "seals: transfer old: it is not what was sealed in seal 2",
        ],
    ),
    "one in a seal's list for another": (
        [SEAL_2.format("transfer_ids[2] = '<gift>'")],
        [
            "seals: seal 2: its rows are out of order",
            "seals: rollup of account issuance at seal 2: nothing of the account moved in such",
            "seals: transfer gift: it is not what was sealed in seal 2",
            "seals: transfer gift: it is sealed twice, in seals 1 and 2",
            "seals: transfer old: it is neither sealed nor waiting to be",
        ],
    ),
    "one in a seal's list for nothing": (
        [SEAL_2.format("transfer_ids[2] = NULL")],
        [
            "seals: seal 2: its rows are out of order",
            "seals: rollup of account issuance at seal 2: nothing of the account moved in such",
            "seals: transfer new: it was sealed in seal 2, and is gone",
            "seals: transfer old: it is neither sealed nor waiting to be",
        ],
    ),
    "a seal emptied": (
        [SEAL_2.format("transfer_ids = '{{}}', leaves = ''")],
        [
            "seals: seal 2: its size is not the length of its lists",
            "seals: seal 2: its first or last row is not that of its lists",
            "seals: seal 2: its root does not follow from its leaves",
            "seals: seal 2: its head does not follow from what it is made of",
            "seals: transfer present: it is neither sealed nor waiting to be",
            "seals: transfer old: it is neither sealed nor waiting to be",
            "seals: transfer tea: it is neither sealed nor waiting to be",
            "seals: transfer cake: it is neither sealed nor waiting to be",
            "seals: rollup of account shop at seal 2: nothing of the account moved in such",
            "seals: rollup of account issuance at seal 2: nothing of the account moved in such",
        ],
    ),
    "the last seal": (
        ["DELETE FROM points_seal WHERE number = 4"],
        [
            "seals: transfer repays: it is neither sealed nor waiting to be",
            "seals: transfer reversal:void hours:2:0: it is neither sealed nor waiting to be",
            "seals: transfer expire:wang:2023-12-31: it is neither sealed nor waiting to be",
            "seals: rollup of account expired at seal 4: nothing of the account moved in such",
            "seals: rollup of account issuance at seal 4: nothing of the account moved in such",
        ],
    ),
    "a seal in the middle": (
        ["DELETE FROM points_seal WHERE number = 2"],
        [
            "seals: seal 2: it is missing; next is 3",
            "seals: transfer present: it is neither sealed nor waiting to be",
            "seals: transfer old: it is neither sealed nor waiting to be",
            "seals: transfer tea: it is neither sealed nor waiting to be",
            "seals: transfer cake: it is neither sealed nor waiting to be",
            "seals: rollup of account shop at seal 2: nothing of the account moved in such",
            "seals: rollup of account issuance at seal 2: nothing of the account moved in such",
        ],
    ),
    # Rollups, totals and what was earned.
    "a rollup": (
        [
            "UPDATE points_rollup SET credits = credits + 5"
            " WHERE account_id = '<shop>' AND number = 2"
        ],
        [
            "seals: rollup of account shop at seal 2: it says credits 55, debits 0;"
            " its transfers add up to 50 and 0"
        ],
    ),
    "the latest rollup": (
        [
            "UPDATE points_rollup SET credits = credits + 5"
            " WHERE account_id = '<shop>' AND number = 3"
        ],
        [
            "balance: unit points: all accounts together show 5",
            "seals: rollup of account shop at seal 3: it says credits 72, debits 33;"
            " its transfers add up to 67 and 33",
        ],
    ),
    "a rollup deleted": (
        ["DELETE FROM points_rollup WHERE account_id = '<shop>' AND number = 2"],
        ["seals: rollup of account shop at seal 2: it is missing"],
    ),
    "a rollup slipped in": (
        [
            "INSERT INTO points_rollup (id, community_id, account_id, number, credits, debits)"
            " SELECT gen_random_uuid(), community_id, account_id, 4, credits + 5, debits"
            " FROM points_rollup WHERE account_id = '<shop>' AND number = 3"
        ],
        [
            "balance: unit points: all accounts together show 5",
            "seals: rollup of account shop at seal 4: nothing of the account moved in such",
        ],
    ),
    "a wallet's credits": (
        [WANG_HAS_MORE],
        [
            "totals: account wang: credits 347, should be 342",
            "balance: unit points: all accounts together show 5",
        ],
    ),
    "what is held": (
        ["UPDATE points_account SET held = held - 5 WHERE id = '<wang>'"],
        ["totals: account wang: held 5, should be 10"],
    ),
    "a shortfall": (
        ["UPDATE points_account SET shortfall = 0 WHERE id = '<li>'"],
        ["totals: account li: shortfall 0, should be 3"],
    ),
    "totals where there are none": (
        ["UPDATE points_account SET credits = 5 WHERE id = '<issuance>'"],
        [
            "totals: account issuance: it has no floor and so keeps no totals",
        ],
    ),
    "what was earned": (
        [WANG_EARNED_MORE.format("IS NULL")],
        ["totals: account wang: earned until ever: 155, should be 150"],
    ),
    "what was earned, forgotten": (
        ["DELETE FROM points_earned WHERE account_id = '<wang>' AND expires_on > '2023-12-31'"],
        ["totals: account wang: earned until <day>: 0, should be 90"],
    ),
    # Holds, reversals, awards, expiry.
    "what was recovered, and the shortfall with it": (
        [
            "UPDATE points_reversal SET recovered = amount WHERE key = 'void hours:2'",
            "UPDATE points_account SET shortfall = 0 WHERE id = '<li>'",
        ],
        ["reversals: reversal void hours:2: it says 10 of 10 recovered, its transfers add up to 7"],
    ),
    "how much was reversed": (
        ["UPDATE points_reversal SET amount = 50, recovered = 50 WHERE key = 'refund'"],
        ["reversals: reversal refund: 50 are taken back of transfer tea, which moved 30"],
    ),
    "a reversal deleted": (
        ["DELETE FROM points_reversal WHERE key = 'refund'"],
        ["reversals: transfer reversal:refund:0: no reversal of transfer tea asked for it"],
    ),
    "what was reversed": (
        ["UPDATE points_transfer SET reverses_id = '<cake>' WHERE reverses_id = '<waiting tea>'"],
        [
            "reversals: transfer reversal:waiting refund:0: no reversal of transfer cake asked",
            "reversals: reversal waiting refund: it says 2 of 2 recovered, its transfers add up"
            " to 0",
        ],
    ),
    "how much was captured": (
        ["UPDATE points_hold SET captured_amount = 5 WHERE key = 'waiting tea'"],
        ["holds: hold waiting tea: it was captured with 5 of its 6, transfer waiting tea moves 6"],
    ),
    "a capture after the end": (
        ["UPDATE points_hold SET " + put_back("expires_at", "1 d") + " WHERE key = 'tea'"],
        ["holds: hold tea: it expired at <moment> and was captured at <moment>"],
    ),
    "a capture undone": (
        [
            "UPDATE points_hold SET state = 'voided', captured_amount = NULL, transfer_id = NULL"
            " WHERE key = 'tea'"
        ],
        ["holds: hold tea: it is voided, and there is its transfer tea"],
    ),
    "how much is held back": (
        ["UPDATE points_hold SET amount = 6 WHERE key = 'held'"],
        ["totals: account wang: held 10, should be 11"],
    ),
    "an award's points": (
        ["UPDATE points_award SET amount = 11 WHERE source = 'hours:9'"],
        ["awards: award hours:9: it earned 11, transfer hours:9 moves 10"],
    ),
    "an award's wallet": (
        ["UPDATE points_award SET account_id = '<li>' WHERE source = 'hours:9'"],
        ["awards: award hours:9: transfer hours:9 is not to its wallet or under its name"],
    ),
    "why an award is nothing": (
        [
            "UPDATE points_award SET explanation_of_nothing ="
            " jsonb_set(explanation_of_nothing, '{rule,version}', '2') WHERE amount = 0"
        ],
        ["awards: award hours:nothing: it stands on version 1 of rule rule"],
    ),
    "what expired": (
        [
            "UPDATE points_transfer SET explanation = jsonb_set(explanation, '{kept}', '1')"
            " WHERE reason = 'expiry'"
        ],
        [
            "expiry: transfer expire:wang:2023-12-31: it took 33",
            "seals: transfer expire:wang:2023-12-31: it is not what was sealed in seal 4",
        ],
    ),
    "the day on which it did": (
        [
            "UPDATE points_transfer SET explanation ="
            " jsonb_set(explanation, '{expires_on}', '\"2023-12-30\"') WHERE reason = 'expiry'"
        ],
        [
            "expiry: transfer expire:wang:2023-12-31: it is not of the wallet and the day that it",
            "seals: transfer expire:wang:2023-12-31: it is not what was sealed in seal 4",
        ],
    ),
    "that it did before its day was over": (
        ["UPDATE points_transfer SET posted_at = '2023-12-31 15:59Z' WHERE reason = 'expiry'"],
        [
            "books: transfer expire:wang:2023-12-31: it says posted at <moment>",
            "expiry: transfer expire:wang:2023-12-31: its day was not over",
            "seals: transfer expire:wang:2023-12-31: it is not what was sealed in seal 4",
        ],
    ),
    "a loss that nothing explains": (
        ["UPDATE points_transfer SET reason = 'expiry' WHERE key = 'waiting gift'"],
        ["expiry: transfer waiting gift: nothing but expiry takes what a wallet loses"],
    ),
    "until when points can be spent that wait to be sealed": (
        ["UPDATE points_transfer SET expires_on = '2099-12-31' WHERE key = 'hours:9'"],
        [
            "totals: account wang: earned until <day>: 0, should be 10",
            "totals: account wang: earned until <day>: 90, should be 80",
        ],
    ),
    # What stands guard.
    "triggers disabled": (
        ["ALTER TABLE points_seal DISABLE TRIGGER USER"],
        [
            "guards: trigger seal_is_final of points_seal: it is disabled",
            "guards: trigger seal_is_not_emptied of points_seal: it is disabled",
        ],
    ),
    "a trigger that does nothing": (
        [
            "DO $do$ DECLARE f text; BEGIN"
            " SELECT tgfoid::regproc INTO f FROM pg_trigger WHERE tgname LIKE '%hold_stays%';"
            " EXECUTE 'CREATE OR REPLACE FUNCTION ' || f || '() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN OLD; END $$'; END $do$"
        ],
        ["guards: trigger hold_stays of points_hold: it is not as declared"],
    ),
    "a trigger dropped": (
        [
            "DO $do$ DECLARE t text; BEGIN"
            " SELECT tgname INTO t FROM pg_trigger WHERE tgname LIKE '%hold_stays%';"
            " EXECUTE 'DROP TRIGGER ' || t || ' ON points_hold'; END $do$"
        ],
        ["guards: trigger hold_stays of points_hold: it is not installed"],
    ),
    "a function that lies": (
        [
            "CREATE OR REPLACE FUNCTION uuid7() RETURNS uuid LANGUAGE sql"
            " AS $$ SELECT gen_random_uuid() $$"
        ],
        ["guards: function uuid7: it is not as declared"],
    ),
    "a function dropped": (
        ["DROP FUNCTION points_losses"],
        ["guards: function points_losses: it is not installed"],
    ),
    "a setting that turns triggers off": (
        ["ALTER ROLE CURRENT_USER SET session_replication_role = replica"],
        ["guards: setting of the role "],
    ),
    "a floor": (
        [
            "ALTER TABLE points_account DROP CONSTRAINT account_never_overdrawn",
            "UPDATE points_account SET debits = 1000 WHERE id = '<wang>'",
        ],
        [
            "guards: constraint account_never_overdrawn of points_account: it is not in force",
            "floors: account wang: credits 342, debits 1000, held 10, shortfall 0: below zero",
            "totals: account wang: debits 1000, should be 100",
            "balance: unit points: all accounts together show -900",
        ],
    ),
    "a floor that is not enforced": (
        [
            "ALTER TABLE points_account DROP CONSTRAINT account_never_overdrawn,"
            " ADD CONSTRAINT account_never_overdrawn CHECK (credits >= debits) NOT VALID"
        ],
        ["guards: constraint account_never_overdrawn of points_account: it is not in force"],
    ),
    "one key for two": (
        [
            "ALTER TABLE points_transfer DROP CONSTRAINT transfer_once",
            "UPDATE points_transfer SET key = 'gift' WHERE key = 'waiting gift'",
        ],
        [
            "guards: constraint transfer_once of points_transfer: it is not in force",
            "keys: transfer gift: its key gift is that of 2 rows, also of waiting gift",
        ],
    ),
    "an amount of less than nothing": (
        [
            "ALTER TABLE points_transfer DROP CONSTRAINT transfer_moves_something",
            "UPDATE points_transfer SET amount = -50 WHERE key = 'waiting gift'",
            "UPDATE points_account SET credits = credits - 100 WHERE id = '<wang>'",
            "UPDATE points_earned SET points = points - 100"
            " WHERE account_id = '<wang>' AND expires_on IS NULL",
        ],
        [
            "guards: constraint transfer_moves_something of points_transfer: it is not in force",
            "books: transfer waiting gift: its amount is -50",
        ],
    ),
}


def looking_for(expected):
    """Guards take long to compare, so they are where something of them is expected."""
    return [Kind.GUARDS] if any(one.startswith("guards: ") for one in expected) else []


def cases(tampering):
    """Leave the guards of a cluster to tests/distributed/test_guards.py.

    They are asked by connections of their own, which would wait for what a test has altered.
    """
    return [
        pytest.param(name, marks=[pytest.mark.plain] if looking_for(expected) else [])
        for name, (_, expected) in tampering.items()
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", cases(TAMPERING))
def test_what_was_changed_is_named(books, tamper, name):
    statements, expected = TAMPERING[name]
    tamper(*statements)
    looked = {"only": looked_into(expected, [*TAMPERING].index(name))}

    found = books.found(*looking_for(expected), **looked)

    assert len(found) == len(expected), found
    for one, beginning in zip(sorted(found), sorted(expected), strict=True):
        assert one.startswith(beginning)
    # All of it is new, but for what pretends to be of long ago.
    as_new = books.found(*looking_for(expected), since=timezone.now() - HOUR, **looked)
    assert sorted(as_new) == sorted(found) or ("June" in name and set(as_new) < set(found))


def test_one_that_is_sealed_twice_is_named(books, tamper):
    tamper(WAITS.format("gift"))
    books.seal()

    assert books.found() == [
        "seals: transfer gift: it is sealed twice, in seals 1 and 5",
    ]


VOIDED = {
    "an award voided twice": (
        [
            "ALTER TABLE points_void DROP CONSTRAINT void_once",
            "INSERT INTO points_void (id, community_id, award_id, reversal_id, reason)"
            " SELECT uuid7(), community_id, award_id, reversal_id, reason FROM points_void",
        ],
        [
            "guards: constraint void_once of points_void: it is not in force",
            "voids: void new: its award was voided before",
        ],
    ),
    "a void without a reversal": (
        ["UPDATE points_void SET reversal_id = NULL"],
        [
            "voids: void hours:10: no reversal takes back its award",
            "voids: reversal void:hours:10: nothing was voided by it",
        ],
    ),
    "a void whose reversal is gone": (
        ["DELETE FROM points_reversal WHERE key = 'void:hours:10'"],
        [
            "reversals: transfer reversal:void:hours:10:0: no reversal of transfer hours:10 asked",
            "voids: void hours:10: no reversal takes back its award",
        ],
    ),
    "a void by another reversal": (
        ["UPDATE points_void SET reversal_id = '<waiting refund>'"],
        [
            "voids: void hours:10: reversal waiting refund is not of its award",
            "voids: reversal void:hours:10: nothing was voided by it",
        ],
    ),
    "a void of a part": (
        ["UPDATE points_reversal SET amount = 7, recovered = 7 WHERE key = 'void:hours:10'"],
        [
            "reversals: reversal void:hours:10: it says 7 of 7 recovered",
            "voids: void hours:10: 7 of 10 are taken back",
        ],
    ),
    "a reversal that nothing was voided by": (
        ["DELETE FROM points_void"],
        ["voids: reversal void:hours:10: nothing was voided by it"],
    ),
    "an award that was voided, gone": (
        ["DELETE FROM points_award WHERE source = 'hours:10'"],
        ["voids: void hours:10: award hours:10 is gone"],
    ),
    "an award's kind": (
        ["UPDATE points_award SET kind = 'report' WHERE source = 'hours:9'"],
        ["awards: award hours:9: it is of report 1, its explanation of hours 1"],
    ),
    "an award's version of inputs": (
        ["UPDATE points_award SET inputs_version = 2 WHERE source = 'hours:9'"],
        ["awards: award hours:9: it is of hours 2, its explanation of hours 1"],
    ),
    "an award's unit": (
        [
            "ALTER TABLE points_award DROP CONSTRAINT award_of_hours_is_never_cash,"
            " DROP CONSTRAINT award_moves_or_says_why_not",
            "UPDATE points_award SET unit = 'fen' WHERE source = 'hours:9'",
        ],
        [
            "guards: constraint award_moves_or_says_why_not of points_award: it is not in force",
            "guards: constraint award_of_hours_is_never_cash of points_award: it is not in force",
            "awards: award hours:9: it is in fen, its wallet in points",
        ],
    ),
}


@pytest.mark.parametrize("name", cases(VOIDED))
def test_what_was_voided_was_voided_once_and_whole(books, tamper, name):
    statements, found = VOIDED[name]
    books.award("wang", "hours:10", day=3)
    void = awards.void(community=books.community, source="hours:10", reason="误报")
    books.remember()
    books.names[str(void.pk)] = "hours:10"
    looked = {"only": looked_into(found, [*VOIDED].index(name))}
    assert books.found(**looked) == []

    tamper(*statements)

    findings = books.found(*looking_for(found), **looked)
    assert len(findings) == len(found)
    for finding, expected in zip(sorted(findings), sorted(found), strict=True):
        assert finding.startswith(expected)


@pytest.mark.parametrize(("late", "found"), [(timedelta(hours=5), 0), (timedelta(hours=7), 1)])
def test_one_that_was_committed_late_is_told_from_one_slipped_in(books, late, found):
    """A transfer of either kind has an id and a time before the last seal, and no other fault."""
    then = Seal.objects.latest("number").sealed_at - late
    milliseconds = int(then.timestamp() * 1000)
    with connection.cursor() as cursor:
        cursor.execute(
            books.with_ids(SLIPPED_IN.format("%s", "%s")),
            [f"{milliseconds:012x}70008000000000000000", then],
        )

    assert len(books.found()) == found
    books.seal()
    assert len(books.found()) == found


def test_what_nothing_else_tells_of_is_found_once_it_was_sealed(books, tamper):
    """The minutes until then are what a superuser has; nobody else has any."""
    change = [MORE.format("waiting gift"), WANG_HAS_MORE, WANG_EARNED_MORE.format("IS NULL")]
    with transaction.atomic():
        tamper(*change)
        assert books.found() == []
        transaction.set_rollback(True)

    books.seal()
    tamper(
        *change,
        "UPDATE points_rollup SET debits = debits + 5"
        " WHERE account_id = '<issuance>' AND number = 5",
    )

    (found,) = books.found()
    assert found.startswith("seals: transfer waiting gift: it is not what was sealed in seal 5")


def published(community):
    """Return the seals as the public API lists them, newest first."""
    return [
        sealing.header(seal) | {"head": bytes(seal.head).hex()}
        for seal in Seal.objects.filter(community=community).order_by("-number")
    ]


REWRITTEN = (
    MORE.format("gift"),
    WANG_HAS_MORE,
    WANG_EARNED_MORE.format("IS NULL"),
    "UPDATE points_account SET debits = debits + 5 WHERE id = '<fund>'",
    "DELETE FROM points_seal",
    "DELETE FROM points_rollup",
    "DELETE FROM points_unsealed",
    "INSERT INTO points_unsealed (id, community_id) SELECT id, community_id FROM points_transfer",
    "INSERT INTO points_unsealed (id, community_id, kind, row_id)"
    " SELECT gen_random_uuid(), community_id, 'rule_version', id FROM points_ruleversion",
)


def test_a_ledger_rewritten_with_its_seals_is_told_by_the_heads_that_were_published(books, tamper):
    heads = published(books.community)
    assert books.found(against=heads) == []
    tamper(*REWRITTEN)
    books.seal()

    assert books.found() == []  # nothing in it contradicts the rest
    assert books.found(against=heads) == [
        f"published: seal {number}: its head was published as <head>, and is <head>"
        for number in (4, 3, 2, 1)
    ]


def test_a_ledger_rewritten_with_its_seals_is_told_by_an_earlier_verification(books, tamper):
    books.verify()
    tamper(*REWRITTEN)
    books.seal()

    assert books.found() == [
        "seals: verification_verification new: at <moment> it found a head that no seal has any"
        " more: <head>"
    ]


def test_a_seal_taken_back_is_told_by_the_heads_that_were_published(books, tamper):
    heads = published(books.community)
    tamper(
        "INSERT INTO points_unsealed (id, community_id)"
        " SELECT unnest(transfer_ids), community_id FROM points_seal WHERE number = 4",
        "DELETE FROM points_seal WHERE number = 4",
        "DELETE FROM points_rollup WHERE number = 4",
    )

    assert books.found() == []
    assert books.found(against=heads) == ["published: seal 4: it was published, and is missing"]


def test_heads_of_another_community_are_not_missed(books, hill):
    heads = [
        head | {"community": str(hill.pk), "number": 99} for head in published(books.community)
    ]

    assert books.found(against=heads) == []


# --- the command -----------------------------------------------------------------------------
@pytest.fixture
def verify(books):
    """Runs the command; answers what it printed, without figures of time, and how it failed."""

    def run(*arguments):
        out, failure = io.StringIO(), None
        try:
            call_command("verify", *arguments, "--kind", "ledger", stdout=out)
        except CommandError as error:
            failure = str(error)
        printed = re.sub(r"[\d,.]+ (rows|s)\b", r"N \1", books.with_names(out.getvalue()))
        return printed.splitlines(), failure

    return run


def test_the_command_says_what_it_checked_how_much_and_how_long(verify):
    lines, failure = verify("--community", "lake")

    assert failure is None
    assert lines[0] == "lake 碧沙湖社区"
    with translation.override("en"):
        assert lines[1:-3] == [
            f"  {check.name}: {check.promise} (N rows, N s)"
            for check in registered(Kind.LEDGER)
            if not check.is_against_heads
        ]
    assert lines[-3:] == [
        "  finished, N s; seal 4, head <head>",
        "Nothing was found: all that was checked holds.",
        "Heads were not compared with published ones (--against FILE).",
    ]
    assert "  floors: No account is below zero. (N rows, N s)" in lines


def test_the_command_names_what_it_finds_where_it_finds_it_and_fails(verify, tamper):
    tamper("UPDATE points_account SET held = 0 WHERE id = '<wang>'")

    lines, failure = verify()

    place = lines.index("  FOUND totals: points_account wang: held 0, should be 10")
    assert lines[place + 1].startswith("  totals: ")
    assert failure == "Not all is as it should be. Findings: 1."


def test_the_command_looks_at_every_community_or_at_one(verify, hill):
    def looked_at(*arguments):
        lines, failure = verify(*arguments)
        assert failure is None
        return [line for line in lines if line.startswith(("lake", "hill"))]

    assert looked_at() == ["hill 山丹社区", "lake 碧沙湖社区"]
    assert looked_at("--community", "hill") == ["hill 山丹社区"]
    assert verify("--community", "sea")[1] == "There is no community with the code sea."


@pytest.mark.parametrize("shape", [lambda heads: heads, lambda heads: {"results": heads}])
def test_the_command_compares_with_a_file_of_published_heads(
    verify, books, tamper, hill, tmp_path, shape
):
    file = tmp_path / "heads.json"
    file.write_text(json.dumps(shape(published(books.community))))
    lines, failure = verify("--against", str(file))
    assert failure is None
    assert "  published: Seals have the heads that were published. (N rows, N s)" in lines
    assert lines[-1] == "Nothing was found: all that was checked holds."

    tamper(*REWRITTEN, "DELETE FROM verification_verification")
    books.seal()

    lines, failure = verify("--against", str(file))
    found = "points_seal seal 4: seal 4: its head was published as <head>, and is <head>"
    assert f"  FOUND published: {found}" in lines
    assert failure == "Not all is as it should be. Findings: 4."


HEAD = {"number": 1, "head": "5f" * 32}


@pytest.mark.parametrize(
    "written",
    [
        "nonsense",
        "[]",
        "{}",
        '{"results": 5}',
        "[5]",
        json.dumps([HEAD | {"number": 0}]),
        json.dumps([HEAD | {"number": 2**63}]),
        json.dumps([HEAD | {"number": "1"}]),
        json.dumps([HEAD | {"head": "5f"}]),
        json.dumps([HEAD | {"head": None}]),
    ],
)
def test_a_file_that_has_no_heads_is_refused(verify, tmp_path, written):
    file = tmp_path / "heads.json"
    file.write_text(written)

    assert str(file) in verify("--against", str(file))[1]
    assert not Verification.objects.exists()


def test_heads_that_do_not_say_whose_they_are_are_for_one_community(verify, books, tmp_path):
    file = tmp_path / "heads.json"
    heads = [
        {name: head[name] for name in ("number", "head")} for head in published(books.community)
    ]
    file.write_text(json.dumps(heads))

    assert "--community" in verify("--against", str(file))[1]
    assert verify("--against", str(file), "--community", "lake")[1] is None


def test_the_command_reads_what_is_new_and_waits_for_nobody(verify, books):
    assert verify("--since-last")[1] is None
    assert verify("--since-last")[1] is None
    last, first = Verification.objects.order_by("-id")
    assert [(one.is_whole, one.since_id) for one in (first, last)] == [
        (True, None),
        (False, first.pk),
    ]

    asking.ask(community=books.community, kind="ledger", is_whole=True)
    assert verify()[1] == ("lake: A verification of this kind is already waiting or running here.")
