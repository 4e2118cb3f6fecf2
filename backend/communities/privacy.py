"""The data held about roles, and how they end when their person is erased."""

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.models import Membership, Role, RoleInvitation
from backend.communities.services import roles
from backend.privacy import held
from backend.registries import leaving


def _is_depended_on(user: User) -> bool:
    return Membership.objects.filter(
        user=user, role__in=[Role.STAFF, Role.MANAGER, Role.AUDITOR], ended_at__isnull=True
    ).exists()


def _end_roles(user: User) -> None:
    """End all roles, and whatever was under way without a role."""
    for membership in Membership.objects.filter(user=user, ended_at=None).order_by("pk"):
        roles.end(membership=membership, ended_by=None)
    leaving.tell_everywhere(user.pk, timezone.now())


held.DUTIES.append(_is_depended_on)
held.ENDS.append(_end_roles)
held.table(
    "roles",
    "您在各社区的角色 / what you are, in which community",
    "id community community_name=community__name role since_at ended_at reason",
    Membership,
    "user",
    emptied=["reason"],
)
held.acts(Membership, "granted_by", "ended_by")
held.acts(RoleInvitation, "invited_by", "revoked_by")
held.left_out("the role that came of it is told", RoleInvitation, "accepted_by")
held.titles(community_name=_("Community's name"))
