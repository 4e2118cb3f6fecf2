"""Running a verification: check by check, stoppable, and gone on with where a worker was killed."""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from django.db import Error, IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from backend.communities.models import Community
from backend.outbox import services as outbox
from backend.outbox.kinds import Done, Failed, Outcome
from backend.registries import heads
from backend.registries.checks import Check, Finding, Scope
from backend.sql import constraint_of
from backend.verification import selectors
from backend.verification.models import Verification
from backend.verification.services import asking
from backend.verification.services.findings import Findings, tell

logger = logging.getLogger(__name__)

OWED = "verification"  # the name of the kind in the outbox
BEAT_SECONDS = 10.0  # between renewals of the lease, and looks whether to stop
Status = Verification.Status
Heads = Sequence[Mapping[str, Any]]  # as published: the number and head of each


@dataclass(frozen=True, slots=True)
class Checked:
    """A check that is over: how many rows it read, and how long that took."""

    check: Check
    rows: int
    seconds: float


Says = Callable[[Finding | Checked], object]


class Stopped(Exception):
    """Raised in a run whose verification somebody stops."""


class LeaseLost(Exception):
    """Raised in a run that another worker has taken over."""


def verify(
    *,
    community: Community,
    kind: str,
    is_whole: bool = True,
    against: Heads = (),
    says: Says = lambda told: None,
) -> Verification:
    """Ask for a verification and run it here and now.

    ``against`` are published heads to compare with, ``says`` is called with each finding when it is
    found, and with each check when it is over. If this process is killed, a worker goes on. Raises
    VerificationUnderWay.
    """
    verification = asking.ask(community=community, kind=kind, is_whole=is_whole, is_due=False)
    outbox.attempt(
        OWED,
        partial(run, against=against, says=says),
        is_due=False,
        community_id=community.pk,
        pk=verification.pk,
    )
    verification.refresh_from_db()
    return verification


def run(
    verification: Verification, *, against: Heads = (), says: Says = lambda told: None
) -> Outcome:
    """Run a claimed verification: the act of the outbox. Returns what to record of its end.

    Makes each check that is not over yet, and keeps what it finds. Locks nothing; people may work
    meanwhile. A check that breaks off is a finding itself, and the verification has failed then.
    """
    try:
        _Run(verification, against, says).make_all()
    except Stopped:
        _tell(verification)
        return Done(status=Status.STOPPED, finished_at=timezone.now(), under_way="")
    except LeaseLost:
        return None
    except IntegrityError as error:
        if constraint_of(error) != "verification_one_of_a_kind_at_a_time":
            raise
        return Failed("verification_under_way", for_good=True)
    _tell(verification)
    if any(one["error"] for one in verification.checks):
        return Failed("check_broke_off", for_good=True, under_way="")
    return Done(status=Status.FINISHED, finished_at=timezone.now(), under_way="")


def gave_up(verification: Verification) -> None:
    """Record that a verification has failed, in the transaction that gives it up."""
    Verification.objects.filter(
        community=verification.community_id, pk=verification.pk, status__in=Verification.UNDER_WAY
    ).update(status=Status.FAILED, finished_at=timezone.now())
    logger.error("Verification %s failed: %s", verification.pk, verification.reason)


