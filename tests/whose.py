"""Statements on tenants' tables: each of ours has to name the community.

``watch`` reads every statement that the project executes while the tests run, on every connection.
A statement must say of each tenant's table in it ``alias.community_id = …`` (or ``= ANY``, or
``IN``), or compare it with that of an alias which does, and may lock no row of which every node has
a copy (backend/locks.py). What a test executes itself is its own affair; what may leave the
community out, or lock such a row, stands in tests/across.py, with the reason.
"""

import re
import sys
from collections import defaultdict
from functools import cache
from pathlib import Path

from django.apps import apps
from django.db.backends.signals import connection_created

from backend.cluster.placement import Placement, placement_of
from tests.across import ACROSS, LOCKS_COPIES, UNTIED

ROOT = str(Path(__file__).parents[1]) + "/"
COMMUNITY = "community_id"
ABOUT_ROWS = re.compile(r"\s*(?:--[^\n]*\n\s*)*(?:SELECT|UPDATE|DELETE|INSERT|WITH)\b", re.I)
TOKEN = re.compile(
    r"""--[^\n]*|/\*.*?\*/|(?P<value>'(?:[^']|'')*'|%s|%\(\w+\)s|\d[\w.]*)|"(?P<quoted>[^"]+)" """
    r"""|(?P<word>[A-Za-z_]\w*)|(?P<other>::|[<>!]=|<>|[^\s\w])""".replace(" ", ""),
    re.DOTALL,
)
VOLATILE_UPDATE = re.compile(
    r"\s*UPDATE\b.*\b(?:clock_timestamp|gen_random_uuid|uuid7|random)\(", re.IGNORECASE | re.DOTALL
)
LOCK = re.compile(
    r"\bFOR\s+(?:(?:NO\s+KEY\s+)?UPDATE|(?:KEY\s+)?SHARE)\b(?:\s+OF\s+(?P<of>[\w\s\",]+))?",
    re.IGNORECASE,
)
SET_OPERATIONS = {"union", "except", "intersect"}
TABLES_FOLLOW = {"from", "join", "update", "into", "using"}
CLAUSES = TABLES_FOLLOW | SET_OPERATIONS | {"select", "where", "on", "having", "group", "order"}
CLAUSES |= {"set", "returning", "limit", "offset", "for", "values", "window", "fetch", "delete"}
NO_ALIAS = CLAUSES | {"left", "right", "inner", "full", "cross", "natural", "lateral", "default"}
VALUE = ("value", None)


class CommunityLeftOut(AssertionError):
    """A statement about a tenant's rows does not say whose."""


@cache
def places():
    """Return where each table is kept."""
    return {
        model._meta.db_table: placement_of(model)
        for model in apps.get_models(include_auto_created=True)
    }


@cache
def tables():
    """Return whether rows are a tenant's alone, by table."""
    return {table: place is Placement.DISTRIBUTED for table, place in places().items()}


class CopyLocked(AssertionError):
    """A row of which every node has a copy is locked, and so the whole table."""


class VolatileUpdate(AssertionError):
    """An UPDATE has a function whose value is another at each call, and so on each machine."""


class Level:
    """The part between two parentheses: its tables, and its conditions clause by clause."""

    def __init__(self, outer=None, *, is_negated=False):
        self.outer = outer
        self.is_negated = is_negated
        self.is_query = outer is None  # else a part of the outer's conditions
        self.relations = {}  # the table of each alias; None for what is no table
        self.clauses = [[[]]]  # of each clause the branches between its ORs, of each its conditions
        self.has_tables = False  # in the clause that is read
        self.top = outer.top if outer else self

    def begin(self, clause):
        self.clauses.append([[]])
        self.has_tables = clause in TABLES_FOLLOW

    def add(self, condition):
        self.clauses[-1][-1].append(condition)

    def branch(self):
        self.clauses[-1].append([])

    def facts(self):
        """Return the pairs of columns that are equal in every row which fulfils the conditions."""
        found = set()
        for branches in self.clauses:
            of_each = [set().union(*map(facts_of, branch)) for branch in branches]
            found |= set.intersection(*of_each)
        return found

    def holds_tenants(self):
        """Tell whether a tenant's table is read here or further in."""
        if any(table and tables()[table] for table in self.relations.values()):
            return True
        conditions = [one for branches in self.clauses for branch in branches for one in branch]
        return any(isinstance(one, Level) and one.holds_tenants() for one in conditions)

    def meant_by(self, alias, column):
        """Return what ``alias.column`` is: a column of a table, or a value that is known."""
        level = self
        while level and (alias not in level.relations if alias else not level.relations):
            level = level.outer
        if level is None:
            return VALUE
        if alias is None:
            alias = next((one for one, table in level.relations.items() if table), None)
        return (id(level), alias, column) if level.relations.get(alias) else VALUE


