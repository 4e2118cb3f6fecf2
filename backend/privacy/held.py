"""All that is held about one person, table by table.

tests/backend/test_export.py walks every field that refers to a person: it is told here or stands
in LEFT_OUT with the reason why not.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.db.models import CharField, Model, Q, QuerySet
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import Consent, Guardianship, User
from backend.accounts.services.people import WECHAT
from backend.audit.models import AuditEntry
from backend.communities.models import Membership
from backend.communities.selectors import tenants
from backend.notices.models import Notice
from backend.notices.texts import words
from backend.privacy.models import Export
from merchants.models import MerchantMember, Redemption, ScanAttempt, Wish
from points.ledger import selectors as points
from points.models import Account, Award, Earned, Hold, Reversal
from volunteers.models import Attendance, JoinRequest, RefusedClaim, Report, Volunteer

PAGE = 1_000  # rows read at a time: what is in memory does not grow with what is held

UUID_CHARACTERS = 36

Row = Sequence[Any]

# A name in JSON means one thing, in whichever table it stands; this is what a CSV calls it.
TITLES = {
    "accepted_at": _("Accepted at"),
    "action": _("Act"),
    "activity": _("Activity"),
    "amount": _("Amount"),
    "answer": _("Answer"),
    "at": _("Time"),
    "available": _("Available"),
    "awarded_at": _("Awarded at"),
    "because": _("Reason given"),
    "balance": _("Balance"),
    "body": _("Text"),
    "by_me": _("By me"),
    "category": _("Category"),
    "check_in_claimed_at": _("Check-in by the phone's clock"),
    "check_out_claimed_at": _("Check-out by the phone's clock"),
    "check_out_was_forgotten": _("Check-out forgotten"),
    "checked_in_at": _("Checked in at"),
    "checked_out_at": _("Checked out at"),
    "closed_at": _("Closed at"),
    "code": _("Code"),
    "community": _("Community"),
    "community_name": _("Community's name"),
    "coord_type": _("Coordinate system"),
    "created_at": _("Created at"),
    "decided_at": _("Decided at"),
    "delivered_at": _("Delivered at"),
    "due_at": _("Due at"),
    "ended_at": _("Ended at"),
    "ended_because": _("Why it ended"),
    "enrolled_at": _("Enrolled at"),
    "estate": _("Estate"),
    "expires_at": _("Expires at"),
    "expires_on": _("Last day"),
    "explanation": _("Explanation"),
    "finished_at": _("Finished at"),
    "given_at": _("Given at"),
    "held": _("Held"),
    "id": _("Id"),
    "ip": _("IP address"),
    "kind": _("Kind"),
    "last_seen_at": _("Last seen at"),
    "latitude": _("Latitude"),
    "left_at": _("Left at"),
    "local_day": _("Day"),
    "longitude": _("Longitude"),
    "merchant": _("Merchant"),
    "occurred_at": _("Happened at"),
    "offer": _("Offer"),
    "outcome": _("Outcome"),
    "photo": _("Photo"),
    "place": _("Place"),
    "points": _("Points"),
    "posted_at": _("Posted at"),
    "proposed_at": _("Proposed at"),
    "purpose": _("Purpose"),
    "quantity": _("Quantity"),
    "read_at": _("Read at"),
    "reason": _("Reason"),
    "recovered": _("Recovered"),
    "rejected_because": _("Why it was rejected"),
    "relation": _("Relation"),
    "requested_at": _("Asked for at"),
    "resolved_at": _("Resolved at"),
    "reverses": _("Takes back"),
    "role": _("Role"),
    "scanned_at": _("Scanned at"),
    "shift_ends_at": _("Shift ends at"),
    "shift_starts_at": _("Shift begins at"),
    "shortfall": _("Shortfall"),
    "signed_up_at": _("Signed up at"),
    "since_at": _("Since"),
    "size_bytes": _("Bytes"),
    "source": _("Source"),
    "status": _("Status"),
    "submitted_at": _("Submitted at"),
    "thanks": _("Thanks"),
    "taken_at": _("Taken at"),
    "target_id": _("Id of the thing"),
    "target_type": _("What kind of thing"),
    "text": _("Text"),
    "title": _("Title"),
    "transfer": _("Transfer"),
    "user_agent": _("Browser or phone"),
    "verified_at": _("Verified at"),
    "version": _("Version"),
    "was_offline": _("Told later, from offline"),
    "withdrawn_at": _("Withdrawn at"),
    "worked_minutes": _("Minutes"),
}


@dataclass(frozen=True)
class Table:
    """One table of an export. ``whose`` are the fields that say whose a row is."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[User], Iterator[Row]]
    whose: tuple[str, ...] = ()