class _Run:
    """A run of one verification.

    A thread with a connection of its own keeps the lease alive and looks whether to stop, for a
    single statement may take longer than a lease: it cancels the statement then.
    """

    def __init__(self, verification: Verification, against: Heads, says: Says) -> None:
        self.verification, self._against, self._says = verification, against, says
        self._lock = threading.RLock()  # of the lease's end, and of what is cancelled
        self._is_over = threading.Event()
        self._cancels: Any = None  # the connection whose statement may be cancelled
        self._why: type[Exception] | None = None  # to end before all is done

    def make_all(self) -> None:
        """Make the checks. Raises Stopped, LeaseLost; IntegrityError if one of its kind is run."""
        verification = self.verification
        self._begin()
        over = {one["check"] for one in verification.checks}
        beat = threading.Thread(target=self._beat, daemon=True)
        beat.start()
        try:
            for check in _wanted(verification.kind, self._against):
                if check.name not in over:
                    self._make(check)
                    if _is_stopped(verification):
                        raise Stopped
        finally:
            self._is_over.set()
            beat.join()

    def _begin(self) -> None:
        """Record that it runs; of one that is gone on with, what it has is kept."""
        one = self.verification
        if one.stopped_by_id:
            raise Stopped
        if one.started_at is None:
            one.started_at = timezone.now()
            if last := heads.last_head(one.community_id):
                one.seal, one.head = last.number, bytes.fromhex(last.value)
        one.checks = [made for made in one.checks if not made["error"]]
        one.checks_count = len(_wanted(one.kind, self._against))
        one.status, one.finished_at = Status.RUNNING, None
        with transaction.atomic():
            self._save(
                *("started_at", "seal", "head", "checks", "checks_count", "status", "finished_at")
            )
        before = selectors.verifications_of(one.community)
        self._since = before.filter(pk=one.since_id).first() if one.since_id else None

    def _make(self, check: Check) -> None:
        """Make one check, and record that it is over together with what it found."""
        verification = self.verification
        verification.under_way = check.name
        self._save("under_way")
        began, findings, error = monotonic(), Findings(verification, check), ""
        scope = self._scope_of(check, findings)
        rows = _rows_read(check, scope)
        try:
            with self._cancelling():
                for finding in check.findings(scope):
                    findings.add(finding)
                    self._says(finding)
                    self._look()
        except (Stopped, LeaseLost, OperationalError):
            raise
        except Exception as broken:
            logger.exception("The check %s broke off", check.name)
            error = type(broken).__name__
            because = f"it could not be finished: {error}: {str(broken).partition(chr(10))[0]}"
            finding = Finding(check.name, "".join(check.tables[:1]), "", because)
            findings.add(finding)
            self._says(finding)
        seconds = monotonic() - began
        made = {
            "check": check.name,
            "rows": rows,
            "seconds": round(seconds, 3),
            "findings": findings.count,
            "is_whole": scope.since is None,
            "error": error,
        }
        verification.checks = [*verification.checks, made]
        verification.findings_count = sum(one["findings"] for one in verification.checks)
        with self._lock, transaction.atomic():
            is_whole = scope.since is None and not error
            made["new"], came = findings.record(is_whole=is_whole)
            verification.new_findings_count += came
            # A check that is over is progress: tries are counted from here.
            self._save("checks", "findings_count", "new_findings_count", attempts=1)
        self._says(Checked(check, rows, seconds))

    def _scope_of(self, check: Check, findings: Findings) -> Scope:
        """Return what ``check`` reads.

        Everything, also if the verification before did not make it, or if something that it found
        is still open: whether that has gone is known only then.
        """
        one, since = self.verification, self._since
        made = {made["check"] for made in since.checks} if since else set()
        if since is None or check.name not in made or findings.are_standing:
            return Scope(one.community, against=self._against)
        return Scope(one.community, since.started_at, since.seal, self._against)

    def _save(self, *names: str, **values: Any) -> None:
        """Save these fields, and begin the lease anew. Raises LeaseLost if it is not ours."""
        values |= {name: getattr(self.verification, name) for name in names}
        with self._lock:
            if not outbox.prolong(OWED, self.verification, **values):
                raise LeaseLost

    # --- the thread -------------------------------------------------------------------------
    def _look(self) -> None:
        """Raise what the thread has seen a reason for."""
        if self._why is not None:
            raise self._why

    @contextmanager
    def _cancelling(self) -> Iterator[None]:
        """Let the thread cancel the statements of the block."""
        connection.ensure_connection()
        with self._lock:
            self._cancels = connection.connection
        try:
            yield
        except Error:
            self._look()  # it was cancelled by us
            raise
        finally:
            with self._lock:
                self._cancels = None
        self._look()

    def _beat(self) -> None:
        while not self._is_over.wait(BEAT_SECONDS) and self._why is None:
            try:
                with self._lock:
                    if not outbox.prolong(OWED, self.verification):
                        self._why = LeaseLost
                    elif _is_stopped(self.verification):
                        self._why = Stopped
                    if self._why and self._cancels:
                        self._cancels.cancel_safe()
            except Error:  # the next beat may reach the database again
                logger.warning("A lease could not be renewed", exc_info=True)
            finally:
                connection.close()


def _wanted(kind: str, against: Heads) -> list[Check]:
    """List the checks to make: published heads are compared only with some at hand."""
    wanted = selectors.checks_of(kind)
    return [check for check in wanted if against or not check.is_against_heads]


def _rows_read(check: Check, scope: Scope) -> int:
    counts = [
        f"(SELECT count(*) FROM {table} t WHERE t.community_id = %(community)s"  # noqa: S608
        " AND t.id >= %(since_id)s)"
        for table in check.tables
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {' + '.join(counts) or 0}", scope.values)
        return int(cursor.fetchone()[0])


def _is_stopped(verification: Verification) -> bool:
    return Verification.objects.filter(
        community=verification.community_id, pk=verification.pk, stopped_by__isnull=False
    ).exists()


def _tell(verification: Verification) -> None:
    """Tell those who audit or manage the community of what is new."""
    if verification.new_findings_count:
        tell(verification)
    if verification.findings_count:
        logger.error(
            "%s is not as it should be. Findings: %d, new: %d.",
            verification.community.code,
            verification.findings_count,
            verification.new_findings_count,
        )
