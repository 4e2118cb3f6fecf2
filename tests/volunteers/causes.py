"""What causes each kind of notice to volunteers: tests/backend/test_notice_kinds.py."""

from volunteers.models import Volunteer
from volunteers.people.services import joining


def join_approved(lake, zhao, person):
    asked, _ = joining.join(user=person("new"), community=lake, kind=Volunteer.Kind.RESIDENT)
    joining.approve(join_request=asked, decided_by=zhao)
    return asked.user


def join_rejected(lake, zhao, person):
    asked, _ = joining.join(user=person("new"), community=lake, kind=Volunteer.Kind.RESIDENT)
    joining.reject(join_request=asked, decided_by=zhao, reason="不住本社区")
    return asked.user