def profile(user: User) -> dict[str, Any]:
    """Who they are and how they log in; of secrets only that there are some."""
    wechat = SocialAccount.objects.filter(user=user, provider=WECHAT).first()
    return {
        "id": user.pk,
        "name": user.name,
        "username": user.username,
        "phone": user.phone,
        "born_on": user.born_on,
        "joined_at": user.joined_at,
        "erasure_requested_at": user.erasure_requested_at,
        "last_login": user.last_login,
        "has_password": user.has_usable_password(),
        "wechat_is_bound": wechat is not None,
        "wechat_bound_at": wechat and wechat.date_joined,
        "second_factors": [
            {"kind": kind, "created_at": created_at, "last_used_at": last_used_at}
            for kind, created_at, last_used_at in Authenticator.objects.filter(user=user)
            .order_by("pk")
            .values_list("type", "created_at", "last_used_at")
        ],
    }


# --- reading ----------------------------------------------------------------------------------
def _pages(rows: QuerySet[Any], *columns: str) -> Iterator[list[Row]]:
    """``columns`` of each row, oldest first, a page at a time.

    A cursor of the database's would have to outlive its statement (see the settings).
    """
    wanted = rows.order_by("pk").values_list("pk", *columns)
    page = list(wanted[:PAGE])
    while page:
        yield [row[1:] for row in page]
        is_last = len(page) < PAGE
        page = [] if is_last else list(wanted.filter(pk__gt=page[-1][0])[:PAGE])


def _each(rows: QuerySet[Any], *columns: str) -> Iterator[Row]:
    for page in _pages(rows, *columns):
        yield from page


def _own(name: str, model: type[Model], whose: str, columns: dict[str, str]) -> Table:
    """A table of what is the person's own by its field ``whose``; ``columns`` by their names."""

    def rows(user: User) -> Iterator[Row]:
        return _each(model._default_manager.filter(**{whose: user}), *columns.values())

    return Table(name, tuple(columns), rows, (f"{model._meta.label}.{whose}",))


def _wallets_of(user: User) -> list[Account]:
    """Their wallets everywhere, also where they have left."""
    places = list(tenants().values_list("pk", flat=True))
    found = points.wallets_of(places, user.pk)
    return [found[place] for place in places if place in found]


def _of_each_wallet(name: str, model: type[Model], of: str, columns: dict[str, str]) -> Table:
    """A table of what belongs to the person's wallets by its field ``of``."""

    def rows(user: User) -> Iterator[Row]:
        for wallet in _wallets_of(user):
            theirs = model._default_manager.filter(community_id=wallet.community_id, **{of: wallet})
            yield from _each(theirs, *columns.values())

    return Table(name, tuple(columns), rows)


def photo_name(report_id: object) -> str:
    """What the photo of a report is called in the ZIP."""
    return f"photos/{report_id}.jpg"


def photos(user: User) -> Iterator[tuple[str, Any]]:
    """The photos of their reports that are still there: what each is called, and the file."""
    for report in _reports_with_photo(user):
        if report.photo.storage.exists(str(report.photo.name)):
            yield photo_name(report.pk), report.photo


def _reports_with_photo(user: User) -> Iterator[Report]:
    for (report_id,) in _each(Report.objects.filter(reporter=user).exclude(photo=""), "pk"):
        yield Report.objects.only("photo").get(pk=report_id)


def _refused_claims(user: User) -> Iterator[Row]:
    return _each(
        RefusedClaim.objects.filter(attendance__volunteer=user),
        "pk",
        "community__code",
        "attendance__shift__activity__title",
        "act",
        "claimed_at",
        "told_at",
        "refused_as",
    )


def _reports(user: User) -> Iterator[Row]:
    storage = Report._meta.get_field("photo").storage
    rows = _each(
        Report.objects.filter(reporter=user),
        "pk",
        "community__code",
        "category",
        "text",
        "place",
        "latitude",
        "longitude",
        "coord_type",
        "status",
        "submitted_at",
        "accepted_at",
        "closed_at",
        "answer",
        "photo",
    )
    for report_id, *facts, photo in rows:
        is_there = photo and storage.exists(photo)
        yield report_id, *facts, photo_name(report_id) if is_there else None


