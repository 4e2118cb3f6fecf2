"""Files that take long: made by a task, once, and fetched by who may read what they are about."""

import base64
import csv
import hashlib
import io
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.celery import app
from backend.communities.models import Membership, Role
from backend.communities.services import roles
from backend.documents import api as documents
from backend.documents import selectors, services
from backend.documents.models import Document
from backend.notices.models import Notice
from backend.outbox import services as outbox
from backend.outbox.tasks import sweep_outbox, work_outbox
from backend.privacy.services import erasure
from merchants.models import MerchantMember
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import vouchers as redemption
from merchants.settlement.services import statements as settlement

PATIENCE = 60  # seconds
BOOKS = "/api/v1/communities/lake/transfers"


@pytest.fixture
def _all_is_long(monkeypatch):
    """A line more than none is a long file."""
    monkeypatch.setattr(documents, "AT_ONCE", 0)


@pytest.fixture
def _tasks_run_at_once():
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


@pytest.fixture
def drafted(lake, wang, chen, tea, tea_house, grant_points):
    """Two teas of March."""
    grant_points(wang, 60)
    then = datetime(2024, 3, 5, 10, tzinfo=ZoneInfo(lake.timezone))
    voucher = redemption.take(offer=tea, volunteer=wang, quantity=2, now=then)
    redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=voucher.code, now=then)
    (statement,) = settlement.draft(
        community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    return statement


@pytest.fixture
def zhou(tea_house, person) -> User:
    """周老板, who owns the tea house."""
    user = person("zhou", "周老板")
    partners.employ(merchant=tea_house.merchant, user=user, role=MerchantMember.Role.OWNER)
    return user


@pytest.fixture
def qian(lake, person):
    """钱审计, who watches over the lake's books."""
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def some(lake, qian):
    """``some(3)``: three files of the books, asked for by the auditor."""

    def ask(count, by=qian, **fields):
        return [
            services.ask(
                Document(
                    **{
                        "community": lake,
                        "kind": "books",
                        "about": {"filters": {"key": f"{number}"}},
                        "ending": "csv",
                        "language": "en",
                        "is_final": False,
                        "asked_by": by,
                    }
                    | fields
                )
            )
            for number in range(count)
        ]

    return ask


def utc(moment):
    return moment.isoformat().replace("+00:00", "Z")


def make(document):
    assert outbox.attempt("document", community_id=document.community_id, pk=document.pk)
    document.refresh_from_db()
    return document


# --- asked for, made and fetched --------------------------------------------------------------
@pytest.mark.usefixtures("_all_is_long", "_tasks_run_at_once")
def test_a_long_file_is_asked_for_made_by_a_task_and_fetched(drafted, zhou, logged_in):
    caller = logged_in(zhou)
    address = f"/api/v1/statements/{drafted.pk}/lines"

    asked = [caller.get(f"{address}.csv", headers={"Accept-Language": "en"}) for _ in range(2)]

    document = Document.objects.get()
    url = f"http://testserver/api/v1/communities/lake/documents/{document.pk}"
    for told in [*asked, caller.get(url)]:
        assert told.status_code == 202
        assert told.json() == {
            "id": str(document.pk),
            "state": "pending",
            "asked_at": utc(document.asked_at),
            "url": url,
        }
        assert (told["Location"], told["Retry-After"]) == (url, "15")

    sweep_outbox()
    sweep_outbox()

    for ready in (url, f"{address}.csv"):
        there = caller.get(ready, headers={"Accept-Language": "en", "Accept": "text/csv"})
        assert there.status_code == 200
        assert there["Content-Type"] == "text/csv; charset=utf-8"
        assert there["Cache-Control"] == "no-store"
        assert "2024-03-01.csv" in there["Content-Disposition"]
        content = there.getvalue()
        (header, line) = csv.reader(io.StringIO(content.decode("utf-8-sig")))
        assert (header[0], line[1], line[6]) == ("Time", "Redemption", "600")
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert there["Repr-Digest"] == f"sha-256=:{digest}:"


@pytest.mark.parametrize("ending", ["csv", "xlsx", "pdf", "html"])
def test_a_short_file_is_answered_at_once(drafted, zhao, logged_in, ending):
    answer = logged_in(zhao).get(f"/api/v1/statements/{drafted.pk}/lines.{ending}")

    assert (answer.status_code, bool(answer.getvalue())) == (200, True)
    assert not Document.objects.exists()


@pytest.mark.parametrize("ending", ["csv", "xlsx", "pdf", "html"])
@pytest.mark.parametrize("most", [0, 500])
def test_the_file_of_what_is_approved_is_made_once_and_kept_for_whoever_may_read_it(
    drafted, zhao, zhou, logged_in, monkeypatch, ending, most
):
    monkeypatch.setattr(documents, "AT_ONCE", most)
    settlement.approve(statement=drafted, approver=zhao)
    mine = f"/api/v1/statements/{drafted.pk}/lines"
    first = logged_in(zhao).get(f"/api/v1/statements/{drafted.pk}/lines.{ending}")
    if most == 0:
        make(Document.objects.get())
        first = logged_in(zhao).get(first["Location"])
    content = first.getvalue()
    zhao.name = "改了名"
    zhao.save(update_fields=["name"])
    services.remove_expired(now=timezone.now() + timedelta(days=9_000))

    again = logged_in(zhou).get(f"{mine}.{ending}")

    assert again.getvalue() == content
    assert again["Repr-Digest"] == first["Repr-Digest"]
    document = Document.objects.get()
    assert (document.expires_at, document.sha256) == (None, hashlib.sha256(content).hexdigest())


def test_what_is_paid_says_so_in_a_file_of_its_own(drafted, zhao, person, lake, logged_in):
    sun = person("sun", "孙出纳")
    roles.give(user=sun, community=lake, role=Role.STAFF)
    address = f"/api/v1/statements/{drafted.pk}/lines.html"
    settlement.approve(statement=drafted, approver=zhao)
    before = logged_in(sun).get(address).getvalue().decode()
    settlement.mark_paid(statement=drafted, payer=sun, payment_reference="bank-77")

    after = logged_in(sun).get(address).getvalue().decode()

    assert ("bank-77" in before, "bank-77" in after) == (False, True)


def test_a_draft_is_told_as_it_is_when_asked_for_again(drafted, zhou, zhao, logged_in):
    address = f"/api/v1/statements/{drafted.pk}/lines.html"
    assert "赵社工" not in logged_in(zhao).get(address).getvalue().decode()

    settlement.approve(statement=drafted, approver=zhao)

    assert "赵社工" in logged_in(zhao).get(address).getvalue().decode()


@pytest.mark.usefixtures("_all_is_long")
def test_books_asked_for_later_are_made_anew(lake, qian, some, logged_in):
    (document,) = some(1)
    made = make(document)
    assert some(1) == [made]

    Document.objects.update(finished_at=made.finished_at - services.NEW_FOR)
    (anew,) = some(1)

    assert anew != made
    assert logged_in(qian).get(f"/api/v1/communities/lake/documents/{made.pk}").status_code == 200


# --- who may ----------------------------------------------------------------------------------
def dismissed(document, zhou, qian):
    MerchantMember.objects.filter(user=zhou).update(ended_at=timezone.now())


def made_a_clerk(document, zhou, qian):
    MerchantMember.objects.filter(user=zhou).update(role=MerchantMember.Role.CLERK)


def of_no_community(document, zhou, qian):
    return f"/api/v1/communities/hill/documents/{document.pk}"


@pytest.mark.usefixtures("_all_is_long")
@pytest.mark.parametrize("spoil", [dismissed, made_a_clerk, of_no_community])
@pytest.mark.parametrize("is_made", [False, True])
def test_who_may_no_longer_read_the_statement_gets_no_file_of_it(
    drafted, hill, zhou, qian, logged_in, spoil, is_made
):
    caller = logged_in(zhou)
    url = caller.get(f"/api/v1/statements/{drafted.pk}/lines.pdf")["Location"]
    if is_made:
        make(Document.objects.get())
    assert caller.get(url).status_code == (200 if is_made else 202)
    assert logged_in(qian).get(url).status_code == (200 if is_made else 202)

    url = spoil(Document.objects.get(), zhou, qian) or url

    answer = caller.get(url)
    assert (answer.status_code, answer.json()["code"]) == (404, "document_unknown")


def test_an_auditor_who_left_gets_no_books_they_asked_for(qian, some, logged_in):
    made = make(*some(1))
    url = f"/api/v1/communities/lake/documents/{made.pk}"
    caller = logged_in(qian)
    assert caller.get(url).status_code == 200

    Membership.objects.filter(user=qian).update(ended_at=timezone.now())

    answer = caller.get(url)
    assert (answer.status_code, answer.json()["code"]) == (404, "document_unknown")


def expired(document):
    Document.objects.filter(pk=document.pk).update(expires_at=timezone.now())


def lost(document):
    default_storage.delete(document.stored_as)


def removed(document):
    services.remove_expired(now=document.expires_at)


def discarded(document):
    services.discard(Document.objects.filter(pk=document.pk))


@pytest.mark.parametrize("spoil", [expired, lost, removed, discarded])
def test_once_it_is_gone_another_can_be_asked_for(qian, some, logged_in, spoil):
    made = make(*some(1))
    spoil(made)

    answer = logged_in(qian).get(f"/api/v1/communities/lake/documents/{made.pk}")

    assert (answer.status_code, answer.json()["code"]) == (404, "document_expired")
    (anew,) = some(1)
    assert anew.pk != made.pk
    assert selectors.state_of(make(anew)) == Document.State.READY


@pytest.mark.parametrize("is_final", [False, True])
def test_who_asked_for_a_file_of_their_own_is_told_that_it_is_there(some, qian, is_final):
    document = make(some(1, is_final=is_final)[0])

    told = Notice.objects.filter(kind="document_ready")
    assert [(one.recipient, one.target_id, one.stale_at, one.facts["name"]) for one in told] == (
        [] if is_final else [(qian, document.pk, document.expires_at, document.name)]
    )


def test_somebody_finds_again_what_they_asked_for(qian, zhao, some, logged_in):
    waits, done, _ = *some(2), *some(1, by=zhao, about={"filters": {}})
    done = make(done)
    address = "/api/v1/communities/lake/documents"

    made, waiting = logged_in(qian).get(address).json()["results"]

    assert made == {
        "id": str(done.pk),
        "kind": "books",
        "ending": "csv",
        "name": done.name,
        "asked_at": utc(done.asked_at),
        "finished_at": utc(done.finished_at),
        "expires_at": utc(done.expires_at),
        "state": "ready",
    }
    assert (waiting["id"], waiting["state"], waiting["name"]) == (str(waits.pk), "pending", "")
    services.discard(Document.objects.filter(pk=done.pk))
    assert [one["id"] for one in logged_in(qian).get(address).json()["results"]] == [str(waits.pk)]


@pytest.mark.parametrize("is_final", [False, True])
def test_what_could_not_be_made_within_a_day_is_given_up(lake, some, is_final):
    (document,) = some(1, is_final=is_final)
    a_day_ago = timezone.now() - selectors.TRIED_FOR
    Document.objects.update(asked_at=a_day_ago)
    document.refresh_from_db()

    assert selectors.state_of(document) == Document.State.EXPIRED
    assert outbox.work("document", *outbox.shares("document")) == 1
    document.refresh_from_db()
    assert (document.next_at, selectors.state_of(document)) == (None, Document.State.EXPIRED)
    (anew,) = some(1, is_final=is_final)
    assert anew.pk != document.pk


# --- how many ---------------------------------------------------------------------------------
@pytest.mark.parametrize("are_made", [False, True])
def test_one_person_has_so_many_waiting_or_kept(qian, zhao, some, monkeypatch, are_made):
    monkeypatch.setattr(services, "MOST_KEPT", 3)
    asked = some(3)
    if are_made:
        for document in asked:
            make(document)
    assert some(3) == asked

    with pytest.raises(services.TooManyDocuments):
        some(4)

    some(3, by=zhao)
    if are_made:
        discarded(asked[0])
        expired(asked[1])
        services.remove_expired()
        assert len(some(2)) == 2


@pytest.mark.usefixtures("_all_is_long")
def test_who_has_too_many_is_told(drafted, qian, logged_in, monkeypatch):
    monkeypatch.setattr(services, "MOST_KEPT", 0)

    answer = logged_in(qian).get(f"{BOOKS}.csv")

    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_documents")


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_nobodys_many_files_delay_another_persons(qian, zhao, some):
    many = some(10)
    (one,) = some(1, by=zhao)

    sweep_outbox()

    for document, state in (
        (many[0], Document.State.READY),
        (one, Document.State.READY),
        (many[1], Document.State.PENDING),
    ):
        document.refresh_from_db()
        assert selectors.state_of(document) == state


# --- what goes wrong --------------------------------------------------------------------------
@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_for_the_same_at_once_each_gets_the_one_that_is_made_once(
    lake, qian, zhao, some, at_once
):
    some(0)
    asked = at_once(6, lambda number: some(1, by=(qian, zhao)[number % 2], is_final=True)[0].pk)
    assert len(set(asked)) == 1

    made = at_once(4, lambda _: outbox.attempt("document", community_id=lake.pk, pk=asked[0]))

    assert Counter(made) == {True: 1, False: 3}


def test_what_a_killed_worker_left_is_replaced(lake, some):
    (document,) = some(1)
    default_storage.save(document.stored_as, ContentFile(b"half"))

    make(document)

    with default_storage.open(document.stored_as) as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == document.sha256
    assert not outbox.attempt("document", community_id=lake.pk, pk=document.pk)


MAKE = """
import sys, django
django.setup()
from backend.outbox.services import attempt
from backend.outbox.tasks import sweep_outbox, work_outbox
attempt("document", community_id=sys.argv[1], pk=sys.argv[2])
"""


def sessions_of(name, *, are_held=False):
    """How many sessions a process of that name has, or has that wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE application_name = %s AND (wait_event_type = 'Lock' OR NOT %s)",
            [name, are_held],
        )
        return cursor.fetchone()[0]


def until(is_so):
    given_up = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < given_up
        time.sleep(0.02)


@pytest.mark.plain
@pytest.mark.django_db(transaction=True)
def test_what_a_worker_was_killed_over_is_made_by_the_next_and_once(lake, some):
    """A writer stands in the midst of a file: the rows that come next are held by somebody."""
    (document,) = some(1)
    here = connection.settings_dict["NAME"]
    environment = os.environ | {
        "DATABASE_URL": os.environ["DATABASE_URL"].replace("/linli?", f"/{here}?"),
        "PGAPPNAME": here,
    }
    told = [sys.executable, "-c", MAKE, str(lake.pk), str(document.pk)]
    with psycopg.connect(**connection.get_connection_params()) as holding:
        holding.execute("LOCK TABLE points_transfer IN ACCESS EXCLUSIVE MODE")
        with subprocess.Popen(told, env=environment, cwd=settings.BASE_DIR) as worker:
            until(lambda: sessions_of(here, are_held=True))
            assert not outbox.attempt("document", community_id=lake.pk, pk=document.pk)
            worker.kill()
        assert worker.returncode == -signal.SIGKILL
        holding.rollback()
    until(lambda: not sessions_of(here))

    assert outbox.shares("document") == []  # until its lease runs out
    Document.objects.update(next_at=timezone.now())
    assert selectors.state_of(make(document)) == Document.State.READY
    assert not outbox.attempt("document", community_id=lake.pk, pk=document.pk)


def test_without_redis_it_is_asked_for_and_made_later(qian, some, monkeypatch):
    (document,) = some(1)

    def is_down(*_, **__):
        raise OperationalError

    with monkeypatch.context() as broken:
        broken.setattr(work_outbox, "apply_async", is_down)
        with pytest.raises(OperationalError):
            sweep_outbox()

    assert len(outbox.shares("document")) == 1
    assert selectors.state_of(make(document)) == Document.State.READY


def test_a_file_stands_where_nobody_guesses(some):
    names = {document.stored_as for document in some(3)}

    assert len(names) == 3
    assert all(len(name.removeprefix("documents/")) == 32 for name in names)


def test_the_database_keeps_one_of_what_is_final(some):
    (document,) = some(1, is_final=True)
    make(document)

    with pytest.raises(IntegrityError, match="document_final_once"), transaction.atomic():
        Document.objects.create(
            community=document.community,
            kind=document.kind,
            about=document.about,
            ending="csv",
            language="en",
            is_final=True,
            key=document.key,
            asked_by=document.asked_by,
            stored_as="documents/other",
        )


def test_who_is_erased_is_named_in_no_file(drafted, zhao, qian, some, logged_in, settings):
    settlement.approve(statement=drafted, approver=zhao)
    address = f"/api/v1/statements/{drafted.pk}/lines.html"
    assert "赵社工" in logged_in(qian).get(address).getvalue().decode()
    (theirs,) = some(1, by=zhao)
    make(theirs)
    Membership.objects.filter(user=zhao).update(ended_at=timezone.now())
    settings.ERASURE_GRACE = timedelta(0)
    erasure.ask(user=zhao)

    assert erasure.erase(user_id=zhao.pk)

    theirs.refresh_from_db()
    assert theirs.removed_at
    assert not default_storage.exists(theirs.stored_as)
    assert "赵社工" not in logged_in(qian).get(address).getvalue().decode()
