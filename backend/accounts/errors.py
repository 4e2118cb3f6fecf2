"""Refusals about people."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid, NotFound, TooMany


class PhoneBelongsToAnother(Conflict):
    code = "phone_belongs_to_another"
    title = _("This phone number is on record under another name.")


class PhoneWithdrawn(Conflict):
    """Refusal of a listed number that its person took off the record, or who was erased."""

    code = "phone_withdrawn"
    title = _("They took this number off the record. They can join by themselves.")


class ConsentRequired(Forbidden):
    """Refusal of an act that needs consent; ``purpose`` says what for."""

    code = "consent_required"
    title = _("This needs your consent first.")


class ConsentVersionUnknown(Conflict):
    """Refusal of another version than today's, which is ``version``."""

    code = "consent_version_unknown"
    title = _("The text has changed meanwhile; please read it again.")


class PhoneUnsupported(Invalid):
    code = "phone_unsupported"
    title = _("Only mobile numbers of mainland China can be kept.")


class BornOnIsFinal(Conflict):
    """Refusal to change a birthday: it decides who needs a guardian, so it is told once."""

    code = "born_on_is_final"
    title = _("A birthday once told can not be changed.")


class BornOnImplausible(Invalid):
    code = "born_on_implausible"
    title = _("Nobody here was born on that day.")


class GuardianConsentRequired(Forbidden):
    """Refusal of anything new to children under 14 without a guardian's consent."""

    code = "guardian_consent_required"
    title = _("A parent or guardian has to agree first.")


class GuardianNotNeeded(Conflict):
    code = "guardian_not_needed"
    title = _("Only children under 14 need a guardian's consent.")


class GuardianMustBeAdult(Forbidden):
    code = "guardian_must_be_adult"
    title = _("A guardian is at least 18 years old. Please tell your birthday first.")


class OwnGuardian(Conflict):
    code = "own_guardian"
    title = _("Nobody is their own guardian.")


class GuardianCodeUnknown(NotFound):
    code = "guardian_code_unknown"
    title = _("There is no such code.")


class GuardianCodeUsed(Conflict):
    code = "guardian_code_used"
    title = _("This guardian code has been used.")


class GuardianCodeExpired(Conflict):
    code = "guardian_code_expired"
    title = _("This code has expired. The child can ask for a new one.")


class TooManyAttempts(TooMany):
    """Refusal of a guess at a secret because no try is left; nothing was looked up."""


class PasswordIsSet(Conflict):
    code = "password_is_set"
    title = _("You have a password already. Please log in with it.")


class UsernameTaken(Conflict):
    code = "username_taken"
    title = _("Somebody else logs in under this name.")


class SetupCodeUnknown(NotFound):
    code = "setup_code_unknown"
    title = _("This link to set up the installation is not valid, or a newer one was made.")


class SetupCodeUsed(Conflict):
    code = "setup_code_used"
    title = _("This link has been used. Whoever used it can log in.")


class TextedCodeWrong(Invalid):
    code = "texted_code_wrong"
    title = _("This code is not the one we sent.")


class TextedCodeExpired(Conflict):
    code = "texted_code_expired"
    title = _("This code is no longer good. Ask for another one.")
