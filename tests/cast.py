"""The cast: one community with its rules, a few people and a merchant, built once a run.

A test that asks for one of them is given the rows and the object as they were built, in one
statement; what was built for another is not there. To add somebody, write their maker below and a
fixture in conftest.py that fetches them. The fixture ``kept`` does so for what tests share.
"""

import inspect
import pickle
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from django.core.files.storage import Storage
from django.db import connection, transaction

from backend.accounts.models import Consent, User
from backend.accounts.services import consents
from backend.communities.models import Community, Role
from backend.communities.services import places, roles
from backend.notices.models import Notice
from backend.outbox import services as outbox
from backend.registries import sealed
from merchants.catalogue.services import offers
from merchants.models import MerchantMember
from merchants.partners.services import partnerships
from points.models import Rule, RuleVersion
from tests.shared import once
from volunteers.models import Volunteer
from volunteers.people.services import people

PASSWORD = "correct horse battery staple"


# --- who they are -----------------------------------------------------------------------------
def lake() -> Community:
    community = places.found(code="lake", name="碧沙湖社区")
    written = [
        (Rule.Subject.HOURS, "*", {"points_per_hour": 10, "daily_cap_points": 80}),
        (
            Rule.Subject.HOURS,
            "交通劝导",
            {
                "points_per_hour": 10,
                "peak_windows": [["07:00", "09:00"], ["17:00", "19:00"]],
                "peak_multiplier_bp": 15000,
                "daily_cap_points": 90,
            },
        ),
        (Rule.Subject.REPORT, "hazard", {"reward_points": 20}),
    ]
    made = Rule.objects.bulk_create(
        Rule(community=community, subject=subject, category=category)
        for subject, category, _ in written
    )
    versions = RuleVersion.objects.bulk_create(
        RuleVersion(
            community=community,
            rule=rule,
            number=1,
            parameters=parameters,
            valid_from=date(2020, 1, 1),
        )
        for rule, (_, _, parameters) in zip(made, written, strict=True)
    )
    for version in versions:
        sealed.mark("rule_version", version)
    return community


def hill() -> Community:
    return places.found(code="hill", name="山丹社区")


def somebody(username: str, name: str, phone: str) -> User:
    user = User(username=username, name=name or username)
    user.phone = phone
    user.set_password(PASSWORD)
    user.save()
    return user


def tell(notice: Notice, *, is_due: bool = False) -> bool:
    """Deliver a notice, before its time unless ``is_due``. Returns whether that was done now."""
    where = {"community_id": notice.community_id, "pk": notice.pk}
    is_done = outbox.attempt("notice", is_due=is_due, **where)
    return is_done and Notice.objects.get(**where).delivered_at is not None


def volunteer(user: User, community: Community, kind: str) -> User:
    consents.give(user=user, purpose=Consent.Purpose.LOCATION, version=1)
    people.enrol(user=user, community=community, kind=kind)
    return user


def wang(lake):
    return volunteer(somebody("wang", "王小明", "19810000001"), lake, Volunteer.Kind.RIDER)


def li(lake):
    return volunteer(somebody("li", "李阿姨", "19810000002"), lake, Volunteer.Kind.RESIDENT)


def zhao(lake):
    user = somebody("zhao", "赵社工", "19810000003")
    roles.give(user=user, community=lake, role=Role.STAFF)
    return user


def tea_house(lake):
    return partnerships.sign_contract(
        community=lake, name="茶馆", trade="餐饮", fen_per_point=10, is_donated=False
    )


def tea(tea_house):
    return offers.offer(partnership=tea_house, code="TEA", title="一壶茶", price_points=30, stock=5)


def zhou(tea_house):
    user = somebody("zhou", "周老板", "19810000004")
    role = MerchantMember.Role.OWNER
    partnerships.employ(merchant=tea_house.merchant, user=user, role=role)
    return user


def chen(tea_house):
    user = somebody("chen", "陈店员", "19810000005")
    role = MerchantMember.Role.CLERK
    partnerships.employ(merchant=tea_house.merchant, user=user, role=role)
    return user


MAKERS: tuple[Callable[..., Any], ...] = (lake, hill, wang, li, zhao, tea_house, tea, zhou, chen)


# --- built once, fetched by each test ---------------------------------------------------------
# Whether a table has rows that were written since a transaction id, which is soon told; those rows;
# and the columns one may write.
HAS_WRITTEN = "SELECT {name} WHERE EXISTS (SELECT FROM {table} WHERE xmin::text::bigint > {since})"
WRITTEN = """
SELECT {name}, {columns}, {key}, string_agg(format('(%s)', concat_ws(', ', {values})), ', '),
    max(xmin::text::bigint)
FROM {table} t WHERE xmin::text::bigint > {since}
"""
TABLES = """
SELECT relid::regclass::text,
    string_agg(quote_ident(attname), ', ' ORDER BY attnum),
    string_agg(quote_ident(attname), ', ') FILTER (WHERE attnum = ANY (indkey)),
    string_agg(format('quote_nullable(%I)', attname), ', ' ORDER BY attnum)
FROM (
    SELECT pg_class.oid AS relid, indkey FROM pg_class JOIN pg_index ON indrelid = pg_class.oid
    WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
        AND indisprimary
) AS tables
JOIN pg_attribute ON attrelid = relid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''
GROUP BY relid
"""
# They passed every trigger and constraint when they were built.
UNLOOKED_AT = "SET LOCAL session_replication_role = {}"
NUMBERS = """
SELECT setval(sequencename::regclass, coalesce(last_value, 1) + %s) FROM pg_sequences
WHERE schemaname = 'public'
"""
SEALED = """
DELETE FROM points_unsealed u USING points_seal s
CROSS JOIN LATERAL unnest(s.other_ids, s.other_kinds) AS sealed (id, kind)
WHERE u.community_id = s.community_id AND u.row_id = sealed.id AND u.kind = sealed.kind
"""


