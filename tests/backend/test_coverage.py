"""Every column that a balance, a statement, hours or a verdict follows from is verified.

Each column of each table is changed in all rows that count, with triggers off, and the checks that
read the table must name every one of these rows. What no check covers is listed, with its reason;
a new column fails until it is one or the other. The short proof changes each column in one row, as
many at once as there are rows, and in all of them if that row is not named.
"""

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import IntegrityError, connection, models, transaction

from backend.communities.models import TenantModel
from backend.registries import checks
from points.expiry import services as expiry
from points.seals.services import sealing
from tests.backend.town import live_on
from tests.long import IS_LONG

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


# Tables from which no balance, statement, hours or verdict follows.
FREE_TABLES = {
    "api_idempotencykey": "What a request was answered; what it did stands where it did it.",
    "communities_suspension": "It tells when somebody took no part; the trail has it as well.",
    "communities_membership": "The trail tells who had which role when something was decided.",
    "documents_document": "A file is made anew from the rows that it shows.",
    "imports_import": "It tells what a list came to; what its rows wrote is covered.",
    "imports_importedrow": "It tells which rows a list wrote; those are covered.",
    "imports_importfault": "It tells what is wrong with a list, for a week.",
    "imports_importmapping": "It tells what a community's lists call their columns.",
    "events_occurrence": "It tells when; hours are earned at a shift.",
    "events_series": "It tells when and where something recurs.",
    "events_venue": "It tells where, and when it is open.",
    "merchants_activitymatch": "It brings a need and an activity together, for people to read.",
    "merchants_fair": "It tells when and where; what is redeemed there is a redemption.",
    "merchants_fairstall": "It tells who stands there.",
    "merchants_listing": "It tells what a merchant needs or offers, for people to read.",
    "merchants_paycode": "A secret of a minute; what it paid is a redemption.",
    "merchants_seriesstall": "It tells who is to stand there.",
    "merchants_statedattendance": "The service minutes of a statement are sealed with it.",
    "merchants_statementquestion": "Words between people about a line that is sealed.",
    "merchants_stockmove": "Stock is counted on a shelf; nobody is owed it.",
    "merchants_voucherkey": "It signs codes; whom a code was from is asked of the voucher.",
    "notices_message": "It tells that a notice is sent, and decides nothing.",
    "notices_notice": "It tells what happened, and decides nothing.",
    "notices_noticetext": "Words for people to read.",
    "people_loginchange": "The trail tells who changed whose log-in.",
    "people_merge": "The trail tells who merged which records.",
    "payouts_payoutcallback": "It is kept to know a message of WeChat that comes again.",
    "points_unsealed": "A mark; a row without one is found as neither sealed nor waiting.",
    "volunteers_bulletin": "Figures and words for people to read; they follow from other tables.",
    "volunteers_bulletincomment": "Words between people about a bulletin.",
    "volunteers_confidentialtold": "A number for people to read; nothing follows from it.",
    "volunteers_open311key": "It lets a system send reports; each report is covered.",
    "volunteers_open311request": "It is kept to know a request that comes again.",
    "volunteers_reporttally": "Counts for people to read; a verdict stands on the report.",
    "volunteers_callout": "It tells people that a shift wants them; who came is covered.",
    "volunteers_cellmember": "The trail tells who had which function when something was done.",
    "volunteers_contribution": "It tells who gave what, for people to read.",
    "volunteers_evaluation": "It tells how service was; nothing follows from it.",
    "volunteers_formerwords": "Words that are read no more.",
    "volunteers_gate": "It shows a code at a door; who came stands in the attendances.",
    "volunteers_mediationsession": "It tells how a mediation went; what it came to is covered.",
    "volunteers_inspection": "It tells what was looked at; a problem is a report.",
    "volunteers_inspectionplan": "It tells what is looked at, and when.",
    "volunteers_joinrequest": "It asks to belong; what counts is done by members.",
    "volunteers_patrol": "It tells where somebody walked; hours stand on attendances.",
    "volunteers_patrolcount": "It is counted on the walker's word, and nothing is earned by it.",
    "volunteers_patroloutcome": "It tells what is counted.",
    "volunteers_patrolphoto": "It shows what was seen on a walk.",
    "volunteers_patrolreport": "It tells where a report was made; during what hours is covered.",
    "volunteers_reportergroup": "Rules name it by a code, which a rewarded report has as well.",
    "volunteers_reportergroupmember": "A rewarded report has the group that counted for it.",
    "volunteers_refusedclaim": "It is kept for a human, who decides on the hours.",
    "volunteers_reportcomment": "Words between people; the report's verdict is covered.",
    "volunteers_reportpause": "It tells why a step was late, and decides nothing.",
    "volunteers_reportpolicy": "It decides what is to come; what came of it is covered.",
    "volunteers_reportreferral": "Words between people; the report's verdict is covered.",
    "volunteers_reportcategory": "It decides what is to come; each report has its own colour.",
    "volunteers_reportphoto": "What the person who closed a report was shown.",
    "volunteers_screening": "It tells whether others may read a report.",
    "volunteers_servicepolicy": "It decides what is to come; what came of it is covered.",
    "volunteers_shiftpattern": "Shifts are planned by it; each has its own times.",
    "volunteers_survey": "It tells how people found it; nothing follows from it.",
    "volunteers_team": "Whose activity it was, for people to read; hours stand on attendances.",
    "volunteers_teammember": "The trail tells who led a team when something was decided.",
    "volunteers_volunteer": "Who takes part; what they did stands in its own rows.",
    "volunteers_waitingplace": "It tells who may come next; who came is covered.",
    "webhooks_delivery": "It tells a merchant's system, and decides nothing.",
}

