"""Reads about places and roles."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import BooleanField, Exists, Func, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.audit.models import AuditEntry
from backend.communities.errors import CommunityUnknown, PersonUnknown
from backend.communities.models import Community, Membership, Role, RoleInvitation, Suspension

WATCHES_OVER = (Role.STAFF, Role.MANAGER, Role.AUDITOR)  # may read what staff read
HANDLES = (Role.STAFF, Role.MANAGER)  # may verify, close, approve
AUDITS = (Role.AUDITOR,)  # may read who did what
MANAGES = (Role.MANAGER,)  # may give roles and change rules
BELONGS = tuple(Role)  # anybody who holds a role there

# The condition on suspensions that they hold now.
SUSPENDS_NOW = (Q(ends_at__isnull=True) | Q(ends_at__gt=Now())) & Q(lifted_at__isnull=True)


class Held(Func):
    """Condition on a place: ``user`` holds one of ``roles`` there or above, ``or_below`` or ever.

    Roles do not count where their person is suspended, unless what they ever held is asked. Most
    statements ask this several times. As a queryset, to be built and resolved anew each time, it
    took longer than all the rest of them.
    """

    output_field = BooleanField()

    def __init__(
        self, user: User, roles: tuple[Role, ...], *, or_below: bool = False, ever: bool = False
    ) -> None:
        super().__init__("pk", "parent", "parent__parent")
        self.user_id, self.roles = user.pk, [role.value for role in roles]
        self.or_below, self.ever = or_below, ever
        self.may_be_suspended = not ever and is_suspended_somewhere(user)

    def as_sql(
        self, compiler: Any, connection: Any, *_: Any, **__: Any
    ) -> tuple[str, tuple[Any, ...]]:
        place, *above = (compiler.compile(one)[0] for one in self.source_expressions)
        reaches = f"held.community_id IN ({', '.join([place, *above])})"
        if self.or_below:
            reaches += f""" OR held.community_id IN (
                SELECT below.id FROM communities_community below WHERE below.parent_id = {place}
            )"""  # noqa: S608  # made of columns
        held = f"""EXISTS (
            SELECT FROM communities_membership held
            WHERE held.user_id = %s AND held.role = ANY(%s) AND ({reaches})
                {"" if self.ever else "AND held.ended_at IS NULL"}
        )"""
        if not self.may_be_suspended:
            return held, (self.user_id, self.roles)
        suspended = f"""EXISTS (
            SELECT FROM communities_suspension suspended
            WHERE suspended.user_id = %s AND suspended.lifted_at IS NULL
                AND (suspended.ends_at IS NULL OR suspended.ends_at > statement_timestamp())
                AND (suspended.is_everywhere
                    OR suspended.community_id IN ({", ".join([place, *above])}))
        )"""  # made of columns
        return f"({held} AND NOT {suspended})", (self.user_id, self.roles, self.user_id)


def is_suspended_somewhere(user: User) -> bool:
    """Tell whether ``user`` is suspended anywhere now; their row says so."""
    return user.suspended_until is not None and timezone.now() < user.suspended_until


def suspensions_in_force(user_id: UUID | OuterRef) -> QuerySet[Suspension]:
    """Return the suspensions of a person that hold now, wherever they do."""
    return Suspension.objects.filter(SUSPENDS_NOW, user=user_id)


def is_suspended_at(community: str, user: str) -> Exists:
    """Return the condition that the person in field ``user`` is suspended in the tenant."""
    there = Q(community=OuterRef(community)) | Q(community__children=OuterRef(community))
    return Exists(suspensions_in_force(OuterRef(user)).filter(Q(is_everywhere=True) | there))


def is_suspended_since(moment: datetime, user: User, community_id: UUID) -> bool:
    """Tell whether a suspension of ``user`` holds in the tenant that had begun by ``moment``.

    Costs a statement only for somebody who is suspended somewhere.
    """
    if not is_suspended_somewhere(user):
        return False
    there = Q(community=community_id) | Q(community__children=community_id)
    holding = suspensions_in_force(user.pk).filter(since_at__lte=moment)
    return holding.filter(Q(is_everywhere=True) | there).exists()


def tenants() -> QuerySet[Community]:
    """Return the communities 社区: the places that keep a ledger."""
    places: QuerySet[Community] = Community.objects.filter(kind=Community.Kind.COMMUNITY)
    return places


def tenants_here() -> QuerySet[Community]:
    """Return the communities 社区 that have not moved away."""
    return tenants().filter(moved_at__isnull=True)


def lineage(community: Community) -> list[Community]:
    """List the place itself, then its parent, up to the top."""
    places = [community]
    while places[-1].parent_id:  # three levels at most, so no recursive query
        places.append(places[-1].parent)
    return places


def places_where(user: User, roles: tuple[Role, ...]) -> QuerySet[Community]:
    """Return the places of any kind in which ``user`` holds one of ``roles``, or above which.

    A subquery of the statement that it stands in: the tree has three levels.
    """
    places: QuerySet[Community] = Community.objects.filter(Held(user, roles))
    return places


def places_kept_by(user: User) -> QuerySet[Community]:
    """Return the places that ``user`` manages; for an operator all streets and communities, too."""
    kept = Q(Held(user, MANAGES))
    if user.is_superuser:
        kept |= ~Q(kind=Community.Kind.ESTATE)
    places: QuerySet[Community] = Community.objects.filter(kept).select_related("parent")
    return places


def places_kept_newest_first(user: User) -> QuerySet[Community]:
    """Return ``places_kept_by``, newest first."""
    return places_kept_by(user).order_by("-id")


def communities_where(user: User, roles: tuple[Role, ...]) -> QuerySet[Community]:
    """Return the tenants among ``places_where``. A role at an estate reaches no whole tenant."""
    return places_where(user, roles).filter(kind=Community.Kind.COMMUNITY)


def working_places_where(user: User, roles: tuple[Role, ...]) -> QuerySet[Community]:
    """Return the communities and estates among ``places_where``: where rows of work belong."""
    return places_where(user, roles).exclude(kind=Community.Kind.STREET)


def places_touched_by(user: User, roles: tuple[Role, ...]) -> QuerySet[Community]:
    """Return the places in which ``user`` holds one of ``roles``, or right above or below which."""
    touched: QuerySet[Community] = Community.objects.filter(Held(user, roles, or_below=True))
    return touched


def working_places_touched_by(user: User, roles: tuple[Role, ...]) -> QuerySet[Community]:
    """Return the communities and estates among ``places_touched_by``."""
    return places_touched_by(user, roles).exclude(kind=Community.Kind.STREET)


def wide_places_where(user: User, roles: tuple[Role, ...]) -> QuerySet[Community]:
    """Return the streets and communities among ``places_where``."""
    return places_where(user, roles).exclude(kind=Community.Kind.ESTATE)


def in_reach(user: User, roles: tuple[Role, ...], *, estate: str = "estate") -> Q:
    """Condition on rows with a ``community``: one of the ``roles`` of ``user`` reaches the row.

    A role at the community, or above, reaches all of its rows; a role at an estate those whose
    ``estate``, a path from the row, is that one.
    """
    places = places_where(user, roles)
    touched = Community.objects.filter(Held(user, roles, or_below=True))
    return Q(community__in=touched) & (Q(community__in=places) | Q(**{f"{estate}__in": places}))


def is_within(place: Community, whose: str) -> Q:
    """Return the condition that the place in field ``whose`` is ``place`` or below it."""
    return (
        Q(**{whose: place})
        | Q(**{f"{whose}__parent": place})
        | Q(**{f"{whose}__parent__parent": place})
    )


def communities_of(user: User) -> QuerySet[Community]:
    """Return the tenants in which ``user`` is a volunteer."""
    return communities_where(user, (Role.VOLUNTEER,))


def communities_known_to(user: User) -> QuerySet[Community]:
    """Return the tenants in which ``user`` is or was a volunteer: their points stay theirs."""
    known: QuerySet[Community] = Community.objects.filter(
        Held(user, (Role.VOLUNTEER,), ever=True), kind=Community.Kind.COMMUNITY
    )
    return known


def communities_belonged_to(user: User) -> QuerySet[Community]:
    """Return the tenants in which, above which or below which ``user`` holds a role."""
    return tenants().filter(Held(user, BELONGS, or_below=True))


def known_to(user: User) -> list[UUID]:
    """Return the ids of the tenants in which ``user`` is or was a volunteer.

    A statement about what is the person's own names them: as a list, they tell whose rows to read.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT communities_known_to(%s)", [user.pk])
        found: list[UUID] = cursor.fetchone()[0]
    return found