class Cast:
    """The cast: for each person or thing, the object and the SQL statements that write its rows."""

    def __init__(self) -> None:
        self.kept: dict[str, tuple[bytes, str]] = {}
        self.files: Storage | None = None  # that were stored for what is kept

    def build(self, worker: int) -> None:
        """Build all, or take them over; rows of each worker have numbers of their own."""
        with connection.cursor() as cursor:
            cursor.execute(NUMBERS, [worker * 10_000_000])
        self.share("cast", self.play)

    def share(self, name: str, make: Callable[[], Any]) -> Any:
        """Have ``make`` keep something and return its result, or None if another worker did."""
        made, before = [], set(self.kept)

        def added() -> tuple[dict[str, tuple[bytes, str]], Storage | None]:
            made.append(make())
            return {name: self.kept[name] for name in self.kept.keys() - before}, self.files

        kept, files = once(name, added)
        self.kept |= kept
        self.files = files or self.files
        return made[0] if made else None

    def play(self) -> None:
        with transaction.atomic():
            made: dict[str, Any] = {}
            since = current_transaction()
            for maker in MAKERS:
                of_whom = [made[name] for name in inspect.signature(maker).parameters]
                made[maker.__name__], since = self.keep(maker, *of_whom, since=since)
            transaction.set_rollback(True)

    def last_written(self) -> int:
        """Return the id of the last transaction that has written a row of this one's."""
        return what_was_written(current_transaction())[1]

    def keep(self, maker: Callable[..., Any], *of_whom: Any, since: int) -> tuple[Any, int]:
        """Build, and keep every row of a transaction after ``since``; answer the last of those."""
        with transaction.atomic():
            made = maker(*of_whom)
            connection.check_constraints()
        written, last = what_was_written(since)
        self.kept[name_of(maker)] = pickle.dumps(made), written
        return made, last

    def write(self, *of_makers: Callable[..., Any]) -> None:
        """Write the rows of each, in this order."""
        inserts = [self.kept[name_of(maker)][1] for maker in of_makers]
        statements = [UNLOOKED_AT.format("replica"), *inserts, UNLOOKED_AT.format("origin")]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("; ".join(statements))

    def object_of(self, maker: Callable[..., Any]) -> Any:
        return pickle.loads(self.kept[name_of(maker)][0])  # noqa: S301


class Live(Cast):
    """The cast, played anew for each test: rows on shards do not tell who wrote them."""

    def __init__(self):
        super().__init__()
        self.made = {}

    def build(self, worker):
        pass

    def share(self, name, make):
        return make()

    def last_written(self):
        return 0

    def keep(self, maker, *of_whom, since):
        return maker(*of_whom), since

    def write(self, *of_makers):
        for maker in of_makers:
            of_whom = [self.made[name] for name in inspect.signature(maker).parameters]
            self.made[maker.__name__] = maker(*of_whom)

    def object_of(self, maker):
        return self.made[maker.__name__]


def name_of(maker: Callable[..., Any]) -> str:
    return f"{maker.__module__}.{maker.__name__}"


def current_transaction() -> int:
    """Return the id of the transaction; what savepoints write has later ones."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_current_xact_id()::text::bigint")
        (number,) = cursor.fetchone()
        return int(number)


@cache
def columns_of_tables() -> dict[str, tuple[str, str, str]]:
    """Return of each table its columns, those of its key, and SQL for the values of a row."""
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return {table: (columns, key, values) for table, columns, key, values in cursor.fetchall()}


def what_was_written(since: int) -> tuple[str, int]:
    """Statements that write each row of a transaction after ``since``, and the last of those."""

    def quoted(text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    with connection.cursor() as cursor:
        tables = columns_of_tables()
        asked = [
            HAS_WRITTEN.format(name=quoted(table), table=table, since=since) for table in tables
        ]
        cursor.execute(" UNION ALL ".join(asked))
        questions = []
        for (table,) in cursor.fetchall():
            columns, key, values = tables[table]
            questions.append(
                WRITTEN.format(
                    table=table,
                    name=quoted(table),
                    columns=quoted(columns),
                    key=quoted(key),
                    values=values,
                    since=since,
                )
            )
        found = []
        if questions:
            cursor.execute(" UNION ALL ".join(questions))
            found = cursor.fetchall()
    inserts = [
        f"INSERT INTO {table} ({columns}) OVERRIDING SYSTEM VALUE VALUES {rows}"
        f" ON CONFLICT ({key}) DO UPDATE SET ({columns}) = ROW ({excluded(columns)})"
        for table, columns, key, rows, _ in found
    ]
    # What another maker made, and this one sealed, no longer waits.
    sealed = [SEALED] if any(table == "points_seal" for table, *_ in found) else []
    return "; ".join([*inserts, *sealed]), max((last for *_, last in found), default=since)


def excluded(columns: str) -> str:
    return ", ".join(f"EXCLUDED.{column}" for column in columns.split(", "))