def facts_of(condition):
    if isinstance(condition, Level):
        is_part = not condition.is_query and not condition.is_negated
        return condition.facts() if is_part else set()
    level, column, other = condition
    if isinstance(other, Level):  # IN (SELECT …): what everybody has a copy of is as good as a list
        return set() if other.holds_tenants() else {(level.meant_by(*column), VALUE)}
    return {(level.meant_by(*column), level.meant_by(*other) if other else VALUE)}


def tokens_of(statement):
    """Split a statement; ``alias.column`` is one token, out of parentheses of its own."""
    found = []
    for match in TOKEN.finditer(statement):
        kind, text = match.lastgroup, match[match.lastgroup] if match.lastgroup else ""
        if kind == "word":
            kind, text = "name", text.lower()
        elif kind == "quoted":
            kind = "name"
        if kind == "name" and found[-1:] == [("other", ".")] and found[-2][0] == "name":
            found[-2:] = [("column", (found[-2][1], text))]
        elif (
            text == ")"
            and [one for one, _ in found[-2:]] == ["other", "column"]
            and found[-2][1] == "("
            and found[-3:-2] != [("name", "in")]
        ):
            found[-2:] = found[-1:]
        elif kind:
            found.append((kind, text))
    return found


class Reader:
    """Reads one statement from left to right."""

    def __init__(self, statement):
        self.tokens = tokens_of(statement)
        self.level = Level()
        self.levels = [self.level]
        self.expects_table = self.is_target = False
        self.waits = None  # a column before IN (, for what follows
        self.place = 0
        while self.place < len(self.tokens):
            self.take(*self.tokens[self.place])
            self.place += 1

    def near(self, steps):
        at = self.place + steps
        return self.tokens[at] if 0 <= at < len(self.tokens) else ("end", "")

    def open(self, outer, *, is_negated=False):
        self.level = Level(outer, is_negated=is_negated)
        self.levels.append(self.level)

    def take(self, kind, text):
        if text == "(" and kind == "other":
            outer, self.expects_table = self.level, False
            self.open(outer, is_negated=self.near(-1) == ("name", "not"))
            if self.waits is None:
                outer.add(self.level)
            else:
                outer.add((outer, self.waits, self.level))
                self.waits = None
        elif text == ")" and kind == "other":
            self.level = self.level.outer
        elif text == "," and kind == "other":
            self.expects_table = self.level.has_tables
        elif kind == "name" and text in SET_OPERATIONS:
            self.open(self.level.outer)
            self.level.is_query = True
        elif kind == "name" and text == "or":
            self.level.branch()
        elif kind == "name" and text in CLAUSES:
            self.take_clause(text)
        elif kind == "name" and self.expects_table and text not in ("only", "lateral"):
            self.take_table(text)
        elif kind == "column":
            self.take_column(text)
        elif kind == "name" and text == COMMUNITY:
            self.take_column((None, text))

    def take_clause(self, clause):
        before = self.near(-1)[1]
        if clause == "from" and before == "distinct" and self.near(-2)[1] in ("is", "not"):
            return
        if clause in ("update", "delete", "set") and before in ("for", "key", "do", "on"):
            return
        if clause == "using" and self.near(1)[1] == "(":
            self.take_using()
            return
        self.level.begin(clause)
        self.level.is_query |= clause in ("select", "update", "delete", "into")
        self.expects_table = clause in TABLES_FOLLOW
        self.is_target = clause == "into"

    def take_using(self):
        last = list(self.level.relations)[-1]
        while self.near(1) != ("other", ")"):
            self.place += 1
            if self.near(0) == ("name", COMMUNITY):
                for alias in list(self.level.relations)[:-1]:
                    self.level.begin("on")
                    self.level.add((self.level, (last, COMMUNITY), (alias, COMMUNITY)))
        self.place += 1

    def take_table(self, table):
        alias, self.expects_table = table, False
        if self.near(1) == ("name", "as"):
            self.place += 1
        if self.near(1)[0] == "name" and self.near(1)[1] not in NO_ALIAS:
            self.place += 1
            alias = self.near(0)[1]
        is_read = table in tables() and not self.is_target and self.near(1)[1] != "("
        self.level.relations[alias] = table if is_read else None

    def take_column(self, column):
        """Read ``column = …``, ``column IN (…)`` or ``… = column``."""
        (_, sign), (kind, text) = self.near(1), self.near(2)
        if sign == "=" and kind == "column":
            self.level.add((self.level, column, text))
        elif sign == "=" and text == COMMUNITY:
            self.level.add((self.level, column, (None, text)))
        elif sign == "in" or (sign == "=" and text in ("any", "(")):
            self.waits = column
        elif sign == "=" or (self.near(-1)[1] == "=" and self.near(-2)[0] == "value"):
            self.level.add((self.level, column, None))


