"""An auditor draws a sample, looks into each row, marks it and signs off: then nothing changes."""

import csv
import hashlib
import io
import json
import re
import threading
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.core.files.base import ContentFile
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image
from python_calamine import CalamineWorkbook

from backend.api.files import CONTENT_TYPES
from backend.audit.models import AuditEntry
from backend.communities.models import Role
from backend.communities.services import roles
from backend.documents import api as documents
from backend.documents.models import Document
from backend.outbox import services as outbox
from backend.registries import checks
from backend.sampling import checks as sampling
from backend.sampling import errors, selectors, services
from backend.sampling.models import Sample
from merchants.models import MerchantMember, Redemption
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import refunds
from merchants.redemption.services import vouchers as redemption
from points.awards.services import adjustments
from points.models import Award
from points.seals.services import sealing
from volunteers.attendance.services import hours
from volunteers.models import Report
from volunteers.reports.services import handling, submitting

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = datetime(2024, 3, 5, 12, tzinfo=SHANGHAI)
MARCH = {"since": date(2024, 3, 1), "until": date(2024, 3, 31)}
SAMPLES = "/api/v1/communities/lake/samples"
FORMULA = "=1+1"
# A redemption with its scan, which names it.
GONE = (
    "WITH gone AS (DELETE FROM merchants_redemption WHERE id = %s RETURNING id)"
    " DELETE FROM merchants_scanattempt WHERE redemption_id IN (SELECT id FROM gone)"
)


def auditor_of(community, user):
    roles.give(user=user, community=community, role=Role.AUDITOR)
    return user


@pytest.fixture
def qian(lake, person):
    """钱审计, an auditor of the lake's."""
    return auditor_of(lake, person("qian", "钱审计"))


@pytest.fixture
def teas(lake, wang, chen, tea, grant_points):
    """Three teas that Wang redeemed in March, for 300 fen each."""
    grant_points(wang, 90)
    merchant_id = tea.partnership.merchant_id
    done = []
    for hour in range(3):
        now = NOON + timedelta(hours=hour)
        voucher = redemption.take(offer=tea, volunteer=wang, now=now)
        redemption.scan(merchant_id=merchant_id, clerk=chen, code=voucher.code, now=now)
        done.append(Redemption.objects.get(pk=voucher.pk))
    return done


@pytest.fixture
def seen(lake, wang):
    """40 hazards of March, with ids that are the same in each run."""
    return Report.objects.bulk_create(
        Report(
            pk=UUID(int=number),
            community=lake,
            reporter=wang,
            category="hazard",
            is_confidential=False,
            text="井盖松动",
            submitted_at=NOON + timedelta(hours=number),
        )
        for number in range(40)
    )


def draw(community, by, subject="redemption", size=2, **facts):
    asked = MARCH | {"seed": "一二三"} | facts
    return services.draw(community=community, subject=subject, size=size, drawn_by=by, **asked)


def marked(sample, by, mark="right", note=""):
    for item in selectors.items_of(sample):
        services.mark(item=item, mark=mark, note=note, marked_by=by)


def signed_off(sample, by):
    marked(sample, by)
    return services.sign_off(sample=sample, conclusion="无异议", signed_off_by=by)


def by_hand(seed, ids, size):
    """The draw as the documentation tells it."""

    def rank(one):
        return hashlib.sha256(f"{seed}:{one}".encode()).digest()

    return sorted(ids, key=rank)[:size]


# --- the draw ---------------------------------------------------------------------------------
def test_whoever_knows_seed_and_population_draws_the_same(lake, qian, seen):
    sample = draw(lake, qian, "report", 7)

    drawn = list(selectors.items_of(sample).values_list("position", "subject_id"))
    assert drawn == list(enumerate(by_hand("一二三", [one.pk for one in seen], 7), start=1))
    assert (sample.population, sample.size_asked, sample.is_seed_given) == (40, 7, True)
    again = draw(lake, qian, "report", 7)
    assert list(selectors.items_of(again).values_list("position", "subject_id")) == drawn


def test_without_a_seed_a_random_one_is_made_and_kept(lake, qian, seen):
    first, second = (draw(lake, qian, "report", 5, seed="") for _ in range(2))

    assert first.seed != second.seed
    assert not first.is_seed_given
    for sample in (first, second):
        assert len(sample.seed) == 32
        drawn = [item.subject_id for item in selectors.items_of(sample)]
        assert drawn == by_hand(sample.seed, [one.pk for one in seen], 5)


def test_every_row_is_drawn_about_as_often_as_any_other(lake, seen):
    rows = selectors.population(lake, "report", **MARCH)
    times = Counter()
    for number in range(400):
        ids, population = selectors.drawn(rows, seed=f"seed-{number}", size=10)
        assert (len(set(ids)), population) == (10, 40)
        times.update(ids)

    # 400 draws of a quarter: 100 times each. Chi-squared of 39 degrees stays below 72.1 but once in
    # a thousand, and less when drawn without putting back.
    assert set(times) == {one.pk for one in seen}
    assert sum((count - 100) ** 2 / 100 for count in times.values()) < 72.1


def test_if_there_are_fewer_than_asked_for_all_are_drawn(lake, qian, teas):
    sample = draw(lake, qian, size=100)

    assert (sample.population, sample.items.count()) == (3, 3)
    assert signed_off(sample, qian).digest