WORDS = "Words for people to read; nothing is computed from them."
MOMENT = "It tells when; no order, price, rule or period turns on it."
STATE = "How far the work on it has come; what it came to is covered."

# Columns that no check covers, by table, each group with its reason.
FREE: dict[str, dict[str, str]] = {
    "merchants_bankbatch": {"made_at": MOMENT},
    "merchants_bankbatchline": {
        "bank account_encrypted freed_at": "The owner's until it is paid; then the bank has it.",
        "payee": "The owner's name for it, taken out by an erasure; the account is covered.",
    },
    "merchants_campaign": {
        "title description": WORDS,
        "opened_at opened_by_id closed_at": "Whoever opened it, what it got and spent is covered.",
    },
    "merchants_card": {
        "code pin_hash_encrypted pin_encrypted wrong_pins": "How it pays; what it paid is covered.",
        "issued_at": MOMENT,
        "blocked_at blocked_by_id reason": "What it paid is covered; the trail tells who did it.",
    },
    "merchants_disbursement": {"reason": WORDS, "disbursed_at": MOMENT},
    "merchants_donation": {"donated_at": MOMENT},
    "merchants_increase": {
        "kind partnership_id subject_id facts amount_fen asked_at asked_by_id": (
            "It does nothing until somebody else has looked at it; what it did then is covered."
        )
    },
    "merchants_offer": {
        "code title description picture": WORDS,
        "partnership_id kind starts_at stock status staff_withdrew valid_from valid_until"
        " limit_quantity limit_period min_hours min_stars groups min_age max_age scans_offline"
        " offline_hours": "Who may take it, and when; what was taken is covered.",
        "proposed_by_id decided_by_id decided_at": "The trail names them with each price.",
    },
    "merchants_offerprice": {
        "is_proposed": "Whether the offer was listed with it.",
        "since_at": "It chooses the price: where it chooses another, it is found.",
    },
    "merchants_partnership": {
        "name name_compared contact_phone address opening_hours": WORDS,
        "latitude longitude coord_type": WORDS,
        "status settlement_day shop_code since_at accepted_at": (
            "It tells who may redeem from now on; what was redeemed stands on its terms."
        ),
    },
    "merchants_redemption": {
        "code offline_until signed_until signed_at cancel_asked_at": "How it could be shown.",
        "taken_at": "It chooses the price and the terms: where it chooses others, it is found.",
        "expires_at": "Until when it could be redeemed; the hold has its own.",
    },
    "merchants_refund": {"reason": WORDS},
    "merchants_scanattempt": {
        "merchant_id code scanned_at device_id nonce device_time counts_at clock_mark": (
            "How the code came to the counter; who redeemed what is covered."
        )
    },
    "merchants_sponsorship": {"text": WORDS, "given_on recorded_at": MOMENT},
    "merchants_statement": {
        "payment_reference services": "Sealed with the statement once that is approved or paid.",
        "period_start": "Of an approved one it is sealed; a draft begins where the last ended.",
        "drafted_at": MOMENT,
    },
    "merchants_wish": {
        "text reason thanks": WORDS,
        "value_fen": "What a donor is told it costs; what is owed stands on the redemption.",
        "proposed_at closed_at": MOMENT,
        "donor_id": "Who gives it; nobody owes them for it.",
    },
    "payouts_payout": {
        "next_at attempts reason given_up_at wechat_status fail_reason transfer_bill_no"
        " package_info sent_at last_sent_at cancel_asked_at sent_parameters": (
            "How WeChat was asked; WeChat itself is asked how it ended (verify_payouts)."
        ),
        "title difference": WORDS,
        "key": "It keeps a task from ordering twice; what was paid twice is found.",
        "ordered_at": MOMENT,
    },
    "points_passing": {"merge_id": "It opens the merge; whose the points are is covered."},
    "points_account": {"opened_at": MOMENT},
    "points_adjustment": {"reason": WORDS, "proposed_at": MOMENT},
    "points_award": {
        "awarded_at": "It orders the awards of a day under a cap: where that cuts, it is found."
    },
    "points_claim": {
        "explanation": WORDS,
        "subject asked_by_id": "Whoever closed the subject, and what was paid of it, is covered.",
        "closed_at claimed_at waiting_since reserved_at approved_at resolved_at": (
            "They order the claims on a fund: where one overtook another, it is found."
        ),
    },
    "points_fund": {"opened_at": MOMENT},
    "points_hold": {
        "explanation": WORDS,
        "key": "Of one that was captured it is its transfer's, which is sealed.",
        "occurred_at posted_at": "A hold moves nothing; the transfer of its capture is sealed.",
        "expires_at": "Past it nothing is captured: where something was, it is found.",
    },
    "points_recovery": {"reference": WORDS, "recovered_at": MOMENT},
    "points_reversal": {
        "explanation": WORDS,
        "requested_at": MOMENT,
        "occurred_at": "The transfers that took the points back are sealed.",
    },
    "points_topup": {"reason": WORDS, "topped_up_at": MOMENT},
    "points_void": {"reason": WORDS, "voided_at": MOMENT},
    "sampling_sample": {"drawn_at": MOMENT},
    "sampling_sampleitem": {
        "sample_id evidence_digest": "Until the sign-off; its digest holds them from then on."
    },
    "volunteers_activity": {
        "reason title title_compared place": WORDS,
        "estate_id is_public created_at": "Who is told of it; hours are earned by its category.",
        "description skills": WORDS,
        "team_id series_id venue_id check_in_mode geofence_metres walk_ins min_age serves_id": (
            "Where it is, and how one takes part; who did is covered."
        ),
        "longest_minutes most_minutes": "They bound minutes; those that were counted are covered.",
    },
    "volunteers_attendance": {
        "reason": WORDS,
        "signed_up_at verified_at": MOMENT,
        "check_in_nonce check_in_claimed_at check_in_mark check_out_claimed_at check_out_mark"
        " was_offline check_out_was_forgotten nonces proof position_mark distance_metres"
        " accuracy_metres device_digest is_walk_in signals cut_by": (
            "What the person who verified was shown; the times that count are covered."
        ),
        "published_until": "Until when anybody could object; what became of it is covered.",
    },
    "volunteers_confirmation": {
        "confirmed_at": "It chose who was first; those who were rewarded are numbered."
    },
    "volunteers_correction": {"reason": WORDS, "corrected_at": MOMENT},
    "volunteers_mediation": {"parties_encrypted": WORDS, "opened_at": MOMENT},
    "volunteers_objection": {"words answer": WORDS, "raised_at decided_at": MOMENT},
    "volunteers_handpayment": {"recorded_at confirmed_at withdrawn_at": MOMENT},
    "volunteers_report": {
        "code": "The number of the list that it came from.",
        "text place latitude longitude coord_type answers answer reason": (
            "What the person who closed it was shown and said; the verdict is covered."
        ),
        "estate_id": "Whose staff are told of it.",
        "submitted_at accepted_at is_by_child": MOMENT,
        "made_safe_at fixed_at closed_at reopened_at": MOMENT,
        "assigned_to_id": "Who sees to it; the trail tells who decided.",
        "due_at escalates_at escalated_to": "Who is told that a step is late.",
        "duplicate_of_id": "With which other it is looked after; a closed one is none.",
        "source relayed_by_id": "By which way it came; whose it is is covered.",
        "is_confidential is_screened": "Who may read it; the verdict is covered.",
    },
    "volunteers_shift": {
        "reason": WORDS,
        "capacity wanted": "How many could come, and were needed; who came is covered.",
        "occurrence_id pattern_id": "Of which series it is; it has its own times.",
        "ends_at": "It bounds the minutes: where it cuts others, it is found.",
    },
    "verification_finding": {
        "kind check_name first_found_by_id last_seen_by_id found_at gone_since": (
            "When and by what it was found; what was found, and who signed it off, is covered."
        )
    },
    "verification_verification": {
        "next_at attempts reason kind status is_whole asked_by_id asked_at started_at stopped_by_id"
        " seal under_way checks_count checks findings_count new_findings_count": (
            "How it was run; the trail tells who asked, and what it found is covered."
        )
    },
}

