"""Findings: kept once, gone when they are not found again, and signed off with words."""

from collections.abc import Iterable, Iterator
from hashlib import sha256
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from backend.accounts.models import User
from backend.audit import services as trail
from backend.communities.selectors import auditors_and_managers
from backend.notices import services as notices
from backend.registries import checks
from backend.registries.checks import Check
from backend.verification.errors import FindingSignedOff
from backend.verification.models import LONGEST_ROW, Finding, Verification

KEPT = 1_000  # standing findings of one check at most; all are counted
AT_ONCE = 1_000  # rows of one statement


class Findings:
    """The findings of one check, while it runs: what was known before is told from what is new.

    Keeps at most ``KEPT`` in memory, however many there are.
    """

    def __init__(self, verification: Verification, check: Check) -> None:
        self._verification, self._check = verification, check
        self._rows = Finding.objects.filter(
            community=verification.community_id, check_name=check.name
        )
        self._known = dict(self._rows.values_list("digest", "pk"))
        self._room = KEPT - self._rows.filter(gone_since__isnull=True).count()
        self._seen: set[str] = set()
        self._new: dict[str, Finding] = {}
        self.count = 0

    @property
    def are_standing(self) -> bool:
        """Tell whether something is open that has not gone: the check then reads everything."""
        return self._rows.filter(gone_since__isnull=True, status=Finding.Status.OPEN).exists()

    def add(self, found: checks.Finding) -> None:
        """Take a finding of the check."""
        self.count += 1
        digest = digest_of(found)
        if digest in self._known:
            self._seen.add(digest)
        elif digest not in self._new and len(self._new) < self._room:
            self._new[digest] = Finding(
                community_id=self._verification.community_id,
                kind=self._check.kind,
                check_name=found.check,
                table=found.table,
                row=found.row[:LONGEST_ROW],
                because=found.because,
                digest=digest,
                first_found_by=self._verification,
                last_seen_by=self._verification,
            )

    def record(self, *, is_whole: bool) -> tuple[int, int]:
        """Write what was found, in the caller's transaction.

        What was not found again is gone, if the check read everything: ``is_whole``. What another
        verification has found meanwhile is that one's. Returns how many this verification has
        found first in all, and how many are new or back since the last call.
        """
        back, ours = 0, self._rows.filter(first_found_by=self._verification)
        before = ours.count()
        for some in _in_turn(self._known[digest] for digest in sorted(self._seen)):
            seen = self._rows.filter(pk__in=some)
            back += seen.filter(gone_since__isnull=False).update(gone_since=None)
            seen.update(last_seen_by=self._verification)
        Finding.objects.bulk_create(self._new.values(), batch_size=AT_ONCE, ignore_conflicts=True)
        unseen = self._known.keys() - self._seen if is_whole else ()
        for some in _in_turn(self._known[digest] for digest in unseen):
            here = self._rows.filter(pk__in=some, gone_since__isnull=True)
            here.update(gone_since=timezone.now())
        new = ours.count()
        return new, new - before + back


def tell(verification: Verification) -> None:
    """Owe a notice to those who audit or manage the community, one a verification. Idempotent."""
    community = verification.community
    notices.owe_many(
        community=community,
        kind="findings",
        owed=[
            notices.Owed(
                key=f"findings:{verification.pk}:{person}",
                recipient_id=person,
                facts={
                    "community": community.name,
                    "count": verification.new_findings_count,
                },
                target_id=verification.pk,
            )
            for person in auditors_and_managers(community)
        ],
        due_at=timezone.now(),
    )


@transaction.atomic
def sign_off(*, finding: Finding, by: User, words: str) -> Finding:
    """Sign a finding off, with what was done or why nothing is to be done.

    It stays on record, and stays signed off as long as it is found unchanged. Idempotent: the same
    person with the same words. Raises FindingSignedOff.
    """
    finding = finding.locked()
    if finding.signed_off_at is not None:
        if (finding.signed_off_by_id, finding.words) == (by.pk, words):
            return finding
        raise FindingSignedOff
    finding.save_with(
        status=Finding.Status.SIGNED_OFF,
        signed_off_by=by,
        signed_off_at=timezone.now(),
        words=words,
    )
    after = {"words": sha256(words.encode()).hexdigest()}  # which may name somebody
    trail.record("finding.sign_off", actor=by, target=finding, after=after)
    return finding


def digest_of(found: checks.Finding) -> str:
    """Return the digest of what was found, by which it is known when it is found again."""
    return sha256("\0".join((found.table, found.row, found.because)).encode()).hexdigest()


def _in_turn(rows: Iterable[UUID]) -> Iterator[list[UUID]]:
    them = iter(rows)
    while some := list(islice(them, AT_ONCE)):
        yield some
