"""Refusals about partnerships, people who work for a merchant, and increases."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound


class PartnerNotActive(Conflict):
    code = "partner_not_active"
    title = _("This merchant is not a partner at present.")


class PartnerNotAccepted(Conflict):
    code = "partner_not_accepted"
    title = _("The merchant's owner has not agreed to be a partner here.")


class PartnerEnded(Conflict):
    code = "partner_ended"
    title = _("This partnership has ended.")


class PartnerNameTaken(Conflict):
    code = "partner_name_taken"
    title = _("The community has a partner of this name.")


class AlreadyPartner(Conflict):
    code = "already_partner"
    title = _("This merchant is a partner here already, or was.")


class PartnerStatusWrong(Conflict):
    code = "partner_status_wrong"
    title = _("This is not possible in the partnership's present status.")


class TermsIncomplete(Invalid):
    code = "terms_incomplete"
    title = _("Terms say fen per point, or a share, or neither, as their kind needs.")


class TermsTooEarly(Conflict):
    code = "terms_too_early"
    title = _("New terms begin today or later, and not before the last ones.")


class TermsInForce(Conflict):
    code = "terms_in_force"
    title = _("These terms are in force, or will be in a minute: agree on the next instead.")


class ListFull(Conflict):
    """A partner already has ``limit`` open needs and resources."""

    code = "list_full"
    title = _("The lists are full; close one first.")


class ListingClosed(Conflict):
    code = "listing_closed"
    title = _("This need or resource is closed.")


class ActivityUnknown(NotFound):
    code = "activity_unknown"
    title = _("The community has no such activity.")


class PartnerUnknown(NotFound):
    code = "partner_unknown"
    title = _("The community has no such partner.")


class IncreaseDecided(Conflict):
    code = "increase_decided"
    title = _("This has been decided on.")


class OwnIncrease(Forbidden):
    code = "own_increase"
    title = _("Who asks for what the community pays more for does not confirm it.")


class MerchantUnknown(NotFound):
    code = "merchant_unknown"
    title = _("There is no such merchant.")


class AlreadyWorksThere(Conflict):
    code = "already_works_there"
    title = _("You work there already.")


class HasOwner(Conflict):
    code = "has_owner"
    title = _("This merchant has an owner, who invites others.")


class LastOwner(Conflict):
    code = "last_owner"
    title = _("A merchant keeps an owner; invite another first.")


class OwnMerchant(Forbidden):
    code = "own_merchant"
    title = _(
        "Who works for a merchant, or did lately, decides nothing about it for the community."
    )