# Columns whose change is found in rows that follow from them, and named there.
FOUND_ELSEWHERE = {
    "merchants_offerprice": "value_fen settled_fen",
    "merchants_partnership": "merchant_id",
    "merchants_scanattempt": "clerk_id outcome redemption_id",
    "points_account": "kind holder",
    "points_earned": "account_id expires_on points",
    "points_rollup": "credits debits",
    "volunteers_activity": "category",
    "volunteers_shift": "activity_id",
}

# The rows that count; others of the table feed nothing yet, or no more.
COUNTS = {
    "points_recovery": "recorded_by_id IS NOT NULL",
    "merchants_redemption": "status = 'redeemed'",
    "merchants_wish": "decided_by_id IS NOT NULL AND hold_id IS NOT NULL",
    "merchants_scanattempt": "outcome = 'redeemed'",
    "volunteers_activity": """EXISTS (
        SELECT FROM volunteers_shift s
        JOIN volunteers_attendance a ON a.community_id = s.community_id AND a.shift_id = s.id
        WHERE s.community_id = t.community_id AND s.activity_id = t.id
            AND a.status IN ('verified', 'voided')
    )""",
    "volunteers_attendance": "status IN ('verified', 'voided')",
    "volunteers_confirmation": "rewarded_as IS NOT NULL",
    "volunteers_objection": "status <> 'open'",
    "volunteers_report": "status IN ('closed', 'voided')",
    "volunteers_shift": """EXISTS (
        SELECT FROM volunteers_attendance a
        WHERE a.community_id = t.community_id AND a.shift_id = t.id
            AND a.status IN ('verified', 'voided')
    )""",
}