def test_the_period_is_days_of_the_community_and_of_no_other(lake, hill, qian, wang, seen):
    def report(community, *at):
        return Report.objects.create(
            community=community,
            reporter=wang,
            is_confidential=False,
            category="hazard",
            text="x",
            submitted_at=datetime(*at, tzinfo=SHANGHAI),
        )

    first, last = report(lake, 2024, 4, 1), report(lake, 2024, 4, 30, 23, 59, 59, 999_999)
    report(lake, 2024, 3, 31, 23, 59, 59)
    report(lake, 2024, 5, 1)
    report(hill, 2024, 4, 15)

    sample = draw(lake, qian, "report", 10, since=date(2024, 4, 1), until=date(2024, 4, 30))

    assert {one.subject_id for one in sample.items.all()} == {first.pk, last.pk}


def test_it_is_one_statement_however_many_rows_there_are(lake, seen):
    rows = selectors.population(lake, "report", **MARCH)

    with CaptureQueriesContext(connection) as captured:
        ids, _ = selectors.drawn(rows, seed="x", size=3)

    assert len(ids) == 3
    assert len(captured) == 1


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"since": date(2024, 3, 2), "until": date(2024, 3, 1)}, errors.PeriodBackwards),
        ({"since": date(2023, 1, 1), "until": date(2023, 1, 31)}, errors.NothingToDraw),
    ],
)
def test_what_can_not_be_drawn_is_refused(lake, qian, teas, facts, refusal):
    with pytest.raises(refusal):
        draw(lake, qian, **facts)

    assert not Sample.objects.exists()


def test_a_day_that_is_not_over_is_not_drawn_from(lake, qian, seen):
    six_hours_later = datetime(2024, 3, 31, 22, tzinfo=UTC)  # than midnight by the lake's clock

    with pytest.raises(errors.DaysNotOver):
        draw(lake, qian, "report", now=six_hours_later - timedelta(seconds=1))

    assert draw(lake, qian, "report", now=six_hours_later).population == 40


def test_how_far_the_ledger_was_sealed_is_kept(lake, qian, teas):
    before = draw(lake, qian)
    (seal,) = sealing.seal(community=lake)

    after = draw(lake, qian)

    assert (before.head_number, before.head) == (None, "")
    assert (after.head_number, after.head) == (1, bytes(seal.head).hex())


# --- the evidence -----------------------------------------------------------------------------
def evidence(sample):
    (item,) = selectors.items_of(sample)
    return item, selectors.evidence_of([item])[item.pk]


def test_of_a_redemption_it_is_the_contract_the_arithmetic_the_scan_and_the_transfer(
    lake, wang, chen, zhao, qian, teas
):
    refund = refunds.refund(
        redemption=teas[0], quantity=1, reason="茶凉了", refunded_by=chen, now=NOON
    )
    teas[1:] = []
    sample = draw(lake, qian, until=date(2024, 3, 5), size=3)
    found = {item.subject_id: item for item in selectors.items_of(sample)}
    item = found[teas[0].pk]

    said = selectors.evidence_of([item])[item.pk]

    assert (said.at, said.person_id, said.points, said.amount_fen) == (NOON, wang.pk, 30, 300)
    assert said.what == "茶馆: 一壶茶 × 1"
    assert (said.basis["kind"], said.basis["fen_per_point"]) == ("per_point", 10)
    assert said.arithmetic == {
        "quantity": 1,
        "price_points": 30,
        "fen_per_point": 10,
        "amount_fen": 300,
        "refunded_quantity": 1,
    }
    moved, back = said.transfers
    assert (moved["id"], moved["key"]) == (teas[0].transfer_id, f"redemption:{teas[0].pk}")
    assert (back["amount"], back["reverses"]) == (30, moved["id"])
    (given_back,) = said.more["refunds"]
    assert (given_back["id"], given_back["points"]) == (refund.pk, 30)
    assert [scan["outcome"] for scan in said.more["scans"]] == ["redeemed"]
    assert said.people == {chen.pk}
    trail = selectors.trail_of(lake.pk, [said])
    assert [(entry.action, entry.actor) for entry in trail] == [("redemption.refund", chen)]


def test_of_an_award_it_is_the_rule_the_arithmetic_the_transfer_and_who_verified(
    lake, wang, zhao, qian, served
):
    attendance, _ = hours.verify(
        attendance=served(wang, "2024-03-01 07:00", "2024-03-01 09:00"), verifier=zhao
    )
    now = timezone.now() + timedelta(days=3)
    days = {"since": lake.today, "until": lake.today + timedelta(days=1)}

    item, said = evidence(draw(lake, qian, "award", 1, now=now, **days))

    award = Award.objects.get()
    assert item.subject_id == award.pk
    assert (said.at, said.person_id, said.points) == (award.awarded_at, wang.pk, award.amount)
    assert said.basis["parameters"] == award.rule_version.parameters
    assert said.arithmetic == award.explanation["arithmetic"]
    (moved,) = said.transfers
    assert (moved["id"], moved["key"]) == (award.transfer_id, award.source)
    trail = selectors.trail_of(lake.pk, [said])
    assert [(entry.action, entry.actor) for entry in trail] == [("attendance.verify", zhao)]
    assert trail[0].target_id == str(attendance.pk)


