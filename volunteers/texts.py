"""Notices to volunteers."""

from django.utils.translation import gettext_lazy as _

from backend.notices import targets
from backend.notices.kinds import Kind, register

targets.register(
    join_request="join-requests/{id}",
)

register(
    reward_paid=Kind(
        _("Your reward has arrived"),
        _("%(community)s paid you %(yuan)s yuan for what you reported. Thank you."),
    ),
    reward_waiting=Kind(
        _("Your reward waits for money"),
        _("%(community)s owes you %(yuan)s yuan; the fund is empty, and you keep your place."),
    ),
    reward_unclaimed=Kind(
        _("Your reward went back"),
        _(
            "%(yuan)s yuan of %(community)s were not confirmed in WeChat within a day. Ask for them"
            " again among your rewards."
        ),
    ),
    shift_reminder=Kind(
        _("Your shift begins soon"),
        _("%(activity)s, %(begins)s at %(place)s. Please check in when you arrive."),
    ),
    shift_moved=Kind(
        _("Your shift was moved"),
        _("%(activity)s now begins %(begins)s at %(place)s. Cancel if you cannot come."),
    ),
    shift_cancelled=Kind(
        _("Your shift was cancelled"),
        _("%(activity)s, %(begins)s at %(place)s, does not take place: %(reason)s"),
    ),
    waiting_promoted=Kind(
        _("You have a place now"),
        _("%(activity)s, %(begins)s at %(place)s: a place became free. Cancel if you cannot come."),
    ),
    waiting_passed_over=Kind(
        _("You are off a waiting list"),
        _(
            "A place became free in %(activity)s, %(begins)s, but you have another shift then, or"
            " a guardian's consent is missing. So you are off its waiting list."
        ),
    ),
    waiting_moved=Kind(
        _("A shift that you wait for was moved"),
        _("%(activity)s now begins %(begins)s at %(place)s. You are still on its waiting list."),
    ),
    call_out=Kind(
        _("People are wanted"),
        _(
            "%(activity)s, %(begins)s at %(place)s: %(message)s Sign up; whoever is first has a"
            " place, the others wait for one."
        ),
    ),
    check_out_forgotten=Kind(
        _("You did not check out"),
        _("%(activity)s, %(begins)s: you were checked out at its end, for somebody to look at."),
    ),
    no_show=Kind(
        _("You were missed"),
        _("%(activity)s, %(begins)s: you signed up, but did not check in. Appeal if you came."),
    ),
    join_approved=Kind(
        _("You are a volunteer now"),
        _("%(community)s has taken you in. See which shifts need you."),
        opens="join_request",
    ),
    join_rejected=Kind(
        _("Your request to join was not accepted"),
        _("%(community)s says: %(reason)s"),
        opens="join_request",
    ),
    hours_verified=Kind(
        _("Hours of yours were verified"),
        _("%(activity)s, %(begins)s: %(minutes)s minutes, %(points)s points."),
    ),
    hours_published=Kind(
        _("Hours of yours are public"),
        _("%(activity)s, %(begins)s: %(minutes)s minutes. They count when nobody objects in time."),
    ),
    hours_rejected=Kind(
        _("Hours of yours were rejected"),
        _("%(activity)s, %(begins)s: %(reason)s. You may appeal once."),
    ),
    hours_corrected=Kind(
        _("Times of yours were corrected"),
        _("%(activity)s, %(begins)s: now %(minutes)s minutes, because: %(reason)s"),
    ),
    appeal_upheld=Kind(
        _("Your appeal was upheld"),
        _("%(activity)s, %(begins)s: %(reason)s. The hours are looked at again."),
    ),
    appeal_dismissed=Kind(
        _("Your appeal was dismissed"),
        _("%(activity)s, %(begins)s: %(reason)s"),
    ),
    objection_upheld=Kind(
        _("Your objection was upheld"),
        _("%(activity)s, %(begins)s: %(reason)s"),
    ),
    objection_dismissed=Kind(
        _("Your objection was dismissed"),
        _("%(activity)s, %(begins)s: %(reason)s"),
    ),
    hours_voided=Kind(
        _("Hours of yours were voided"),
        _("%(activity)s, %(begins)s: %(reason)s. What they earned is taken back."),
    ),
    report_held=Kind(
        _("A report waits for you to read it"),
        _(
            "WeChat's safety check did not pass a report of %(begins)s, or could not judge it."
            " Nobody else sees it until you release it."
        ),
    ),
    report_voided=Kind(
        _("A report of yours was voided"),
        _("Your report of %(begins)s: %(reason)s. What it earned is taken back."),
    ),
    report_accepted=Kind(
        _("A report of yours was accepted"),
        _("Your report of %(begins)s is being dealt with."),
    ),
    report_made_safe=Kind(
        _("What you reported was made safe"),
        _("Your report of %(begins)s: it can do no more harm, and will be put right."),
    ),
    report_fixed=Kind(
        _("What you reported was put right"),
        _("Your report of %(begins)s: somebody will look at it once more, and close it."),
    ),
    report_closed=Kind(
        _("A report of yours was closed"),
        _("Your report of %(begins)s was dealt with. Thank you! Read the answer in it."),
    ),
    report_rejected=Kind(
        _("A report of yours was not confirmed"),
        _("Your report of %(begins)s: read in it why. You may have it opened again."),
    ),
    report_duplicate=Kind(
        _("What you reported was known already"),
        _("Your report of %(begins)s is followed together with an earlier one."),
    ),
    report_not_ours=Kind(
        _("A report of yours is for others"),
        _("Your report of %(begins)s: read in it who looks after this."),
    ),
    report_reopened=Kind(
        _("A report of yours was opened again"),
        _("Your report of %(begins)s is looked at once more. Read in it why."),
    ),
    report_confirmed_closed=Kind(
        _("A report that you confirmed was closed"),
        _("The report of %(begins)s was dealt with. Thank you for confirming it!"),
    ),
    report_confirmed_ended=Kind(
        _("A report that you confirmed has ended"),
        _("The report of %(begins)s was not confirmed, was known already, or is for others."),
    ),
    report_commented=Kind(
        _("Somebody wrote about a report"),
        _("There is a new comment on the report of %(begins)s."),
    ),
    report_assigned=Kind(
        _("A report is yours to deal with"),
        _("The report of %(begins)s was given to you."),
    ),
    report_escalated=Kind(
        _("A report is overdue"),
        _("The next step of the report of %(begins)s was due by %(due)s. Please see to it."),
    ),
    report_forwarded=Kind(
        _("A report was passed on to the street"),
        _("A community passes the report of %(begins)s on to you."),
    ),
    contribution_recorded=Kind(
        _("Thank you for what you gave"),
        _("%(community)s recorded your %(what)s. Say whether it may thank you in public."),
    ),
    inspection_overdue=Kind(
        _("An inspection is overdue"),
        _("%(place)s was to be looked at by %(begins)s."),
    ),
    report_survey=Kind(
        _("How was it dealt with?"),
        _("What was reported %(begins)s is dealt with. Give it 1 to 5, and words if you like."),
    ),
    team_accepted=Kind(
        _("You belong to the team %(team)s now"),
        _("%(team)s has taken you in. See which of its shifts need you."),
    ),
    team_rejected=Kind(
        _("Your request to join a team was not accepted"),
        _("%(team)s says: %(reason)s"),
    ),
    team_removed=Kind(
        _("You no longer belong to the team %(team)s"),
        _("%(team)s says: %(reason)s"),
    ),
    team_dissolved=Kind(
        _("The team %(team)s was dissolved"),
        _("%(team)s no longer exists: %(reason)s. Hours and points stay yours."),
    ),
)
