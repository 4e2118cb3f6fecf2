"""Refusals about reports."""

from django.utils.translation import gettext_lazy as _

from backend.errors import Conflict, Forbidden, Invalid


class OwnReport(Forbidden):
    code = "own_report"
    title = _("Nobody closes or voids a report of their own.")


class ReportStatusWrong(Conflict):
    code = "report_status_wrong"
    title = _("This is not possible in the report's present state.")


class CategoryUnknown(Invalid):
    """Refusal of a report in a ``category`` that the community does not have."""

    code = "report_category_unknown"
    title = _("The community has no such category of reports.")


class RewardNotPayable(Conflict):
    """Refusal to pay a reward that is not reserved, or not approved, or frozen, or taken back."""

    code = "reward_not_payable"
    title = _("This reward cannot be paid in its present state.")


class PaidByHand(Conflict):
    code = "reward_paid_by_hand"
    title = _("A payment by hand is on record for this reward.")


class HandPaymentConfirmed(Conflict):
    code = "hand_payment_confirmed"
    title = _("This payment is confirmed; what was paid stays on record.")


class HandPaymentWithdrawn(Conflict):
    code = "hand_payment_withdrawn"
    title = _("This payment was withdrawn.")


class OwnReward(Forbidden):
    code = "own_reward"
    title = _("Nobody decides on the payment of a reward of their own.")


class OwnHandPayment(Forbidden):
    code = "own_hand_payment"
    title = _("Whoever recorded a payment by hand does not confirm it.")


class StaffOnly(Forbidden):
    """Refusal of a decision by somebody who only works on reports of their cell."""

    code = "staff_only"
    title = _("Only staff decide this.")


class OriginalUnknown(Invalid):
    """Refusal of a duplicate of no report of the community, or of the report itself."""

    code = "original_unknown"
    title = _("There is no such other report in this community.")


class ConfidentialityDiffers(Conflict):
    """Refusal of a public duplicate of a confidential report, or the other way round."""

    code = "confidentiality_differs"
    title = _("Of a report and its duplicate, both are confidential or neither is.")


class ReopeningTooLate(Conflict):
    """Refusal after the last day, ``until``, on which the report could be opened again."""

    code = "reopening_too_late"
    title = _("The time in which this report could be opened again is over.")


class AlreadyEarned(Conflict):
    """Refusal of a change of what a reward followed from."""

    code = "already_earned"
    title = _("This report has earned by what it is, so that stays.")


class AssigneeUnfit(Invalid):
    """Refusal of an assignee who is neither staff there nor has a function in its cells."""

    code = "assignee_unfit"
    title = _("This person is neither staff there nor of one of its cells.")


class ClockStatusWrong(Conflict):
    """Refusal of a pause where none is possible, or of its end where there is none."""

    code = "clock_status_wrong"
    title = _("The report's clock is already like that, or none runs any more.")


class NoStreet(Conflict):
    code = "no_street"
    title = _("There is no street above this community.")


class ReferralAnswered(Conflict):
    code = "referral_answered"
    title = _("An answer to this was noted already.")


class WordsNotFound(Invalid):
    """Refusal to take out words that stand nowhere, or only where others may take words out."""

    code = "words_not_found"
    title = _("These words do not stand there.")


class OfficeHoursInvalid(Invalid):
    code = "office_hours_invalid"
    title = _("The office closes before it opens.")


class ReportCodeReused(Conflict):
    """Refusal of a row whose number is another report's."""

    code = "report_code_reused"
    title = _("A report of this number is on record, of somebody else, another day or category.")


class AnswersInvalid(Invalid):
    """Refusal of answers that do not fit the category's questions.

    ``answers`` names the code of each with ``unknown``, ``required`` or ``invalid``.
    """

    code = "answers_invalid"
    title = _("Answers to the questions of this category are missing, or do not fit.")


class TooManyPhotos(Invalid):
    """Refusal of more than ``at_most`` photos of one report."""

    code = "too_many_photos"
    title = _("A report has nine photos at most.")


class BulletinPeriodWrong(Invalid):
    code = "bulletin_period_wrong"
    title = _("A month or quarter begins on its first day.")


class BulletinPeriodRunning(Conflict):
    code = "bulletin_period_running"
    title = _("This period is not over yet.")


class BulletinPublished(Conflict):
    code = "bulletin_published"
    title = _("A published bulletin is not changed; draft its next version.")


class BulletinDrafted(Conflict):
    """Refusal of a second draft for the period of ``bulletin_id``."""

    code = "bulletin_drafted"
    title = _("There is a draft for this period already.")


class OwnBulletin(Forbidden):
    code = "own_bulletin"
    title = _("Nobody publishes a bulletin of their own.")


class OwnComment(Forbidden):
    code = "own_comment"
    title = _("Nobody decides on a comment of their own.")


class OwnConfirmation(Forbidden):
    code = "own_confirmation"
    title = _("Nobody confirms a report of their own.")


class ReportScreened(Conflict):
    """Refusal of the release of a report that is not held back."""

    code = "report_screened"
    title = _("This report is not held back.")


class CategoryKnown(Conflict):
    code = "report_category_known"
    title = _("The community has a category of this code.")


class CategoryInItself(Invalid):
    code = "category_in_itself"
    title = _("A category is not below itself.")


class GroupCodeTaken(Conflict):
    code = "group_code_taken"
    title = _("There is another group of this code, or a kind of volunteers.")


class GroupDaysWrong(Invalid):
    code = "group_days_wrong"
    title = _("The last day is before the first.")


class InAnotherGroup(Conflict):
    code = "in_another_group"
    title = _("They are in a group on some of these days; nobody is in two.")


class NotADispute(Conflict):
    code = "not_a_dispute"
    title = _("Only disputes are mediated.")


class MediationEnded(Conflict):
    code = "mediation_ended"
    title = _("This mediation has ended.")


class MediationWithoutSession(Conflict):
    code = "mediation_without_session"
    title = _("No session with the parties is on record yet.")


class SurveyAnswered(Conflict):
    code = "survey_answered"
    title = _("You have answered this already.")


class PatrolUnderWay(Conflict):
    code = "patrol_under_way"
    title = _("You are on a patrol already; end that one first.")


class PatrolEnded(Conflict):
    code = "patrol_ended"
    title = _("This patrol has ended with other figures.")


class PatrolPhotosFull(Conflict):
    """A patrol has as many photos as it may, ``at_most``."""

    code = "patrol_photos_full"
    title = _("This patrol has as many photos as it may have.")


class OutcomeUnknown(Invalid):
    """Refusal of an ``outcome`` that the community does not count."""

    code = "outcome_unknown"
    title = _("The community does not count this on patrols.")


class ReportNotOnPatrol(Conflict):
    code = "report_not_on_patrol"
    title = _("This report was not made on this patrol.")


class InspectionPlanned(Conflict):
    code = "inspection_planned"
    title = _("Inspections are planned on this series already.")


class InspectionOver(Conflict):
    code = "inspection_over"
    title = _("This inspection was made already, with another outcome, or cancelled.")


class ItemUnknown(Invalid):
    """Refusal of a problem with an ``item`` that is not looked at there."""

    code = "item_unknown"
    title = _("This is not among what is looked at in this inspection.")