def test_an_award_of_nothing_and_a_correction_have_evidence_too(lake, wang, zhao, chen, qian):
    brought = adjustments.propose(
        community=lake, kind="opening", person=wang, amount=30, reason="册子", by=zhao
    )
    adjustments.decide(adjustment=brought, accept=True, by=chen)
    now = timezone.now() + timedelta(days=3)
    days = {"since": lake.today, "until": lake.today + timedelta(days=1)}

    _, said = evidence(draw(lake, qian, "award", 1, now=now, **days))

    assert (said.points, said.basis) == (30, {})
    trail = selectors.trail_of(lake.pk, [said])
    assert [entry.action for entry in trail] == ["adjustment.propose", "adjustment.decide"]


def picture():
    image = io.BytesIO()
    Image.new("RGB", (4, 3), "teal").save(image, "JPEG")
    return ContentFile(image.getvalue(), "photo.jpg")


def closed_report(lake, wang, zhao, category="hazard", text="井盖松动"):
    report = submitting.submit(
        community=lake,
        reporter=wang,
        category=category,
        text=text,
        place="东门",
        latitude=28.2,
        longitude=112.9,
        photos=[picture()],
    )
    Report.objects.filter(pk=report.pk).update(submitted_at=NOON)
    report.refresh_from_db()
    closed, _ = handling.close(report=report, handler=zhao)
    return closed


def test_of_a_report_it_is_what_was_seen_where_and_what_it_earned(lake, wang, zhao, qian):
    report = closed_report(lake, wang, zhao)
    award = Award.objects.get()

    _, said = evidence(draw(lake, qian, "report", 1))

    assert (said.at, said.person_id, said.points) == (NOON, wang.pk, award.amount)
    assert (said.more["text"], said.more["place"], said.more["photo_count"]) == (
        "井盖松动",
        "东门",
        1,
    )
    photo = report.photos.get()
    assert said.passing["photos"] == [f"/api/v1/reports/{report.pk}/photos/{photo.pk}"]
    assert said.passing["latitude"] == 28.2
    assert said.transfers[0]["id"] == award.transfer_id
    assert said.people == {wang.pk, zhao.pk}


