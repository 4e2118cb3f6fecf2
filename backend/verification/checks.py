"""The check that the database still refuses what it should.

What the migrations make, tables with their columns and constraints, triggers and functions, is made
anew from the models and the ``.sql`` files, as temporary tables and functions that are rolled back.
PostgreSQL describes both those and what stands; whatever differs is a finding. So no text of ours
has to look like the server's, whatever its version.

Whoever is superuser can turn all of this off for a session, and leave no trace here. What such a
session leaves among the rows, the other checks find.
"""

# ruff: noqa: S608  # SQL made of constants

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import pgtrigger
from django.apps import apps
from django.db import connection, transaction
from django.utils.translation import gettext_lazy as _

from backend.audit.entries import latest, said_by
from backend.cluster import nodes
from backend.cluster.nodes import Copy
from backend.communities import fence
from backend.registries import ours
from backend.registries.checks import Check, Finding, Kind, Scope, queried, register
from backend.sql import functions_in
from backend.tables import NEVER_IGNORED
from backend.verification.models import LONGEST_ROW

NAME, FINDINGS = "guards", "findings"


class Guard(NamedTuple):
    """A guard as PostgreSQL describes it: ``state`` says why it does not work, if it does not."""

    what: str  # "trigger", "constraint", …
    table: str
    name: str
    definition: str
    state: str


Key = tuple[str, str, str]
Rows = Iterable[Sequence[Any]]


def findings(scope: Scope | None = None) -> Iterator[Finding]:
    """Yield each guard that does not stand as declared, or that nobody declared.

    Reads the catalogue, whatever the ``scope``: guards are of no community. On a cluster it reads
    that of each node and looks at each shard; what is not so everywhere is named with its places.
    """
    copies = nodes.copies(_tables())
    everywhere = defaultdict(set)
    for copy in copies:
        everywhere[copy.table].add(copy)
        everywhere[""].add(Copy(copy.node, "", ""))
    found = defaultdict(set)
    for node, rows in nodes.ask(_CATALOGUE.format(schemas=_IN_USE), _asked(copies)):
        expected = {copy for of_one in everywhere.values() for copy in of_one if copy.node == node}
        for row, because, copy in _differing(rows, expected):
            found[copy.table, row, because].add(copy)
    for query in (_EVERYWHERE, _HANDS):
        for node, rows in nodes.ask(query, _asked(copies)):
            for table, row, because, relation in rows:
                found[table, row or "table", because].add(Copy(node, table, relation))
    for (table, row, because), places in sorted(found.items()):
        if places != everywhere[table]:
            because += f" ({', '.join(str(copy) for copy in sorted(places))})"
        yield Finding(NAME, table, row, because)


def _differing(rows: Rows, expected: set[Copy]) -> Iterator[tuple[str, str, Copy]]:
    """Yield what is not as declared on one node, why, and on which of its ``expected`` copies."""
    declared, called = _declared() | _fence(), _names_of_triggers()
    (node,) = {copy.node for copy in expected}
    standing: dict[tuple[Key, Copy], Guard | None] = {
        (key, copy): None for copy in expected for key in declared if key[1] == copy.table
    }
    for abridged, relations in _guards(rows):
        guard = _unabridged(abridged)
        for relation in relations:
            standing[guard[:3], Copy(node, guard.table, relation)] = guard
    for (key, copy), found in standing.items():
        what, table, name = key
        if because := _compared(what, declared.get(key, ()), found):
            if what == "function" and key in declared:
                name = name.partition("(")[0]
            name = called.get((table, name), name)
            yield f"{what} {name}".strip(), because, copy


def _compared(what: str, declared: Sequence[Guard], standing: Guard | None) -> str:
    is_of_a_table = what in ("constraint", "index")
    if not declared:
        # One column more keeps nothing from anybody.
        return "" if what == "column" else "nobody declared it"
    if standing is None:
        return "it is not in force" if is_of_a_table else "it is not installed"
    if standing.state:
        return standing.state
    if standing in declared:
        return ""
    if what in ("trigger", "function"):
        return "it is not as declared"
    says = f"it is {standing.definition}, and should be {declared[0].definition}"
    return f"it is not in force as declared: {says}" if is_of_a_table else says


