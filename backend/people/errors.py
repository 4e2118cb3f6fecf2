"""Refusals of what staff do about somebody's record."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid


class OwnPerson(Forbidden):
    code = "own_person"
    title = _("Nobody decides about their own record.")


class StandsAbove(Forbidden):
    """Refusal about somebody whose roles the caller could not withdraw."""

    code = "stands_above"
    title = _("This person's roles are given by somebody else, who decides about their record.")


class NoLinkForThem(Forbidden):
    """Refusal of a link to log in with for somebody on whom others depend."""

    code = "no_link_for_them"
    title = _(
        "Staff, managers, auditors, owners, clerks and whoever has an authenticator log in by"
        " themselves."
    )


class AlreadySuspended(Conflict):
    code = "already_suspended"
    title = _("This person is suspended here already. Lift that suspension to change it.")


class SuspensionOver(Invalid):
    code = "suspension_over"
    title = _("A suspension ends later than now.")


class BelongsElsewhere(Forbidden):
    """Refusal of what concerns communities that the caller does not reach."""

    code = "belongs_elsewhere"
    title = _("This person also belongs to communities that are not yours; ask the street above.")


class NoAuthenticator(Conflict):
    code = "no_authenticator"
    title = _("This person has no authenticator.")


class OwnProposal(Forbidden):
    code = "own_person_proposal"
    title = _("Whoever proposed it does not confirm it.")


class ProposalDecided(Conflict):
    """Refusal of another decision; ``current_status`` is the one that was made."""

    code = "person_proposal_decided"
    title = _("This was decided already.")


class ProposalExpired(Conflict):
    code = "person_proposal_expired"
    title = _("This proposal is too old. Propose it again.")


class NothingToChange(Invalid):
    code = "nothing_to_change"
    title = _("Say a new phone number, or that WeChat is to be forgotten.")


class PhoneOfAnotherRecord(Conflict):
    code = "phone_of_another_record"
    title = _("This number stands on another record. If that is the same person, merge the two.")


class MergeOfOne(Invalid):
    code = "merge_of_one"
    title = _("A record can not be merged into itself.")


class MergeRefused(Conflict):
    """Refusal to merge; ``conflicts`` are the codes of what stands against it."""

    code = "merge_refused"
    title = _("Something stands against merging these two records.")