def _guardianships(user: User) -> Iterator[Row]:
    """What they are in each, the child or the guardian; not who the other is."""
    for role in ("child", "guardian"):
        rows = _each(
            Guardianship.objects.filter(**{role: user}),
            "pk",
            "relation",
            "version",
            "given_at",
            "withdrawn_at",
        )
        yield from ((pk, role, *rest) for pk, *rest in rows)


def _wallets(user: User) -> Iterator[Row]:
    for wallet in _wallets_of(user):
        balance = wallet.credits - wallet.debits
        code = wallet.community.code
        yield code, balance, wallet.held, wallet.available, wallet.shortfall


def _transfers(user: User) -> Iterator[Row]:
    for wallet in _wallets_of(user):
        rows = _each(
            points.transfers_of(wallet),
            "credit_id",
            "amount",
            "pk",
            "community__code",
            "reason",
            "source",
            "occurred_at",
            "posted_at",
            "expires_on",
            "reverses_id",
            "explanation",
        )
        for credit_id, amount, pk, community, *facts in rows:
            yield pk, community, amount if credit_id == wallet.pk else -amount, *facts


def _notices(user: User) -> Iterator[Row]:
    """In the words in which they would read them."""
    rows = _each(
        Notice.objects.filter(recipient=user),
        "pk",
        "community__code",
        "kind",
        "facts",
        "due_at",
        "delivered_at",
        "read_at",
        "withdrawn_at",
    )
    for pk, community, kind, facts, *moments in rows:
        title, body = words(Notice(kind=kind, facts=facts))
        yield pk, community, kind, title, body, *moments


# What the trail tells about these is about the person whose they are.
_OWN_THINGS: tuple[tuple[type[Model], str], ...] = (
    (Attendance, "volunteer"),
    (Consent, "user"),
    (Export, "user"),
    (Guardianship, "child"),
    (Guardianship, "guardian"),
    (JoinRequest, "user"),
    (Membership, "user"),
    (MerchantMember, "user"),
    (Redemption, "volunteer"),
    (Report, "reporter"),
    (Volunteer, "user"),
    (Wish, "volunteer"),
)


def _acts(user: User) -> Iterator[Row]:
    """What they did, and what was done about them or theirs; by whom is others' business.

    An act on another person is told without that person's id, and all without ``before`` and
    ``after``, which may hold ids of others.
    """
    about_them = Q(target_id=str(user.pk))
    for model, whose in _OWN_THINGS:
        theirs = model._default_manager.filter(**{whose: user})
        about_them |= Q(target_id__in=theirs.values_list(Cast("pk", CharField())))
    pages = _pages(
        AuditEntry.objects.filter(Q(actor=user) | about_them),
        "at",
        "action",
        "target_type",
        "target_id",
        "community__code",
        "actor_id",
    )
    for page in pages:
        others = _people_among(row[3] for row in page) - {str(user.pk)}
        for at, action, target_type, target_id, community, actor_id in page:
            shown_id = None if target_id in others else target_id
            yield at, action, target_type, shown_id, community, actor_id == user.pk


def _people_among(ids: Iterable[str]) -> set[str]:
    """Those of ``ids`` that are somebody's."""
    uuids = {text for text in ids if len(text) == UUID_CHARACTERS}
    return {str(pk) for pk in User.objects.filter(pk__in=uuids).values_list("pk", flat=True)}


