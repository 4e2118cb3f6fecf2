"""Refusals about awards."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound


class AwardSourceReused(Conflict):
    code = "award_source_reused"
    title = _("This record has already earned points, with other contents.")


class AwardUnknown(NotFound):
    code = "award_unknown"
    title = _("This record has earned nothing that could be voided.")


class AdjustmentNotVoided(Conflict):
    code = "adjustment_not_voided"
    title = _("An opening or a correction is set right by another correction.")


class AdjustmentInvalid(Invalid):
    code = "adjustment_invalid"
    title = _("An opening brings points, a correction brings or takes some.")


class OpeningBroughtAlready(Conflict):
    code = "opening_brought_already"
    title = _("This person's points on paper have already been brought along.")


class OwnBalance(Forbidden):
    code = "own_balance"
    title = _("Nobody changes their own balance.")


class OwnProposal(Forbidden):
    code = "own_proposal"
    title = _("Somebody else than who proposed it has to approve it.")


class AdjustmentDecided(Conflict):
    code = "adjustment_decided"
    title = _("This has already been decided.")