def groups_left_out(statement):
    """Return the tenants' tables of which no community is named.

    Of each part of a UNION that has any: groups of tables that are tied to one another, for their
    communities are compared.
    """
    reader = Reader(statement)
    parents = {}

    def root(node):
        while node in parents:
            node = parents[node]
        return node

    for level in reader.levels:
        if level.is_query:
            for one, other in level.facts():
                ours, theirs = sorted((root(one), root(other)), key=VALUE.__eq__)
                if ours != theirs:
                    parents[ours] = theirs  # a value stays a root
    parts = defaultdict(lambda: defaultdict(list))
    for level in reader.levels:
        for alias, table in level.relations.items():
            at = root((id(level), alias, COMMUNITY))
            if table and tables()[table] and at != VALUE:
                parts[level.top][at].append(table)
    return [list(groups.values()) for groups in parts.values()]


def copies_locked(statement):
    """Return the tables of which a row is locked while every node of a cluster has a copy of it."""
    lock = LOCK.search(statement) if ABOUT_ROWS.match(statement) else None
    if lock is None:
        return set()
    read_first = Reader(statement).levels[0].relations
    named = re.findall(r"\w+", re.sub(r"(?i)\b(?:SKIP\s+LOCKED|NOWAIT)\b", "", lock["of"] or ""))
    found = {read_first.get(alias) for alias in named or read_first}
    return {table for table in found if table and places()[table] is Placement.REFERENCE}


read, locks = {}, {}


def locked_in(statement):
    """Return ``copies_locked`` of a statement; each text is read once."""
    if (known := locks.get(statement)) is None:
        known = locks[statement] = copies_locked(statement)
    return known


def left_out(statement):
    """Return ``groups_left_out`` of a statement; each text is read once."""
    if (known := read.get(statement)) is None:
        known = groups_left_out(statement) if ABOUT_ROWS.match(statement) else []
        read[statement] = known
    return known


@cache
def place_of(code):
    """Return the place in the project that a function is, or None; a test has no place to name."""
    file = code.co_filename
    if not file.startswith(ROOT) or ".venv/" in file or file == __file__:
        return None
    name = re.sub(r"\.<locals>\.<\w+>", "", code.co_qualname)  # a comprehension's is its function's
    return f"{file.removeprefix(ROOT)}:{name}"


def asking(frame):
    """Return the innermost place of the project that ``frame`` was called from."""
    while frame:
        if place := place_of(frame.f_code):
            return place
        frame = frame.f_back
    return "nowhere"


def is_allowed(place, parts):
    """Tell whether a place may leave out what it does: a test, or one that is listed."""
    if place.startswith("tests/"):
        return True
    found = {table for groups in parts for group in groups for table in group}
    is_listed = place in ACROSS or all(f"{place} {table}" in ACROSS for table in found)
    return is_listed and (place in UNTIED or all(len(groups) == 1 for groups in parts))


refused = []  # for whoever catches what is raised here, as a task does


def refuse(execute, statement, params, many, context):
    """Wrap ``execute``: refuse what leaves a community out, and what is not the same everywhere.

    And what locks everybody's rows.
    """
    if VOLATILE_UPDATE.match(str(statement)):
        place = asking(sys._getframe(1))
        if not place.startswith("tests/"):
            refused.append(f"{place} updates by a volatile function: {statement}")
            raise VolatileUpdate(refused[-1])
    if parts := left_out(str(statement)):
        place = asking(sys._getframe(1))
        if not is_allowed(place, parts):
            refused.append(f"{place} does not say whose rows of {parts} it is about: {statement}")
            raise CommunityLeftOut(refused[-1])
    if copies := locked_in(str(statement)):
        place = asking(sys._getframe(1))
        if not place.startswith("tests/") and place not in LOCKS_COPIES:
            refused.append(f"{place} locks rows of {copies}, of which every node has a copy")
            raise CopyLocked(refused[-1])
    return execute(statement, params, many, context)


def watch_connection(connection, **kwargs):
    if refuse not in connection.execute_wrappers:
        connection.execute_wrappers.append(refuse)


def watch():
    """Watch every connection that is opened from now on, in whatever thread."""
    connection_created.connect(watch_connection)