def by_superuser(statement, *values):
    """Change rows as nobody but a superuser can, with the triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, values or None)
        cursor.execute("SET LOCAL session_replication_role = origin")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE merchants_redemption SET amount_fen = amount_fen * 1000",
        "UPDATE merchants_redemption SET price_points = price_points + 1",
        "UPDATE merchants_redemption SET redeemed_by_id = volunteer_id",
        "UPDATE merchants_terms SET fen_per_point = 11",
        "UPDATE points_transfer SET amount = 29 WHERE reason = 'redemption'",
        "UPDATE merchants_scanattempt SET outcome = 'code_used'",
        GONE,
    ],
)
def test_a_later_change_of_the_evidence_shows(lake, qian, teas, logged_in, change):
    sample = draw(lake, qian, size=1)
    address = f"/api/v1/samples/{sample.pk}/items"
    by_auditor = logged_in(qian)
    (before,) = by_auditor.get(address).json()["results"]

    by_superuser(change, *[before["subject_id"]] * (change == GONE))

    (after,) = by_auditor.get(address).json()["results"]
    assert (before["has_changed"], after["has_changed"]) == (False, True)
    assert after["evidence_digest"] == before["evidence_digest"]
    assert (after["evidence"] is None) == (change == GONE)


def test_what_goes_in_time_is_no_change(lake, wang, zhao, qian, logged_in):
    closed_report(lake, wang, zhao)
    sample = draw(lake, qian, "report", 1)
    Report.objects.update(latitude=None, longitude=None)
    wang.name = "王大明"
    wang.save()

    for language in ("zh-hans", "en"):
        headers = {"Accept-Language": language}
        answer = logged_in(qian).get(f"/api/v1/samples/{sample.pk}/items", headers=headers)
        assert [one["has_changed"] for one in answer.json()["results"]] == [False]


def test_reading_a_dispute_in_a_sample_is_on_record(lake, wang, zhao, qian, logged_in):
    for category in ("dispute", "hazard"):
        report = submitting.submit(community=lake, reporter=wang, category=category, text="很吵")
        Report.objects.filter(pk=report.pk).update(submitted_at=NOON)
    sample = draw(lake, qian, "report", 2)

    assert not AuditEntry.objects.filter(action="report.view").exists()
    answer = logged_in(qian).get(f"/api/v1/samples/{sample.pk}/items")

    assert {one["evidence"]["more"]["text"] for one in answer.json()["results"]} == {"很吵"}
    dispute = Report.objects.get(category="dispute")
    read = AuditEntry.objects.filter(action="report.view")
    assert list(read.values_list("target_id", "actor")) == [(str(dispute.pk), qian.pk)]
    # Who read it is no evidence, and keeps no auditor from marking it.
    assert [one["trail"] for one in answer.json()["results"]] == [[], []]
    marked(sample, qian)


# --- marks ------------------------------------------------------------------------------------
def test_a_mark_may_change_until_it_is_signed_off(lake, qian, teas):
    sample = draw(lake, qian, size=1)
    (item,) = selectors.items_of(sample)

    services.mark(item=item, mark="doubtful", note="没有签名", marked_by=qian)
    item = services.mark(item=item, mark="right", note="", marked_by=qian)

    assert (item.mark, item.note, item.marked_by) == ("right", "", qian)
    entries = AuditEntry.objects.filter(action="sample_item.mark").order_by("id")
    assert list(entries.values_list("before__mark", "after__mark", "target_id")) == [
        ("unmarked", "doubtful", str(item.pk)),
        ("doubtful", "right", str(item.pk)),
    ]
    services.sign_off(sample=sample, conclusion="无异议", signed_off_by=qian)
    with pytest.raises(errors.SampleSignedOff):
        services.mark(item=item, mark="wrong", note="错了", marked_by=qian)


@pytest.mark.parametrize("mark", ["doubtful", "wrong"])
def test_what_is_doubtful_or_wrong_needs_a_note(lake, qian, teas, mark):
    item = selectors.items_of(draw(lake, qian)).first()

    with pytest.raises(errors.NoteMissing):
        services.mark(item=item, mark=mark, note="", marked_by=qian)

    assert services.mark(item=item, mark=mark, note="少一杯", marked_by=qian).mark == mark


def refused(item, by):
    with pytest.raises(errors.OwnSampleItem):
        services.mark(item=item, mark="right", note="", marked_by=by)
    item.refresh_from_db()
    assert item.mark == "unmarked"


def test_nobody_marks_what_they_earned_reported_or_redeemed(lake, hill, wang, qian, teas, person):
    item = selectors.items_of(draw(lake, qian)).first()

    refused(item, wang)


def test_nobody_marks_what_they_verified_themselves(lake, wang, zhao, qian, served):
    hours.verify(attendance=served(wang, "2024-03-01 07:00", "2024-03-01 09:00"), verifier=zhao)
    closed_report(lake, wang, zhao)
    now = timezone.now() + timedelta(days=3)
    days = {"since": lake.today, "until": lake.today + timedelta(days=1)}

    for sample in (draw(lake, qian, "award", 2, now=now, **days), draw(lake, qian, "report", 1)):
        for item in selectors.items_of(sample):
            refused(item, zhao)  # whatever role they have by now


@pytest.mark.parametrize("left", [None, timedelta(days=30)])
def test_nobody_marks_what_happened_at_a_shop_where_they_work_or_worked_lately(
    lake, qian, teas, tea, left
):
    item = selectors.items_of(draw(lake, qian)).first()
    role = MerchantMember.Role.OWNER
    partners.employ(merchant=tea.partnership.merchant, user=qian, role=role)
    if left:
        MerchantMember.objects.filter(user=qian).update(ended_at=timezone.now() - left)

    refused(item, qian)


# --- signing off ------------------------------------------------------------------------------
def test_a_sample_is_signed_off_once_all_is_marked(lake, qian, teas):
    sample = draw(lake, qian)
    first = selectors.items_of(sample).first()
    services.mark(item=first, mark="wrong", note="多算了", marked_by=qian)

    with pytest.raises(errors.SampleNotMarked):
        services.sign_off(sample=sample, conclusion="一处有误", signed_off_by=qian)
    marked(sample, qian)
    done = services.sign_off(sample=sample, conclusion="无异议", signed_off_by=qian)

    assert (done.signed_off_by, done.conclusion, len(done.digest)) == (qian, "无异议", 64)
    entry = AuditEntry.objects.get(action="sample.sign_off")
    assert (entry.actor, entry.target_id) == (qian, str(sample.pk))
    assert entry.after == {
        "digest": done.digest,
        "unmarked": 0,
        "right": 2,
        "doubtful": 0,
        "wrong": 0,
    }


def test_signing_off_again_changes_nothing_and_with_other_words_is_refused(lake, qian, teas):
    done = signed_off(draw(lake, qian), qian)

    again = services.sign_off(sample=done, conclusion="无异议", signed_off_by=qian)
    with pytest.raises(errors.SampleSignedOff):
        services.sign_off(sample=done, conclusion="有异议", signed_off_by=qian)

    assert (again.digest, again.signed_off_at) == (done.digest, done.signed_off_at)
    assert AuditEntry.objects.filter(action="sample.sign_off").count() == 1


def test_the_digest_is_of_all_that_the_sample_says(lake, qian, teas):
    done = signed_off(draw(lake, qian), qian)
    items = [
        [
            item.position,
            str(item.subject_id),
            item.evidence_digest,
            item.mark,
            item.note,
            str(item.marked_by_id),
            seconds(item.marked_at),
        ]
        for item in selectors.items_of(done)
    ]
    epoch = date(1970, 1, 1)
    said = [
        *(str(lake.pk), str(done.pk), "redemption"),
        *((done.since - epoch).days, (done.until - epoch).days, 2, 3, "一二三", True, None, ""),
        *(str(qian.pk), seconds(done.drawn_at), items, "无异议"),
    ]
    # PostgreSQL writes moments with all six digits of their seconds, without quotes.
    written = re.sub(r'"(\d+\.\d{6})"', r"\1", json.dumps(said, ensure_ascii=False))

    assert done.digest == hashlib.sha256(written.encode()).hexdigest()


def seconds(moment):
    return f"{moment.timestamp():.6f}"


CHANGES = [
    "UPDATE sampling_sample SET seed = 'mine'",
    "UPDATE sampling_sample SET population = 2",
    "UPDATE sampling_sample SET head = 'ff'",
    "UPDATE sampling_sample SET drawn_at = now() - interval '1 day'",
    "UPDATE sampling_sampleitem SET evidence_digest = ''",
    "UPDATE sampling_sampleitem SET subject_id = md5(id::text)::uuid",
    "DELETE FROM sampling_sampleitem",
    "DELETE FROM sampling_sample",
    "TRUNCATE sampling_sampleitem",
    "TRUNCATE sampling_sample CASCADE",
    # One item more than were drawn.
    "INSERT INTO sampling_sampleitem (id, community_id, sample_id, position, subject_id,"
    " evidence_digest, mark, note) SELECT gen_random_uuid(), community_id, id, 3,"
    " gen_random_uuid(), '', 'unmarked', '' FROM sampling_sample",
]
LATER_CHANGES = [
    "UPDATE sampling_sample SET conclusion = '有异议'",
    "UPDATE sampling_sample SET digest = 'ff'",
    "UPDATE sampling_sample SET signed_off_at = NULL, signed_off_by_id = NULL, conclusion = '',"
    " digest = ''",
    "UPDATE sampling_sample SET signed_off_at = now()",
    "UPDATE sampling_sampleitem SET mark = 'wrong', note = '错了'",
    "UPDATE sampling_sampleitem SET note = '对'",
    "UPDATE sampling_sampleitem SET marked_by_id = (SELECT id FROM accounts_user LIMIT 1)",
]
REFUSED = r"Cannot (update|delete)|on record stays|is signed off|as many items as were drawn"


@pytest.mark.parametrize("statement", CHANGES)
@pytest.mark.parametrize("is_signed_off", [False, True])
def test_what_was_drawn_never_changes(lake, qian, teas, is_signed_off, statement):
    sample = draw(lake, qian)
    if is_signed_off:
        signed_off(sample, qian)

    refuses(statement)


@pytest.mark.parametrize("statement", LATER_CHANGES)
def test_what_is_signed_off_never_changes(lake, qian, teas, statement):
    signed_off(draw(lake, qian), qian)

    refuses(statement)


def refuses(statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as if the fixtures had committed
        with pytest.raises(DatabaseError, match=REFUSED):
            cursor.execute(statement)
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    "statement",
    [
        # Half of it marked, or not all that was drawn there.
        "UPDATE sampling_sample SET signed_off_at = now(), signed_off_by_id = drawn_by_id,"
        " conclusion = '好'",
        "INSERT INTO sampling_sample (id, community_id, subject, since, until, size_asked,"
        " population, seed, is_seed_given, head, drawn_by_id, conclusion, digest, signed_off_at,"
        " signed_off_by_id) SELECT gen_random_uuid(), community_id, subject, since, until, 1, 1,"
        " seed, true, '', drawn_by_id, '好', 'ff', now(), drawn_by_id FROM sampling_sample",
    ],
)
def test_the_database_lets_nobody_sign_off_what_is_not_marked(lake, qian, teas, statement):
    draw(lake, qian)

    with pytest.raises(DatabaseError, match="not marked, or not there"), transaction.atomic():
        connection.cursor().execute(statement)


@pytest.mark.django_db(transaction=True)
def test_a_mark_waits_for_a_sign_off_and_is_refused(lake, qian, teas):
    sample = draw(lake, qian, size=1)
    marked(sample, qian)
    (item,) = selectors.items_of(sample)
    outcome = []

    def change():
        try:
            services.mark(item=item, mark="wrong", note="错了", marked_by=qian)
        except errors.SampleSignedOff as refusal:
            outcome.append(refusal.code)
        finally:
            connection.close()

    with transaction.atomic():
        services.sign_off(sample=sample, conclusion="无异议", signed_off_by=qian)
        other = threading.Thread(target=change)
        other.start()
        other.join(timeout=0.3)
        assert outcome == []
    other.join(timeout=30)

    item.refresh_from_db()
    assert (outcome, item.mark) == (["sample_signed_off"], "right")


# --- over HTTP --------------------------------------------------------------------------------
def test_a_sample_is_drawn_read_marked_and_signed_off(lake, wang, qian, teas, logged_in):
    by_auditor = logged_in(qian)
    asked = {"subject": "redemption", "since": "2024-03-01", "until": "2024-03-31", "size": 1}

    drawn = by_auditor.post(SAMPLES, asked | {"seed": "drawn from a hat"})

    assert drawn.status_code == 201, drawn.json()
    told = drawn.json()
    assert {name: told[name] for name in told if name not in ("id", "drawn_at")} == {
        "community": {"id": str(lake.pk), "code": "lake", "name": "碧沙湖社区"},
        "since": "2024-03-01",
        "until": "2024-03-31",
        "size_asked": 1,
        "population": 3,
        "seed": "drawn from a hat",
        "is_seed_given": True,
        "head_number": None,
        "head": "",
        "signed_off_at": None,
        "conclusion": "",
        "digest": "",
        "subject": "redemption",
        "marks": {"unmarked": 1, "right": 0, "doubtful": 0, "wrong": 0},
        "drawn_by": {"id": str(qian.pk), "name": "钱审计"},
        "signed_off_by": None,
    }
    (item,) = by_auditor.get(f"/api/v1/samples/{told['id']}/items").json()["results"]
    assert item["evidence"]["person"] == {"id": str(wang.pk), "name": "王**"}
    assert (item["position"], item["mark"], item["has_changed"]) == (1, "unmarked", False)
    address = f"/api/v1/samples/{told['id']}/items/{item['id']}"
    etag = by_auditor.get(address)["ETag"]
    put = by_auditor.put(address, {"mark": "right"}, headers={"If-Match": etag})
    assert (put.status_code, put.json()["mark"]) == (200, "right")
    stale = by_auditor.put(address, {"mark": "right"}, headers={"If-Match": etag})
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    done = by_auditor.post(f"/api/v1/samples/{told['id']}/sign-off", {"conclusion": "无异议"})
    assert (done.status_code, done.json()["conclusion"]) == (200, "无异议")
    (listed,) = by_auditor.get(f"{SAMPLES}?signed_off=true").json()["results"]
    assert listed == done.json() == by_auditor.get(f"/api/v1/samples/{told['id']}").json()
    assert by_auditor.get(f"{SAMPLES}?signed_off=false").json()["results"] == []


def test_an_etag_is_good_after_reading_what_is_confidential(lake, wang, qian, logged_in):
    report = submitting.submit(community=lake, reporter=wang, category="dispute", text="很吵")
    Report.objects.filter(pk=report.pk).update(submitted_at=NOON)
    sample = draw(lake, qian, "report", 1)
    address = f"/api/v1/samples/{sample.pk}/items/{sample.items.get().pk}"

    read = logged_in(qian).get(address)
    put = logged_in(qian).put(address, {"mark": "right"}, headers={"If-Match": read["ETag"]})

    assert put.status_code == 200, put.json()


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"since": "2024-04-01"}, 400, "period_backwards"),
        ({"until": "2100-01-01"}, 409, "days_not_over"),
        ({"since": "2023-01-01", "until": "2023-02-01"}, 409, "nothing_to_draw"),
        ({"subject": "person"}, 400, "invalid_input"),
        ({"size": 1_001}, 400, "invalid_input"),
        ({"size": 0}, 400, "invalid_input"),
    ],
)
def test_a_draw_is_refused_by_a_code(lake, qian, teas, logged_in, asked, status, code):
    good = {"subject": "redemption", "since": "2024-03-01", "until": "2024-03-31", "size": 1}

    answer = logged_in(qian).post(SAMPLES, good | asked)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_mark_and_a_sign_off_are_refused_by_codes(lake, qian, wang, teas, logged_in, tea):
    sample = draw(lake, qian)
    by_auditor = logged_in(qian)
    item = f"/api/v1/samples/{sample.pk}/items/{sample.items.first().pk}"
    sign_off = f"/api/v1/samples/{sample.pk}/sign-off"

    def code(answer):
        return answer.status_code, answer.json()["code"]

    assert code(by_auditor.put(item, {"mark": "wrong"})) == (400, "note_missing")
    assert code(by_auditor.put(item, {"mark": "unmarked"})) == (400, "invalid_input")
    assert code(by_auditor.post(sign_off, {"conclusion": ""})) == (400, "invalid_input")
    assert code(by_auditor.post(sign_off, {"conclusion": "好"})) == (409, "sample_not_marked")
    signed_off(sample, qian)
    assert code(by_auditor.put(item, {"mark": "right"})) == (409, "sample_signed_off")
    assert code(by_auditor.post(sign_off, {"conclusion": "好"})) == (409, "sample_signed_off")
    other = draw(lake, qian)
    partners.employ(merchant=tea.partnership.merchant, user=qian, role=MerchantMember.Role.CLERK)
    item = f"/api/v1/samples/{other.pk}/items/{other.items.first().pk}"
    assert code(by_auditor.put(item, {"mark": "right"})) == (403, "own_sample_item")


@pytest.mark.parametrize("role", [Role.STAFF, Role.MANAGER])
def test_staff_and_managers_read_and_no_more(lake, person, qian, teas, logged_in, role):
    sample = draw(lake, qian)
    sun = person("sun", "孙师傅")
    roles.give(user=sun, community=lake, role=role)
    by_staff = logged_in(sun)
    items = f"/api/v1/samples/{sample.pk}/items"

    assert len(by_staff.get(SAMPLES).json()["results"]) == 1
    first, second = by_staff.get(items).json()["results"]
    assert (first["position"], second["position"]) == (1, 2)
    assert first["evidence"]["points"] == 30
    assert first["trail"] is None  # that is the auditors'
    assert by_staff.get(f"{items}.xlsx").status_code == 200
    asked = {"subject": "redemption", "since": "2024-03-01", "until": "2024-03-31", "size": 1}
    for answer in (
        by_staff.post(SAMPLES, asked),
        by_staff.put(f"{items}/{first['id']}", {"mark": "right"}),
        by_staff.post(f"/api/v1/samples/{sample.pk}/sign-off", {"conclusion": "好"}),
    ):
        assert answer.status_code == 404


def test_an_auditor_of_another_community_finds_nothing(lake, hill, person, qian, teas, logged_in):
    sample = draw(lake, qian)
    item = sample.items.first()
    by_stranger = logged_in(auditor_of(hill, person("sun", "孙师傅")))
    address = f"/api/v1/samples/{sample.pk}"

    for answer in (
        by_stranger.get(SAMPLES),
        by_stranger.get(address),
        by_stranger.get(f"{address}/items"),
        by_stranger.get(f"{address}/items.xlsx"),
        by_stranger.get(f"{address}/draw.csv"),
        by_stranger.get(f"{address}/items/{item.pk}"),
        by_stranger.put(f"{address}/items/{item.pk}", {"mark": "right"}),
        by_stranger.post(f"{address}/sign-off", {"conclusion": "好"}),
    ):
        assert answer.status_code == 404
    assert by_stranger.get("/api/v1/communities/hill/samples").json()["results"] == []


def test_an_item_is_found_below_its_own_sample_alone(lake, qian, teas, logged_in):
    one, other = draw(lake, qian), draw(lake, qian)
    item = one.items.first()

    answer = logged_in(qian).get(f"/api/v1/samples/{other.pk}/items/{item.pk}")

    assert answer.status_code == 404


def test_evidence_of_a_page_is_read_in_as_many_statements_as_of_one(lake, qian, teas, logged_in):
    def statements(size):
        sample = draw(lake, qian, size=size)
        by_auditor = logged_in(qian)
        with CaptureQueriesContext(connection) as captured:
            answer = by_auditor.get(f"/api/v1/samples/{sample.pk}/items")
        assert len(answer.json()["results"]) == size
        return len(captured)

    statements(1)
    assert statements(3) == statements(1)


# --- the file ---------------------------------------------------------------------------------
def read(answer):
    content = io.BytesIO(b"".join(answer.streaming_content))
    return CalamineWorkbook.from_filelike(content).get_sheet_by_index(0).to_python()


def test_the_file_has_a_head_and_each_item_with_mark_and_note(lake, wang, qian, teas, logged_in):
    sealing.seal(community=lake)
    sample = draw(lake, qian, seed=FORMULA)
    marked(sample, qian, "doubtful", "@少一杯")
    done = services.sign_off(sample=sample, conclusion="=HYPERLINK(1)", signed_off_by=qian)

    headers = {"Accept-Language": "zh-hans"}
    answer = logged_in(qian).get(f"/api/v1/samples/{sample.pk}/items.xlsx", headers=headers)

    assert answer["Content-Type"] == CONTENT_TYPES["xlsx"]
    lines = read(answer)
    head = {line[0]: line[1] for line in lines[:17]}
    assert (head["社区"], head["抽样内容"], head["抽样期间"]) == (
        "碧沙湖社区",
        "兑换",
        "2024-03-01 – 2024-03-31",
    )
    assert (head["总体数量"], head["随机种子"], head["抽样人"]) == (3, FORMULA, "钱审计")
    assert (head["抽样时最后的封存"], head["该封存的链头"]) == (1, done.head)
    assert (head["结论"], head["摘要（SHA-256）"]) == ("=HYPERLINK(1)", done.digest)
    titles = lines[18]
    assert titles[:6] == ["序号", "编号", "时间", "事由", "人员", "积分"]
    rows = [dict(zip(titles, line, strict=True)) for line in lines[19:]]
    items = list(selectors.items_of(done))
    assert [row["编号"] for row in rows] == [str(item.subject_id) for item in items]
    for row in rows:
        assert (row["人员"], row["积分"], row["金额（分）"]) == ("王**", 30, 300)
        assert (row["标记"], row["备注"], row["标记人"]) == ("存疑", "@少一杯", "钱审计")
        assert row["抽样后有变化"] == "否"
        assert row["业务键"].startswith("redemption:")


def test_the_file_says_what_changed_and_what_is_gone(lake, qian, teas, logged_in):
    sample = draw(lake, qian, size=3)
    by_superuser("UPDATE merchants_redemption SET amount_fen = 1 WHERE id = %s", teas[0].pk)
    by_superuser(GONE, teas[1].pk)

    headers = {"Accept-Language": "en"}
    answer = logged_in(qian).get(f"/api/v1/samples/{sample.pk}/items.xlsx", headers=headers)

    lines = read(answer)
    told = {line[1]: (line[2], line[6], line[14]) for line in lines[19:]}
    assert told[str(teas[0].pk)][1:] == (1, "Yes")
    assert told[str(teas[1].pk)] == ("It is gone.", "", "Yes")
    assert told[str(teas[2].pk)][1:] == (300, "No")


def test_a_file_has_no_words_of_a_report(lake, wang, zhao, qian, logged_in):
    report = submitting.submit(community=lake, reporter=wang, category="dispute", text="夫妻吵架")
    Report.objects.filter(pk=report.pk).update(submitted_at=NOON)
    sample = draw(lake, qian, "report", 1)

    answer = logged_in(qian).get(f"/api/v1/samples/{sample.pk}/items.xlsx")

    assert not [cell for line in read(answer) for cell in line if "夫妻" in str(cell)]


def test_all_that_it_was_drawn_from_is_a_file_in_the_order_of_the_draw(lake, qian, seen, logged_in):
    sample = draw(lake, qian, "report", 7)

    answer = logged_in(qian).get(f"/api/v1/samples/{sample.pk}/draw.csv")

    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    _, *lines = csv.reader(text.splitlines())
    assert [UUID(line[1]) for line in lines] == by_hand("一二三", [one.pk for one in seen], 40)
    assert [line[1] for line in lines[:7]] == [
        str(item.subject_id) for item in selectors.items_of(sample)
    ]
    assert lines[0][2] == hashlib.sha256(f"一二三:{lines[0][1]}".encode()).hexdigest()


def test_a_long_file_is_made_by_a_task_for_who_may_still_read_it(
    lake, qian, zhao, teas, logged_in, monkeypatch
):
    monkeypatch.setattr(documents, "AT_ONCE", 1)
    sample = draw(lake, qian)
    by_staff = logged_in(zhao)

    asked = by_staff.get(f"/api/v1/samples/{sample.pk}/items.xlsx")
    assert asked.status_code == 202
    made = Document.objects.get()
    outbox.attempt("document", community_id=lake.pk, pk=made.pk)

    assert len(read(by_staff.get(asked.json()["url"]))) == 21
    signed_off(sample, qian)
    assert by_staff.get(f"/api/v1/samples/{sample.pk}/items.xlsx").status_code == 202  # another
    roles.end(membership=zhao.memberships.get(), ended_by=None)
    assert by_staff.get(asked.json()["url"]).status_code == 404


# --- what a superuser changes -----------------------------------------------------------------
def found(community, since=None):
    scope = checks.Scope(community, since)
    return [
        (finding.check, finding.table, finding.row)
        for check in (sampling.DRAWN, sampling.ON_RECORD)
        for finding in check.findings(scope)
    ]


DRAW, RECORD = "samples_drawn", "samples_on_record"
TAMPERINGS = [
    ("UPDATE sampling_sample SET subject = 'award' WHERE id = %s", {DRAW, RECORD}),
    ("UPDATE sampling_sample SET subject = 'person' WHERE id = %s", {DRAW, RECORD}),
    ("UPDATE sampling_sample SET since = since - 1 WHERE id = %s", {RECORD}),
    ("UPDATE sampling_sample SET until = until + 1 WHERE id = %s", {RECORD}),
    ("UPDATE sampling_sample SET size_asked = 4 WHERE id = %s", {DRAW, RECORD}),
    ("UPDATE sampling_sample SET population = 2 WHERE id = %s", {DRAW, RECORD}),
    ("UPDATE sampling_sample SET seed = 'other' WHERE id = %s", {DRAW, RECORD}),
    ("UPDATE sampling_sample SET is_seed_given = false WHERE id = %s", {RECORD}),
    ("UPDATE sampling_sample SET head_number = 7, head = 'ff' WHERE id = %s", {RECORD}),
    ("UPDATE sampling_sample SET drawn_by_id = {other} WHERE id = %s", {RECORD}),
    ("UPDATE sampling_sample SET drawn_at = now() - interval '9 days' WHERE id = %s", {RECORD}),
    ("UPDATE sampling_sample SET signed_off_by_id = {other} WHERE id = %s", {RECORD}),
    ("UPDATE sampling_sample SET conclusion = '有异议' WHERE id = %s", {RECORD}),
    ("UPDATE sampling_sample SET digest = repeat('f', 64) WHERE id = %s", {RECORD}),
    (
        "UPDATE sampling_sample SET signed_off_at = NULL, signed_off_by_id = NULL,"
        " conclusion = '', digest = '' WHERE id = %s",
        {RECORD},
    ),
    ("UPDATE sampling_sampleitem SET {item} = {value} WHERE sample_id = %s", {RECORD}),
    ("DELETE FROM sampling_sampleitem WHERE position = 1 AND sample_id = %s", {DRAW, RECORD}),
    (
        "WITH gone AS (DELETE FROM sampling_sample WHERE id = %s RETURNING id)"
        " DELETE FROM sampling_sampleitem WHERE sample_id IN (SELECT id FROM gone)",
        {RECORD},
    ),
]
ITEMS = {
    "subject_id": "md5(id::text)::uuid",
    "position": "position + 10",
    "evidence_digest": "''",
    "mark": "'wrong', note = '错了'",
    "note": "'错了'",
    "marked_by_id": "{other}",
    "marked_at": "now() - interval '9 days'",
}


def tamperings():
    for statement, by in TAMPERINGS:
        if "{item}" not in statement:
            yield statement, by
            continue
        for item, value in ITEMS.items():
            changed = statement.replace("{item}", item).replace("{value}", value)
            yield changed, by | ({DRAW} if item in ("subject_id", "position") else set())


def test_a_change_of_a_sample_behind_its_back_is_found_and_undone_is_clean(
    lake, wang, qian, seen, subtests
):
    done = signed_off(draw(lake, qian, "report", 3), qian)
    draw(lake, qian, "report", 3)  # another, which stays as it is
    its = {str(done.pk), *(str(item.pk) for item in done.items.all())}
    assert found(lake) == []

    for statement, by in tamperings():
        with subtests.test(statement):
            with transaction.atomic():
                by_superuser(statement.replace("{other}", f"'{wang.pk}'"), done.pk)
                told = found(lake)
                transaction.set_rollback(True)

            assert {check for check, _, _ in told} == by
            assert {row for _, _, row in told} <= its
    assert found(lake) == []


def test_what_became_of_the_rows_it_was_drawn_from_is_found(lake, qian, teas):
    sample = draw(lake, qian, size=3)

    by_superuser(GONE, teas[0].pk)

    told = found(lake)
    assert (DRAW, "sampling_sample", str(sample.pk)) in told
    assert {check for check, _, _ in told} == {DRAW}


def test_between_two_runs_only_new_samples_are_read(lake, qian, teas):
    signed_off(draw(lake, qian), qian)
    by_superuser("UPDATE sampling_sample SET seed = 'other' WHERE community_id = %s", lake.pk)

    later = timezone.now() + timedelta(days=1)
    assert found(lake) != []
    assert found(lake, since=later) == []


def test_the_samples_of_one_community_are_checked_without_anothers(lake, hill, qian, teas):
    draw(lake, qian)
    by_superuser("UPDATE sampling_sample SET seed = 'other' WHERE community_id = %s", lake.pk)

    assert found(hill) == []
    assert found(lake) != []
