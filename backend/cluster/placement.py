"""The one list of where tables are kept on a cluster."""

from enum import Enum

from django.db.models import Model


class Placement(Enum):
    """Where the rows of a table are."""

    DISTRIBUTED = "distributed"  # each community's on one shard, beside all else of the community
    REFERENCE = "reference"  # a copy on every node: what tenants' rows join, and is seldom written
    LOCAL = "local"  # on the coordinator


# A write here goes to all nodes, so none of these has a column that changes with every request;
# nobody locks a row of theirs (backend/locks.py). Memberships are asked before
# any community is known, a street lends its rules to the communities below it, rewards ask for
# people's WeChat accounts, and call-outs for their guardians.
REFERENCE = {
    "accounts.Guardianship",
    "accounts.User",
    "communities.Community",
    "communities.Membership",
    "communities.Suspension",
    "merchants.Device",
    "merchants.Merchant",
    "merchants.MerchantMember",
    "people.LogInChange",
    "people.Merge",
    "points.Rule",
    "points.RuleVersion",
    "socialaccount.SocialAccount",
    "webhooks.Endpoint",
}


def placement_of(model: type[Model]) -> Placement:
    """Return where the table of ``model`` is kept; a migration's model will do as well.

    A table of which every row has a community is distributed unless REFERENCE names it; what has
    rows of no community is local.
    """
    if model._meta.label in REFERENCE:
        return Placement.REFERENCE
    communities = [field for field in model._meta.concrete_fields if field.name == "community"]
    if communities and not communities[0].null:
        return Placement.DISTRIBUTED
    return Placement.LOCAL
