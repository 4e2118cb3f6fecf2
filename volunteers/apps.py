from django.apps import AppConfig

from backend.registries import leaving, merging, volunteering


class VolunteersConfig(AppConfig):
    name = "volunteers"

    def ready(self) -> None:
        from backend.events import planners
        from backend.outbox import kinds
        from backend.payouts import subjects as payouts
        from backend.sampling import subjects
        from backend.wechat import push
        from points.awards.kinds import register
        from volunteers import imported
        from volunteers import merging as theirs
        from volunteers.attendance import selectors
        from volunteers.attendance.awards import HOURS
        from volunteers.attendance.services import occurrences, sign_ups
        from volunteers.people.services import cells
        from volunteers.reports.awards import CONFIRMATION, REPORT
        from volunteers.reports.sampled import REPORTS
        from volunteers.reports.services import inspecting, red_packets, screening
        from volunteers.teams import services as teams

        imported.register_all()
        merging.register(finds=theirs.conflicts, counts=theirs.counted, moves=theirs.move)
        register(HOURS)
        register(REPORT)
        kinds.register("screening", screening.SCREENING)
        push.hear("wxa_media_check", screening.hear)
        register(CONFIRMATION)
        subjects.register("report", REPORTS)
        payouts.register("reward", red_packets.KIND)
        planners.register(occurrences.PLANNER)
        planners.register(inspecting.PLANNER)
        volunteering.answered_by(selectors)
        leaving.heard_by(sign_ups.end_what_runs)
        leaving.heard_by(teams.end_memberships)
        leaving.heard_by(cells.end_memberships)
