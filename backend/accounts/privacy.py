"""The data held about who somebody is and how they log in, and what an erasure leaves of it."""

from collections.abc import Iterator
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import Consent, GuardianCode, Guardianship, SetupCode, User
from backend.accounts.services import guardians, sessions
from backend.privacy import held


def _profile(user: User) -> dict[str, Any]:
    """Return who a person is and how they log in; of secrets only that they exist."""
    wechat = SocialAccount.objects.filter(user=user).order_by("pk").first()
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


def _guardianships(user: User) -> Iterator[held.Row]:
    """Yield the person's guardianships as child and as guardian, without who the other is."""
    for role in ("child", "guardian"):
        theirs = held.rows_of(Guardianship, [role], user)
        for pk, *rest in held.each(theirs, "pk", "relation", "version", "given_at", "withdrawn_at"):
            yield pk, role, *rest


def _withdraw_consents(user: User) -> None:
    """Withdraw the person's consents and guardianships; end what children without another do."""
    now = timezone.now()
    Consent.objects.filter(user=user, withdrawn_at=None).update(withdrawn_at=now)
    agreed = held.rows_of(Guardianship, ("child", "guardian"), user).filter(withdrawn_at=None)
    children = list(User.objects.filter(pk__in=agreed.values("child")).exclude(pk=user.pk))
    agreed.update(withdrawn_at=now)
    for child in children:
        guardians.end_if_missing(child)


def _end_log_ins(user: User) -> None:
    """End all log-ins. Whoever logs in with that WeChat account later is a new person."""
    sessions.forget(user=user)
    SocialAccount.objects.filter(user=user).delete()
    Authenticator.objects.filter(user=user).delete()


held.PROFILE.append(_profile)
held.TOLD_ELSEWHERE |= {"socialaccount.SocialAccount.user", "mfa.Authenticator.user"}
held.table(
    "consents",
    "您同意过的事项 / what you agreed to",
    "id purpose version given_at withdrawn_at",
    Consent,
    "user",
)
held.table(
    "guardianships",
    "监护人对未成年人参加的同意 / a guardian's consent to a child's taking part",
    "id role relation version given_at withdrawn_at",
    Guardianship,
    "child",
    "guardian",
    rows=_guardianships,
)
held.table(
    "log_ins",
    "登录的时间、地址和设备 / from where you are logged in",
    "created_at last_seen_at ip user_agent",
    UserSession,
    "user",
)
held.left_out("nobody has an address there: see notices", EmailAddress, "user", is_deleted=True)
held.left_out(
    "a code, good once and for a day, unreadable once used",
    GuardianCode,
    "child",
    is_deleted=True,
)
held.left_out("one of the two, or who ended it for them: an act", Guardianship, "withdrawn_by")
held.left_out("that they are an operator is on the trail", SetupCode, "used_by")
held.left_out(
    "no groups are used: roles are memberships", User.groups.through, "user", is_deleted=True
)
held.left_out(
    "no such permissions are used", User.user_permissions.through, "user", is_deleted=True
)
held.FORGETS += [_withdraw_consents, _end_log_ins]
held.titles(
    created_at=_("Created at"),
    given_at=_("Given at"),
    ip=_("IP address"),
    last_seen_at=_("Last seen at"),
    purpose=_("Purpose"),
    relation=_("Relation"),
    user_agent=_("Browser or phone"),
    version=_("Version"),
)