def _tables() -> list[str]:
    """List the tables of our apps, and those of others on which our triggers stand."""
    labels = {app.label for app in ours()}
    models = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.app_label in labels and model._meta.managed
    ]
    triggered = [model for model, _ in pgtrigger.registered()]
    return sorted({model._meta.db_table for model in models + triggered})


def _functions() -> dict[str, str]:
    """Return the statements that make the functions of our files, and pgtrigger's, by name."""
    files = [functions_in(app.path) for app in apps.get_app_configs()]
    return {name: text for functions in files for name, text in functions.items()} | {
        "_pgtrigger_should_ignore": NEVER_IGNORED
    }


def _names_of_triggers() -> dict[tuple[str, str], str]:
    return {
        (model._meta.db_table, trigger.get_pgid(model)): str(trigger.name)
        for model, trigger in pgtrigger.registered()
    }


@cache
def _declared() -> dict[Key, tuple[Guard, Guard]]:
    """Describe the guards as the migrations and as a restored dump make them, on this server."""
    with connection.schema_editor(collect_sql=True) as editor:
        for model in apps.get_models():
            if model._meta.managed and not model._meta.proxy:
                editor.create_model(model)
    made = [
        re.sub("^CREATE TABLE", "CREATE TEMPORARY TABLE", statement)
        for statement in editor.collected_sql
        # Triggers are among what the editor makes, but those of proxies.
        if re.match("CREATE TABLE|ALTER TABLE|CREATE (UNIQUE )?INDEX", statement)
    ]
    made += [
        re.sub(r"CREATE (OR REPLACE )?FUNCTION (public\.)?", "CREATE FUNCTION pg_temp.", text)
        for text in _functions().values()
    ]
    for triggered, trigger in pgtrigger.registered():
        install = trigger.compile(triggered).install_sql
        # Without the function that every trigger's statement makes anew.
        own = install.partition("LANGUAGE plpgsql;")[2].replace("CREATE OR REPLACE", "CREATE")
        for before in ("CREATE FUNCTION", "EXECUTE PROCEDURE"):
            own = own.replace(f"{before} ", f"{before} pg_temp.")
        made.append(own)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('search_path', 'pg_temp, ' || current_setting('search_path'), true),"
            " set_config('check_function_bodies', 'off', true),"
            " set_config('client_min_messages', 'warning', true)"
        )
        cursor.execute(";\n".join(one.rstrip().rstrip(";") for one in made))
        declared = _made(cursor)
        # A dump that was restored spells some of it in another way, which stays as it is then.
        cursor.execute(_AS_DUMPED, {"tables": _tables()})
        cursor.execute(";\n".join(statement for (statement,) in cursor.fetchall()))
        restored = _made(cursor)
        transaction.set_rollback(True)
    return {key: (guard, restored[key]) for key, guard in declared.items()}


def _fence() -> dict[Key, tuple[Guard]]:
    """Describe the triggers that stand around communities that have moved."""
    if not (moved := fence.moved()):
        return {}
    with transaction.atomic(), connection.cursor() as cursor:
        for table in fence.fenced():
            cursor.execute(f'CREATE TEMPORARY TABLE "{table}" (LIKE "{table}")')
            for statement in fence.statements(table, moved):
                cursor.execute(statement.replace(f'ON "{table}"', f'ON pg_temp."{table}"'))
        made = _made(cursor)
        transaction.set_rollback(True)
    return {key: (guard,) for key, guard in made.items() if key[2] in fence.NAMES}


def _made(cursor: Any) -> dict[Key, Guard]:
    copies = [Copy("", table, table) for table in _tables()]
    cursor.execute(_CATALOGUE.format(schemas="pg_my_temp_schema()"), _asked(copies))
    return {guard[:3]: guard for guard, _ in _guards(cursor.fetchall())}


def _asked(copies: Sequence[Copy]) -> dict[str, Any]:
    """Return the values of the queries below, which find on each node what it has of ``copies``."""
    named = sorted({(copy.table, copy.relation) for copy in copies})
    return {
        "tables": [table for table, _ in named],
        "relations": [relation for _, relation in named],
        "functions": list(_functions()),
        "number": nodes.NUMBER,
    }


