"""Notices to volunteers."""

from django.utils.translation import gettext_lazy as _

from backend.notices.texts import register

register(
    shift_reminder=(
        _("Your shift begins soon"),
        _("%(activity)s, %(begins)s at %(place)s. Please check in when you arrive."),
    ),
    shift_moved=(
        _("Your shift was moved"),
        _("%(activity)s now begins %(begins)s at %(place)s. Cancel if you cannot come."),
    ),
    shift_cancelled=(
        _("Your shift was cancelled"),
        _("%(activity)s, %(begins)s at %(place)s, does not take place: %(reason)s"),
    ),
    waiting_promoted=(
        _("You have a place now"),
        _("%(activity)s, %(begins)s at %(place)s: a place became free. Cancel if you cannot come."),
    ),
    waiting_passed_over=(
        _("You are off a waiting list"),
        _(
            "A place became free in %(activity)s, %(begins)s, but you have another shift then, or"
            " a guardian's consent is missing. So you are off its waiting list."
        ),
    ),
    waiting_moved=(
        _("A shift that you wait for was moved"),
        _("%(activity)s now begins %(begins)s at %(place)s. You are still on its waiting list."),
    ),
    call_out=(
        _("People are wanted"),
        _(
            "%(activity)s, %(begins)s at %(place)s: %(message)s Sign up; whoever is first has a"
            " place, the others wait for one."
        ),
    ),
    check_out_forgotten=(
        _("You did not check out"),
        _("%(activity)s, %(begins)s: you were checked out at its end, for somebody to look at."),
    ),
    no_show=(
        _("You were missed"),
        _("%(activity)s, %(begins)s: you signed up, but did not check in. Appeal if you came."),
    ),
    join_approved=(
        _("You are a volunteer now"),
        _("%(community)s has taken you in. See which shifts need you."),
    ),
    join_rejected=(
        _("Your request to join was not accepted"),
        _("%(community)s says: %(reason)s"),
    ),
    hours_verified=(
        _("Hours of yours were verified"),
        _("%(activity)s, %(begins)s: %(minutes)s minutes, %(points)s points."),
    ),
    hours_published=(
        _("Hours of yours are public"),
        _("%(activity)s, %(begins)s: %(minutes)s minutes. They count when nobody objects in time."),
    ),
    hours_rejected=(
        _("Hours of yours were rejected"),
        _("%(activity)s, %(begins)s: %(reason)s. You may appeal once."),
    ),
    hours_corrected=(
        _("Times of yours were corrected"),
        _("%(activity)s, %(begins)s: now %(minutes)s minutes, because: %(reason)s"),
    ),
    appeal_upheld=(
        _("Your appeal was upheld"),
        _("%(activity)s, %(begins)s: %(reason)s. The hours are looked at again."),
    ),
    appeal_dismissed=(
        _("Your appeal was dismissed"),
        _("%(activity)s, %(begins)s: %(reason)s"),
    ),
    objection_upheld=(
        _("Your objection was upheld"),
        _("%(activity)s, %(begins)s: %(reason)s"),
    ),
    objection_dismissed=(
        _("Your objection was dismissed"),
        _("%(activity)s, %(begins)s: %(reason)s"),
    ),
    hours_voided=(
        _("Hours of yours were voided"),
        _("%(activity)s, %(begins)s: %(reason)s. What they earned is taken back."),
    ),
    report_voided=(
        _("A report of yours was voided"),
        _("Your report of %(begins)s: %(reason)s. What it earned is taken back."),
    ),
    team_accepted=(
        _("You belong to the team %(team)s now"),
        _("%(team)s has taken you in. See which of its shifts need you."),
    ),
    team_rejected=(
        _("Your request to join a team was not accepted"),
        _("%(team)s says: %(reason)s"),
    ),
    team_removed=(
        _("You no longer belong to the team %(team)s"),
        _("%(team)s says: %(reason)s"),
    ),
    team_dissolved=(
        _("The team %(team)s was dissolved"),
        _("%(team)s no longer exists: %(reason)s. Hours and points stay yours."),
    ),
)