def tables():
    ours = ("backend.", "points", "volunteers", "merchants")
    for model in apps.get_models():
        if model.__module__.startswith(ours) and not model._meta.proxy:
            yield model


def audited():
    tenants = (model for model in tables() if issubclass(model, TenantModel))
    return [model for model in tenants if model._meta.db_table not in FREE_TABLES]


def free_columns(model):
    groups = FREE.get(model._meta.db_table, {})
    return [column for columns in groups for column in columns.split()]


def test_what_is_free_is_there_and_free_for_one_reason():
    known = {model._meta.db_table: model for model in tables()}
    assert set(FREE_TABLES) | set(FREE) | set(COUNTS) | set(FOUND_ELSEWHERE) <= set(known)
    assert not set(FREE_TABLES) & (set(FREE) | set(COUNTS) | set(FOUND_ELSEWHERE))
    for table, model in known.items():
        free = [*free_columns(model), *FOUND_ELSEWHERE.get(table, "").split()]
        assert len(free) == len(set(free)), table
        assert set(free) <= {column.column for column in model._meta.concrete_fields}, table


@pytest.fixture
def verified(town):
    """A lake in which everything has happened, sealed, with nothing to be found."""
    lake = live_on()
    expiry.set_policy(community=lake, kind="end_of_next_year", valid_from=lake.today)
    sealing.seal(community=lake)
    assert [str(one) for check in checks_of_rows() for one in findings(check, lake)] == []
    return lake