def _unabridged(guard: Guard) -> Guard:
    """Return a guard of a shard under its declared name, if only the beginning of that was kept."""
    kept = re.fullmatch(f"(.+){nodes.DIGEST}", guard.name)
    if not kept or guard[:3] in _declared():
        return guard
    for what, table, name in _declared():
        if (what, table) == guard[:2] and name.startswith(kept[1]):
            return guard._replace(name=name, definition=guard.definition.replace(guard.name, name))
    return guard


def _guards(rows: Rows) -> Iterator[tuple[Guard, Sequence[str]]]:
    for what, table, name, definition, state, relations in rows:
        yield Guard(what, table, name, _SCHEMA.sub("", definition), state), relations


# The schema of a function differs between what stands and what is made anew.
_SCHEMA = re.compile(r"(?<=CREATE OR REPLACE FUNCTION )[^(]+?\.")

# A table, and the relations that have its rows.
_OURS = """
    WITH ours AS MATERIALIZED (
        SELECT given.table, c.*
        FROM unnest(%(tables)s::text[], %(relations)s::text[]) AS given ("table", relation)
        JOIN pg_class AS c ON c.oid = to_regclass(quote_ident(given.relation))
    )
"""
_IN_USE = "ANY(current_schemas(false)::regnamespace[])"

_CATALOGUE = f"""{_OURS}, described (what, "table", relation, name, definition, state) AS (
    SELECT 'table', c.table, c.relname, '', concat_ws(', ',
            CASE c.relkind WHEN 'r' THEN 'a table' ELSE 'no table' END,
            CASE c.relpersistence WHEN 'u' THEN 'unlogged' END,
            CASE WHEN c.relrowsecurity THEN 'with row security' END,
            CASE WHEN EXISTS (
                SELECT FROM pg_inherits WHERE inhparent = c.oid OR inhrelid = c.oid
            ) THEN 'part of an inheritance' END,
            CASE WHEN NOT c.relhastriggers
                AND EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid)
                THEN 'as if it had no triggers' END,
            CASE WHEN NOT c.relhasindex AND EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid)
                THEN 'as if it had no indexes' END,
            CASE WHEN c.relchecks <> (
                SELECT count(*) FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c'
            ) THEN 'as if it had other constraints' END
        ), ''
    FROM ours AS c
    UNION ALL
    SELECT 'column', c.table, c.relname, a.attname, concat_ws(' ',
            format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attcollation <> t.typcollation THEN 'of another collation' END,
            CASE WHEN a.attnotnull THEN 'not null' ELSE 'null' END,
            (
                SELECT 'not validated' FROM pg_constraint AS n
                WHERE n.conrelid = c.oid AND n.contype = 'n' AND n.conkey = ARRAY[a.attnum]
                    AND NOT n.convalidated
            ),
            nullif(a.attgenerated, ''),
            'default ' || pg_get_expr(d.adbin, d.adrelid)
        ), ''
    FROM ours AS c
    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid
    LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
    UNION ALL
    SELECT 'constraint', c.table, c.relname, k.conname, pg_get_constraintdef(k.oid),
        CASE WHEN k.contype IN ('p', 'u', 'x')
            AND NOT (i.indisvalid AND i.indisready AND i.indislive)
            THEN 'its index is not valid'
        WHEN EXISTS (
            SELECT FROM pg_trigger AS g
            WHERE g.tgconstraint = k.oid AND g.tgenabled NOT IN ('O', 'A')
        ) THEN 'its triggers are disabled'
        WHEN k.contype = 'f' AND 4 > (
            SELECT count(*) FROM pg_trigger AS g WHERE g.tgconstraint = k.oid
        ) THEN 'its triggers are gone'
        ELSE '' END
    FROM ours AS c
    JOIN pg_constraint AS k ON k.conrelid = c.oid AND k.contype NOT IN ('n', 't')
    LEFT JOIN pg_index AS i ON i.indexrelid = k.conindid
    UNION ALL
    SELECT 'index', c.table, c.relname, x.relname, pg_get_indexdef(i.indexrelid, 0, true),
        CASE WHEN i.indisvalid AND i.indisready AND i.indislive THEN '' ELSE 'it is not valid' END
    FROM ours AS c
    JOIN pg_index AS i ON i.indrelid = c.oid AND i.indisunique
    JOIN pg_class AS x ON x.oid = i.indexrelid
    WHERE NOT EXISTS (
        SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.conindid = i.indexrelid
    )
    UNION ALL
    SELECT 'trigger', c.table, c.relname, g.tgname,
        -- With its function, whose name is beside it and in it.
        regexp_replace(pg_get_triggerdef(g.oid, true), 'EXECUTE FUNCTION .*', '')
            || pg_get_functiondef(g.tgfoid),
        CASE g.tgenabled WHEN 'O' THEN '' WHEN 'A' THEN '' ELSE 'it is disabled' END
    FROM ours AS c JOIN pg_trigger AS g ON g.tgrelid = c.oid AND NOT g.tgisinternal
    UNION ALL
    SELECT 'rule', c.table, c.relname, r.rulename, pg_get_ruledef(r.oid), ''
    FROM ours AS c JOIN pg_rewrite AS r ON r.ev_class = c.oid
    UNION ALL
    SELECT 'policy', c.table, c.relname, p.polname, '', ''
    FROM ours AS c JOIN pg_policy AS p ON p.polrelid = c.oid
    UNION ALL
    SELECT 'function', '', '',
        format('%%s(%%s)', p.proname, pg_get_function_identity_arguments(p.oid)),
        pg_get_functiondef(p.oid), ''
    FROM pg_proc AS p WHERE p.proname = ANY(%(functions)s) AND p.pronamespace = {{schemas}}
)
    SELECT what, "table", bare.name, bare.definition, state, array_agg(relation::text) AS relations
    FROM described CROSS JOIN LATERAL (
        SELECT name, definition WHERE relation = "table"
        UNION ALL
        SELECT regexp_replace(name, %(number)s, '', 'g'),
            regexp_replace(definition, %(number)s, '', 'g')
        WHERE relation <> "table"
    ) AS bare
    GROUP BY 1, 2, 3, 4, 5
"""