# --- what there is ----------------------------------------------------------------------------
TABLES = (
    _own(
        "consents",
        Consent,
        "user",
        {
            "id": "pk",
            "purpose": "purpose",
            "version": "version",
            "given_at": "given_at",
            "withdrawn_at": "withdrawn_at",
        },
    ),
    Table(
        "guardianships",
        ("id", "role", "relation", "version", "given_at", "withdrawn_at"),
        _guardianships,
        ("accounts.Guardianship.child", "accounts.Guardianship.guardian"),
    ),
    _own(
        "roles",
        Membership,
        "user",
        {
            "id": "pk",
            "community": "community__code",
            "community_name": "community__name",
            "role": "role",
            "since_at": "since_at",
            "ended_at": "ended_at",
            "ended_because": "ended_because",
        },
    ),
    _own(
        "join_requests",
        JoinRequest,
        "user",
        {
            "id": "pk",
            "community": "community__code",
            "kind": "kind",
            "estate": "estate__name",
            "status": "status",
            "requested_at": "asked_at",
            "decided_at": "decided_at",
            "because": "because",
        },
    ),
    _own(
        "volunteering",
        Volunteer,
        "user",
        {
            "id": "pk",
            "community": "community__code",
            "kind": "kind",
            "estate": "estate__name",
            "enrolled_at": "enrolled_at",
            "left_at": "left_at",
        },
    ),
    _own(
        "employments",
        MerchantMember,
        "user",
        {
            "id": "pk",
            "merchant": "merchant__name",
            "role": "role",
            "since_at": "since_at",
            "ended_at": "ended_at",
        },
    ),
    _own(
        "attendances",
        Attendance,
        "volunteer",
        {
            "id": "pk",
            "community": "community__code",
            "activity": "shift__activity__title",
            "category": "shift__activity__category",
            "place": "shift__activity__place",
            "shift_starts_at": "shift__starts_at",
            "shift_ends_at": "shift__ends_at",
            "status": "status",
            "signed_up_at": "signed_up_at",
            "checked_in_at": "checked_in_at",
            "checked_out_at": "checked_out_at",
            "was_offline": "was_offline",
            "check_out_was_forgotten": "check_out_was_forgotten",
            "check_in_claimed_at": "check_in_claimed_at",
            "check_out_claimed_at": "check_out_claimed_at",
            "worked_minutes": "worked_minutes",
            "verified_at": "verified_at",
            "rejected_because": "rejected_because",
        },
    ),
    Table(
        "refused_check_ins",
        ("id", "community", "activity", "action", "occurred_at", "submitted_at", "outcome"),
        _refused_claims,
    ),
    Table(
        "reports",
        (
            "id",
            "community",
            "category",
            "text",
            "place",
            "latitude",
            "longitude",
            "coord_type",
            "status",
            "submitted_at",
            "accepted_at",
            "closed_at",
            "answer",
            "photo",
        ),
        _reports,
        ("volunteers.Report.reporter",),
    ),
    Table("wallets", ("community", "balance", "held", "available", "shortfall"), _wallets),
    Table(
        "transfers",
        (
            "id",
            "community",
            "amount",
            "reason",
            "source",
            "occurred_at",
            "posted_at",
            "expires_on",
            "reverses",
            "explanation",
        ),
        _transfers,
    ),
    _of_each_wallet(
        "awards",
        Award,
        "account",
        {
            "id": "pk",
            "community": "community__code",
            "source": "source",
            "local_day": "local_day",
            "points": "points",
            "awarded_at": "awarded_at",
            "transfer": "transfer_id",
            "explanation": "explanation_of_nothing",  # that of something is the transfer's
        },
    ),
    _of_each_wallet(
        "earned",
        Earned,
        "account",
        {"community": "community__code", "expires_on": "expires_on", "points": "points"},
    ),
    _of_each_wallet(
        "holds",
        Hold,
        "debit",
        {
            "id": "pk",
            "community": "community__code",
            "amount": "amount",
            "reason": "reason",
            "source": "source",
            "status": "state",
            "occurred_at": "occurred_at",
            "expires_at": "expires_at",
            "resolved_at": "resolved_at",
            "transfer": "transfer_id",
            "explanation": "explanation",
        },
    ),
    _of_each_wallet(
        "reversals",
        Reversal,
        "account",
        {
            "id": "pk",
            "community": "community__code",
            "reverses": "transfer_id",
            "amount": "amount",
            "recovered": "recovered",
            "reason": "reason",
            "source": "source",
            "occurred_at": "occurred_at",
            "requested_at": "requested_at",
        },
    ),
    _own(
        "redemptions",
        Redemption,
        "volunteer",
        {
            "id": "pk",
            "community": "community__code",
            "merchant": "partnership__name",
            "offer": "offer__title",
            "code": "code",
            "quantity": "quantity",
            "points": "price_points",
            "status": "status",
            "taken_at": "taken_at",
            "expires_at": "expires_at",
            "closed_at": "closed_at",
        },
    ),
    _own(
        "wishes",
        Wish,
        "volunteer",
        {
            "id": "pk",
            "community": "community__code",
            "text": "words",
            "status": "state",
            "points": "price_points",
            "proposed_at": "proposed_at",
            "because": "because",
            "closed_at": "closed_at",
            "thanks": "thanks",
        },
    ),
    _own(  # without the code, which is the customer's
        "scans",
        ScanAttempt,
        "clerk",
        {
            "id": "pk",
            "community": "community__code",
            "merchant": "merchant__name",
            "outcome": "outcome",
            "scanned_at": "scanned_at",
        },
    ),
    Table(
        "notices",
        (
            "id",
            "community",
            "kind",
            "title",
            "body",
            "due_at",
            "delivered_at",
            "read_at",
            "withdrawn_at",
        ),
        _notices,
        ("notices.Notice.recipient",),
    ),
    _own(
        "log_ins",
        UserSession,
        "user",
        {
            "created_at": "created_at",
            "last_seen_at": "last_seen_at",
            "ip": "ip",
            "user_agent": "user_agent",
        },
    ),
    Table(
        "acts",
        ("at", "action", "target_type", "target_id", "community", "by_me"),
        _acts,
        ("audit.AuditEntry.actor",),
    ),
    _own(
        "exports",
        Export,
        "user",
        {
            "id": "pk",
            "requested_at": "requested_at",
            "finished_at": "finished_at",
            "expires_at": "expires_at",
            "size_bytes": "size_bytes",
        },
    ),
)