def test_a_change_of_any_column_is_found_in_every_row(verified, subtests):
    for model in audited():
        with subtests.test(model._meta.db_table):
            assert not unnoticed_in(model, verified)


def unnoticed_in(model, community):
    """Of each column that somebody has to notice a change of: the rows that nobody names."""
    table = model._meta.db_table
    free, elsewhere = free_columns(model), FOUND_ELSEWHERE.get(table, "").split()
    where = COUNTS.get(table, "true")
    rows = rows_of(model, community, where)
    assert rows, f"The town has no {table} that counts: {where}"
    # Those that read the table find most, and what found a change of one column finds others'.
    asked = sorted(checks_of_rows(), key=lambda check: table not in check.tables)

    def missed_of(changes):
        """Change each column in its rows at once. Returns the rows that nobody names by column."""
        with undone():
            changed = {c.column: tamper(model, c, community, its) for c, its in changes}
            for check in [*asked]:
                if not any(changed.values()):
                    break
                found = findings(check, community)
                left = {
                    name: set() if found and name in elsewhere else missed - named(found, missed)
                    for name, missed in changed.items()
                }
                if left != changed:
                    asked.remove(check)
                    asked.insert(0, check)
                changed = left
        return changed

    # Another id, or another's, is another row: rows that are gone are looked for by others.
    passed_over = {*free, "id", "community_id"}
    columns = [one for one in model._meta.concrete_fields if one.column not in passed_over]
    together = [] if IS_LONG else [one for one in columns if one.column not in elsewhere]
    for first in range(0, len(together), len(rows)):
        part = together[first : first + len(rows)]
        missed = missed_of((column, [row]) for column, row in zip(part, rows, strict=False))
        columns = [one for one in columns if one not in part or missed[one.column]]
    missed = {name: of for column in columns for name, of in missed_of([(column, rows)]).items()}
    unnoticed = {
        name: f"{len(of)} of {len(rows)}, such as {min(of)}" for name, of in missed.items() if of
    }
    return unnoticed and {table: unnoticed}


class undone:
    """A block whose changes are taken back."""

    def __enter__(self):
        self.block = transaction.atomic()
        self.block.__enter__()

    def __exit__(self, kind, error, traceback):
        transaction.set_rollback(True)
        self.block.__exit__(None, None, None)