# As pg_dump writes them.
_AS_DUMPED = """
    WITH ours AS MATERIALIZED (
        SELECT to_regclass(quote_ident(name)) AS oid FROM unnest(%(tables)s::text[]) AS name
    )
    SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I, ADD CONSTRAINT %%I %%s',
        ours.oid, k.conname, k.conname, pg_get_constraintdef(k.oid))
    FROM ours JOIN pg_constraint AS k ON k.conrelid = ours.oid AND k.contype IN ('c', 'x')
    UNION ALL
    SELECT format('DROP INDEX %%s; %%s', i.indexrelid::regclass, pg_get_indexdef(i.indexrelid))
    FROM ours JOIN pg_index AS i ON i.indrelid = ours.oid AND i.indisunique
    WHERE NOT EXISTS (SELECT FROM pg_constraint AS k WHERE k.conindid = i.indexrelid)
    UNION ALL
    SELECT format('DROP TRIGGER %%I ON %%s; %%s', g.tgname, ours.oid, pg_get_triggerdef(g.oid))
    FROM ours JOIN pg_trigger AS g ON g.tgrelid = ours.oid AND NOT g.tgisinternal
"""

# What nobody declared, and fires in all of the database.
_EVERYWHERE = """
    SELECT '' AS "table", 'event trigger ' || e.evtname AS row, 'nobody declared it' AS because,
        '' AS relation
    FROM pg_event_trigger AS e
    WHERE NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.deptype = 'e'
    )
    UNION ALL
    SELECT '', 'setting of the ' || whose, setting || ' turns triggers off', ''
    FROM (
        SELECT coalesce('role ' || nullif(setrole, 0)::regrole, 'database') AS whose,
            unnest(setconfig) AS setting
        FROM pg_db_role_setting
        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
        UNION ALL
        SELECT 'server', format('%%s=%%s', s.name, s.reset_val) FROM pg_settings AS s
        WHERE s.source IN ('configuration file', 'command line')
    ) AS settings
    WHERE setting ~ '^(session_replication_role=(?!origin)|pgtrigger[.]ignore=)'
"""