IN_PROFILE = ("socialaccount.SocialAccount.user", "mfa.Authenticator.user")

_AN_ACT = "an act on somebody else's thing: it stands among the acts"
LEFT_OUT = {
    "account.EmailAddress.user": "nobody has an e-mail address here",
    "accounts.GuardianCode.child": "a code, good once and for a day, unreadable once used",
    "accounts.Guardianship.withdrawn_by": "one of the two, or who ended it for them: an act",
    "accounts.User_groups.user": "no groups are used: roles are memberships",
    "accounts.User_user_permissions.user": "no such permissions are used",
    "api.IdempotencyKey.user": "a hash of what was sent and what came of it, for a week",
    "documents.Document.asked_by": "files of what is here, for a day, or of a statement",
    "communities.Membership.granted_by": _AN_ACT,
    "communities.Membership.ended_by": _AN_ACT,
    "volunteers.Attendance.verified_by": _AN_ACT,
    "volunteers.JoinRequest.decided_by": _AN_ACT,
    "volunteers.Report.closed_by": _AN_ACT,
    "merchants.ActivityMatch.matched_by": _AN_ACT,
    "merchants.ActivityMatch.ended_by": _AN_ACT,
    "merchants.Fair.announced_by": _AN_ACT,
    "merchants.Fair.cancelled_by": _AN_ACT,
    "merchants.ListEntry.added_by": _AN_ACT,
    "merchants.ListEntry.closed_by": _AN_ACT,
    "merchants.Increase.asked_by": _AN_ACT,
    "merchants.Increase.decided_by": _AN_ACT,
    "merchants.Invitation.invited_by": _AN_ACT,
    "merchants.Invitation.revoked_by": _AN_ACT,
    "merchants.Invitation.accepted_by": "the employment that came of it is told",
    "merchants.Device.registered_by": _AN_ACT,
    "merchants.Device.retired_by": _AN_ACT,
    "merchants.MerchantMember.ended_by": _AN_ACT,
    "merchants.PayCode.volunteer": "a digest of what a phone showed for a minute",
    "merchants.Refund.refunded_by": _AN_ACT,
    "merchants.StatementQuestion.asked_by": _AN_ACT,
    "merchants.StatementQuestion.answered_by": _AN_ACT,
    "merchants.Statement.drafted_by": _AN_ACT,
    "merchants.WebhookEndpoint.made_by": _AN_ACT,
    "merchants.BankBatch.made_by": _AN_ACT,
    "merchants.BankBatch.cancelled_by": _AN_ACT,
    "merchants.Payout.ordered_by": _AN_ACT,
    "merchants.Payout.payee": _AN_ACT,
    "merchants.Wish.decided_by": _AN_ACT,
    "merchants.Wish.donor": _AN_ACT,
    "merchants.Cause.opened_by": _AN_ACT,
    "merchants.Spending.spent_by": _AN_ACT,
    "merchants.Sponsorship.recorded_by": _AN_ACT,
    "merchants.Gift.volunteer": "the transfer into the cause's pool is told",
    "merchants.Offer.proposed_by": _AN_ACT,
    "merchants.Offer.decided_by": _AN_ACT,
    "merchants.OfferPrice.set_by": _AN_ACT,
    "merchants.StockMove.moved_by": _AN_ACT,
    "merchants.Terms.agreed_by": _AN_ACT,
    "merchants.Terms.withdrawn_by": _AN_ACT,
    "merchants.Statement.approved_by": _AN_ACT,
    "merchants.Statement.paid_by": _AN_ACT,
    "merchants.Redemption.redeemed_by": "somebody else's voucher: it stands among the scans",
}