def write(statement, *values):
    """Execute a superuser's statement with triggers off; return what it returned."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values)
        rows = cursor.fetchall() if cursor.description else []
        cursor.execute("SET LOCAL session_replication_role = origin")
    return rows


def rows_of(model, community, where):
    table = model._meta.db_table
    asked = f"SELECT t.id FROM {table} t WHERE t.community_id = %s AND {where} ORDER BY t.id"
    with connection.cursor() as cursor:
        cursor.execute(asked, [community.pk])
        return [str(pk) for (pk,) in cursor.fetchall()]


def tamper(model, column, community, rows):
    """Change the column in these rows. Returns their ids; none if a constraint refuses."""
    table, name = model._meta.db_table, column.column
    value = other_value(column)
    statement = f"""
        UPDATE {table} t SET "{name}" = {value} WHERE t.community_id = %s AND t.id::text = ANY(%s)
        RETURNING t.id
    """
    try:
        with transaction.atomic():
            return {str(pk) for (pk,) in write(statement, community.pk, rows)}
    except IntegrityError:
        return set()  # to change it so, a constraint must go first: the guards find that


ANOTHER_ID = "md5(t.id::text)::uuid"


def other_value(column):
    """SQL for another value than the column's, of its type; what is immutable, for a cluster."""
    name = f't."{column.column}"'
    if column.choices:
        values = [value for value, _ in column.flatchoices]
        if len(values) == 1:
            return "NULL"
        pairs = " ".join(
            f"WHEN '{one}' THEN '{other}'"
            for one, other in zip(values, values[1:] + values[:1], strict=True)
        )
        return f"CASE {name} {pairs} ELSE '{values[0]}' END"
    if isinstance(column, models.BooleanField):
        return f"NOT coalesce({name}, false)"
    if isinstance(column, ArrayField):
        added = ANOTHER_ID if isinstance(column.base_field, models.UUIDField) else "'x'"
        return f"array_append({name}, {added})"
    if isinstance(column, models.JSONField):
        return f"""CASE jsonb_typeof({name})
            WHEN 'array' THEN {name} || '[{{"tampered": 1}}]'
            WHEN 'object' THEN {name} || '{{"tampered": 1}}'
            ELSE '{{"tampered": 1}}' END"""
    if isinstance(column, models.UUIDField | models.ForeignKey):
        return ANOTHER_ID
    if isinstance(column, models.DateTimeField):
        later = f"({name} AT TIME ZONE 'UTC' + interval '1 day') AT TIME ZONE 'UTC'"
        return f"coalesce({later}, timestamptz '2026-01-01Z')"
    if isinstance(column, models.DateField):
        return f"coalesce({name} + 1, date '2026-01-01')"
    if isinstance(column, models.TimeField):
        return f"coalesce({name} + interval '1 hour', '12:00')"
    if isinstance(column, models.BinaryField):
        return f"""CASE WHEN coalesce(length({name}), 0) = 0 THEN '\\x01'
            ELSE set_byte({name}, 0, (get_byte({name}, 0) + 1) %% 256) END"""
    if isinstance(column, models.IntegerField | models.FloatField | models.DecimalField):
        return f"coalesce({name}, 0) + CASE WHEN {name} > 1000000 THEN -1 ELSE 1 END"
    return f"""CASE WHEN coalesce({name}, '') = '' THEN 'x'
        ELSE overlay({name} placing CASE WHEN {name} LIKE 'x%%' THEN 'y' ELSE 'x' END from 1 for 1)
        END"""


def checks_of_rows():
    return [check for check in checks.registered() if check.name != "guards"]  # of the catalogue


def findings(check, community):
    return list(check.findings(checks.Scope(community)))


def named(found, ids):
    """Return those of ``ids`` that a finding names."""
    rows = {finding.row for finding in found}
    said = " ".join(finding.because for finding in found)
    return {pk for pk in ids if pk in rows or pk in said}