# Whoever owns a table or a function, or may pass on what is granted, can do away with a guard.
_HANDS = f"""{_OURS}, owned AS MATERIALIZED (
        SELECT c.table, c.relname::text AS relation, '' AS function, c.relowner AS owner,
            coalesce(c.relacl, acldefault('r', c.relowner)) AS acl
        FROM ours AS c
        UNION ALL
        SELECT '', '', 'function ' || p.proname, p.proowner,
            coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc AS p
        WHERE p.pronamespace = {_IN_USE}
            AND (p.proname = ANY(%(functions)s) OR p.proname ~ '^pgtrigger_')
    ), owner AS (
        SELECT mode() WITHIN GROUP (ORDER BY o.owner) AS oid FROM owned AS o
    )
    SELECT o.table, o.function AS row, format('it is owned by %%s, and should be by %%s',
        o.owner::regrole, owner.oid::regrole) AS because, o.relation
    FROM owned AS o, owner WHERE o.owner <> owner.oid
    UNION ALL
    SELECT o.table, o.function, format('%%s may %%s it%%s',
        CASE granted.grantee WHEN 0 THEN 'everybody' ELSE granted.grantee::regrole::text END,
        lower(granted.privilege_type),
        CASE WHEN granted.is_grantable THEN ', and grant it to others' ELSE '' END), o.relation
    FROM owned AS o, aclexplode(o.acl) AS granted
    WHERE granted.grantee <> o.owner
        AND (granted.is_grantable OR granted.privilege_type IN ('TRIGGER', 'TRUNCATE', 'MAINTAIN'))
"""

# What was found, as its digest has it, and who signed it off, as the trail has it. All findings are
# read each time: they are few, and whoever hides one changes an old one.
_FOUND = f"""
    SELECT 'verification_finding', f.id, wrong.because
    FROM verification_finding f
    {latest("f", "signed", "finding.sign_off")}
    CROSS JOIN LATERAL (SELECT CASE
        WHEN length(f.row) < {LONGEST_ROW} AND f.digest <> encode(sha256(
                convert_to(f.table, 'UTF8') || '\\x00' || convert_to(f.row, 'UTF8') || '\\x00'
                || convert_to(f.because, 'UTF8')), 'hex')
            THEN 'it is not what was found'
        WHEN (f.signed_off_at IS NOT NULL) <> (signed.id IS NOT NULL)
            THEN format('it is %%s, the trail says %%s', f.status,
                CASE WHEN signed.id IS NULL THEN 'open' ELSE 'signed_off' END)
        {said_by("f.signed_off_by_id", "signed", "signed off")}
        WHEN signed.after ->> 'words' <> encode(sha256(convert_to(f.words, 'UTF8')), 'hex')
            THEN 'its words are not those with which it was signed off'
    END AS because) AS wrong
    WHERE f.community_id = %(community)s AND wrong.because IS NOT NULL
"""
_FEWER = """
    SELECT 'verification_verification', v.id,
        format('it kept %%s new findings of %%s, and there are %%s', made.new, made.check,
            there.are)
    FROM verification_verification v
    CROSS JOIN LATERAL jsonb_to_recordset(v.checks) AS made ("check" text, new bigint)
    CROSS JOIN LATERAL (
        SELECT count(*) AS are FROM verification_finding f
        WHERE f.community_id = %(community)s AND f.first_found_by_id = v.id
            AND f.check_name = made.check
    ) AS there
    WHERE v.community_id = %(community)s AND made.new <> there.are
"""

register(
    Check(
        name=FINDINGS,
        kind=Kind.GUARDS,
        promise=_("What was found is kept as it was, and signed off by whom the trail names."),
        advice=_("Somebody hid a finding: verify everything, and ask who had the database open."),
        tables=("verification_finding",),
        findings=queried(FINDINGS, _FOUND, _FEWER),
    ),
    Check(
        name=NAME,
        kind=Kind.GUARDS,
        promise=_(
            "Tables, constraints, triggers and functions stand as declared, in one owner's hands,"
            " and nothing turns them off."
        ),
        advice=_(
            "The database no longer refuses what it should. Ask whoever runs it who changed this"
            " and why, have the migrations put it back, and verify everything. The service's own"
            " user of the database should be no superuser: such a session can turn triggers off,"
            " and only what it changes can be found."
        ),
        tables=(),
        findings=findings,
        is_everybodys=True,
    ),
)