def home_of(user: User) -> UUID | None:
    """Return the id of the first tenant where ``user`` holds a role, else of where they held one.

    A role at a street or an estate is one in its tenants. One that has moved tells nobody anything.
    """
    places = tenants_here().filter(Held(user, BELONGS, or_below=True, ever=True))
    by_now = places.order_by(Held(user, BELONGS, or_below=True).desc(), "pk")
    return by_now.values_list("pk", flat=True).first()


def community_among(communities: QuerySet[Community], code: str) -> Community:
    """Return the one of ``communities`` called ``code``. Raises CommunityUnknown."""
    community = communities.filter(code=code).first()
    if community is None:
        raise CommunityUnknown
    return community


def memberships_of(user: User) -> QuerySet[Membership]:
    """Return the roles that ``user`` holds now, oldest first."""
    return (
        Membership.objects.filter(user=user, ended_at__isnull=True)
        .select_related("community")
        .order_by("id")
    )


def roles_along(user: User, place: Community | None = None) -> QuerySet[Membership]:
    """Return the roles that ``user`` was given and holds: all, or along the tree of ``place``."""
    given = Membership.objects.filter(user=user, role__in=WATCHES_OVER, ended_at__isnull=True)
    if place is not None:
        given = given.filter(Q(community__in=lineage(place)) | is_within(place, "community"))
    return given.select_related("community")


