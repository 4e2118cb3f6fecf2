"""What moves with a community, and what stays.

Every table of a model with a ``community`` moves by itself: the rows of the community and of its
estates. Of all other tables, which belong to nobody or to everybody, it is declared here whether
rows that the community's refer to go along, or why they stay. A model that is in neither list
fails ``tests/backend/test_moving.py``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db.models import FileField

from backend.accounts.services.keys import ENCRYPTED
from backend.communities import fence
from backend.communities.models import Community
from backend.documents.models import Document
from backend.imports.models import Import

PLACE, PERSON, MERCHANT = Community._meta.label, "accounts.User", "merchants.Merchant"
WECHAT, SECOND_FACTOR = "socialaccount.SocialAccount", "mfa.Authenticator"


@dataclass(frozen=True)
class Along:
    """How rows of a table of everybody's go along.

    Rows that a moved row refers to do, and those that belong to a row that goes along: ``of`` says
    by which column, of which model. ``is_numbered``: the id is a number that the database gives
    anew.
    """

    of: Mapping[str, str] = field(default_factory=dict)
    is_numbered: bool = False


# By name, for apps above this one have some of them; whatever refers to another comes after it.
ALONG = {
    PLACE: Along(),  # itself, its estates and the street above
    PERSON: Along(),
    "accounts.Consent": Along(of={"user_id": PERSON}),
    "accounts.Guardianship": Along(of={"child_id": PERSON}),
    WECHAT: Along(of={"user_id": PERSON}, is_numbered=True),
    SECOND_FACTOR: Along(of={"user_id": PERSON}, is_numbered=True),
    "notices.Mailbox": Along(of={"user_id": PERSON}),
    "notices.NoticeSettings": Along(of={"user_id": PERSON}),
    MERCHANT: Along(),
    "merchants.MerchantMember": Along(of={"merchant_id": MERCHANT}),
    "merchants.Device": Along(of={"merchant_id": MERCHANT}),
    "merchants.Invitation": Along(of={"merchant_id": MERCHANT}),
    "merchants.BankAccount": Along(of={"merchant_id": MERCHANT}),
    "webhooks.Endpoint": Along(of={"owner_id": MERCHANT}),
}

# What a street lends its communities: awards refer to its rules. The street's own business, such
# as its roles and its trail, stays with it.
OF_STREET = "street:"  # before the name of such a table in a file
LENT = ("points.Rule", "points.RuleVersion", "points.ExpiryPolicy")

STAYS = {
    "account.EmailAddress": "nobody has one there",
    "account.EmailConfirmation": "nobody has one there",
    "accounts.Attempts": "guesses are counted where they are made, for some hours",
    "accounts.GuardianCode": "a code is good for a day; the child asks for another",
    "accounts.SetupCode": "an installation names its own operators",
    "admin.LogEntry": "nothing is written there",
    "accounts.User_groups": "no groups are used: roles are memberships",
    "accounts.User_user_permissions": "no such permissions are used",
    "accounts.WithdrawnNumber": "a hash by a key of this installation, and of nobody",
    "api.IdempotencyKey": "a request is repeated where it was first sent, within days",
    "api.OwnIdempotencyKey": "a request is repeated where it was first sent, within days",
    "audit.OwnAct": "what people did about themselves is on record where they did it",
    "auth.Group": "no groups are used: roles are memberships",
    "auth.Group_permissions": "no groups are used: roles are memberships",
    "auth.Permission": "made by the migrations",
    "clockwork.Run": "the clock's runs are of an installation",
    "communities.RoleInvitation": "invited anew there: a code is good for some days",
    "contenttypes.ContentType": "made by the migrations",
    "notices.WeChatQuota": "what is left at WeChat is counted where it is used",
    "notices.WeChatQuotaEntry": "what is left at WeChat is counted where it is used",
    "people.LogInLink": "made anew there: a link is good for some days",
    "privacy.Export": "a file for one person, for some days",
    "sessions.Session": "everybody logs in anew",
    "socialaccount.SocialApp": "the operator's settings name the app",
    "socialaccount.SocialToken": "no tokens are kept",
    "usersessions.UserSession": "everybody logs in anew",
    "webhooks.Silence": "whether an endpoint answers is seen from where it is asked",
}

# Names of stored files that are no FileField.
_STORED = {Document._meta.label: ("stored_as",), Import._meta.label: ("stored_as",)}


def model_of(label: str) -> type[Any]:
    return apps.get_model(label)


def moving() -> list[type[Any]]:
    """Return the models whose rows belong to the community, by the names of their tables."""
    return [model for model in fence.of_communities() if model._meta.label not in STAYS]


def columns_of(model: type[Any]) -> list[str]:
    """Return the columns that move."""
    label = model._meta.label
    is_numbered = label in ALONG and ALONG[label].is_numbered
    columns = [field.column for field in model._meta.concrete_fields]
    return [column for column in columns if not (is_numbered and column == "id")]


def columns(model: type[Any], of: str = "") -> str:
    """Return the columns of ``model`` that move, for a statement."""
    return ", ".join(f'{of}"{column}"' for column in columns_of(model))


def keys_of(model: type[Any]) -> dict[str, type[Any]]:
    """Return the columns of ``model`` that refer to a row, and to which model."""
    fields = [field for field in model._meta.concrete_fields if field.related_model]
    return {field.column: field.related_model for field in fields}


def encrypted_in(model: type[Any]) -> list[str]:
    """Return the columns that hold a token of the vault."""
    label = model._meta.label
    here = [column for named, column in ENCRYPTED if named == label]
    return [*here, "phone_encrypted"] if label == PERSON else here


def files_in(model: type[Any]) -> list[str]:
    """Return the columns that name a stored file."""
    fields = [one.column for one in model._meta.concrete_fields if isinstance(one, FileField)]
    return [*fields, *_STORED.get(model._meta.label, ())]
