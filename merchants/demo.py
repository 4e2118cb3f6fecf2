"""What the demo community shows of merchants, beside the year that is over."""

from datetime import datetime, time, timedelta
from uuid import UUID

from backend.accounts.models import User
from merchants.catalogue.services import fairs
from merchants.giving.services import campaigns as causes
from merchants.partners.models.lists import ListEntry
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import lists


def give_and_take(partnership: Partnership, activity_id: UUID, people: dict[str, User]) -> None:
    """What volunteers and a merchant give each other and the community, and a fair to come."""
    community, staff, owner = partnership.community, people["staff"], people["owner"]
    cause = causes.open_cause(
        community=community, title="独居老人送餐", description="每周三一次热饭", by=staff
    )
    causes.give(cause=cause, volunteer=people["rider"], amount=10)
    causes.spend(cause=cause, amount=4, words="米和油", by=staff)
    causes.sponsor(
        partnership=partnership, words="重阳节长寿面五十份", given_on=community.today, by=staff
    )
    need, _ = (
        lists.add(partnership=partnership, kind=kind, title=title, description="", by=owner)
        for kind, title in (
            (ListEntry.Kind.NEED, "店门口非机动车摆放"),
            (ListEntry.Kind.RESOURCE, "周一下午的包间"),
        )
    )
    lists.match(entry=need, activity_id=activity_id, by=staff)
    day = community.today + timedelta(days=19)
    start = datetime.combine(day, time(9), tzinfo=community.clock)
    fairs.announce(
        community=community,
        title="九九便民集市",
        place="社区广场",
        starts_at=start,
        ends_at=start + timedelta(hours=4),
        partnerships=[partnership],
        by=staff,
    )