def people_of(place: Community) -> QuerySet[User]:
    """Return the people who hold or held a role in ``place`` or below it, by name.

    A record that was merged into another one is not shown beside that.
    """
    theirs = Membership.objects.filter(is_within(place, "community"), user=OuterRef("pk"))
    return User.objects.filter(
        Exists(theirs), merged_into__isnull=True, erased_at__isnull=True
    ).order_by("name", "id")


def places_of(user: User) -> QuerySet[Community]:
    """Return the places where ``user`` holds or held a role."""
    theirs = Membership.objects.filter(user=user)
    places: QuerySet[Community] = Community.objects.filter(pk__in=theirs.values("community"))
    return places


def members_of(place: Community) -> QuerySet[Membership]:
    """Return the roles held in ``place`` now, newest first."""
    return (
        Membership.objects.filter(community=place, ended_at__isnull=True)
        .select_related("user")
        .order_by("-id")
    )


def roles_in(place: Community) -> QuerySet[Membership]:
    """Return every role ever given in ``place``, newest first. Volunteers join and are left out."""
    return _given(Membership.objects.filter(community=place))


def roles_seen_by(user: User) -> QuerySet[Membership]:
    """Return all roles, ended ones too, in the places that ``user`` manages or audits.

    An operator sees who manages a street or a community.
    """
    seen = Q(community__in=places_where(user, MANAGES + AUDITS))
    return _given(Membership.objects.filter(seen | _appointed_by_operators(user)))


def roles_managed_by(user: User) -> QuerySet[Membership]:
    """Return all roles, ended ones too, in the places that ``user`` manages.

    For an operator also those of managers of a street or a community.
    """
    managed = Q(community__in=places_where(user, MANAGES))
    return _given(Membership.objects.filter(managed | _appointed_by_operators(user)))


def managers_of(places: Collection[Community]) -> QuerySet[Membership]:
    """Return the roles of those who manage exactly these places today, oldest first."""
    held = Membership.objects.filter(community__in=places, ended_at__isnull=True)
    return held.filter(role=Role.MANAGER).select_related("user").order_by("id")


def role_invitations_in(place: Community) -> QuerySet[RoleInvitation]:
    """Return all invitations to roles in exactly this place, newest first."""
    return (
        RoleInvitation.objects.filter(place=place)
        .select_related("place", "invited_by", "accepted_by", "revoked_by")
        .order_by("-id")
    )


def role_invitations_shown(user: User, place: Community) -> QuerySet[RoleInvitation]:
    """Return the invitations in a place that ``user`` keeps: all to its managers.

    To an operator who does not manage it, those to managers.
    """
    invitations = role_invitations_in(place)
    if places_where(user, MANAGES).filter(pk=place.pk).exists():
        return invitations
    return invitations.filter(role=Role.MANAGER)


def auditors_and_managers(community: Community) -> list[UUID]:
    """List the ids of those who audit or manage the community, or the street above it."""
    found = Membership.objects.filter(
        community__in=lineage(community), role__in=MANAGES + AUDITS, ended_at__isnull=True
    )
    return list(found.order_by("user").values_list("user", flat=True).distinct())


def staff_among(place: Community, people: Iterable[UUID]) -> set[UUID]:
    """Return those of the people who are staff, manager or auditor of the place.

    Also of a place above it, or in it.
    """
    held = Membership.objects.filter(
        Q(community__in=lineage(place)) | Q(community__parent=place),
        user__in=list(people),
        role__in=WATCHES_OVER,
        ended_at__isnull=True,
    )
    return set(held.values_list("user_id", flat=True))


def person_with(phone: str) -> User | None:
    """Return the active person with exactly this phone number."""
    return User.objects.filter(phone_digest=digest(phone), is_active=True).first()


def person_to_appoint(user_id: UUID) -> User:
    """Return the active person with this id. Raises PersonUnknown."""
    person = User.objects.filter(pk=user_id, is_active=True).first()
    if person is None:
        raise PersonUnknown
    return person


def places_below(place: Community) -> QuerySet[Community]:
    """Return a street's communities, or a community's estates, by name."""
    below: QuerySet[Community] = Community.objects.filter(parent=place).order_by("name")
    return below


def audit_entries_in(community: Community) -> QuerySet[AuditEntry]:
    """Return the audit trail of ``community``, newest first."""
    return AuditEntry.objects.filter(community=community).select_related("actor").order_by("-id")


def _appointed_by_operators(user: User) -> Q:
    if not user.is_superuser:
        return Q(pk__in=[])
    of_an_estate = Q(community__kind=Community.Kind.ESTATE)
    return Q(role=Role.MANAGER) & ~of_an_estate


def _given(memberships: QuerySet[Membership]) -> QuerySet[Membership]:
    return (
        memberships.exclude(role=Role.VOLUNTEER)
        .select_related("community", "user", "granted_by", "ended_by")
        .order_by("-id")
    )
