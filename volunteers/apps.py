from django.apps import AppConfig

from backend.registries import leaving, volunteering


class VolunteersConfig(AppConfig):
    name = "volunteers"

    def ready(self) -> None:
        from backend.events import planners
        from backend.sampling import subjects
        from points.awards.kinds import register
        from volunteers.attendance import selectors
        from volunteers.attendance.awards import HOURS
        from volunteers.attendance.services import occurrences, sign_ups
        from volunteers.reports.awards import REPORT
        from volunteers.reports.sampled import REPORTS
        from volunteers.teams import services as teams

        register(HOURS)
        register(REPORT)
        subjects.register("report", REPORTS)
        planners.register(occurrences.PLANNER)
        volunteering.answered_by(selectors)
        leaving.heard_by(sign_ups.end_what_runs)
        leaving.heard_by(teams.end_memberships)
