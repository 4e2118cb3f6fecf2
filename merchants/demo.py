"""Demo data of merchants, beside the replayed year."""

from datetime import datetime, time, timedelta
from uuid import UUID

from backend.accounts.models import User
from backend.events.models import Series
from merchants.catalogue.services import fairs
from merchants.giving.services import campaigns
from merchants.partners.models.listings import Listing
from merchants.partners.models.partnerships import Partnership
from merchants.partners.services import listings


def give_and_take(
    partnership: Partnership, activity_id: UUID, series: Series, people: dict[str, User]
) -> None:
    """Make gifts, matches and donations between volunteers and a merchant, and coming fairs."""
    community, staff, owner = partnership.community, people["staff"], people["owner"]
    campaign = campaigns.open_campaign(
        community=community, title="独居老人送餐", description="每周三一次热饭", by=staff
    )
    campaigns.donate(campaign=campaign, volunteer=people["rider"], amount=10)
    campaigns.disburse(campaign=campaign, amount=4, reason="米和油", by=staff)
    campaigns.sponsor(
        partnership=partnership, text="重阳节长寿面五十份", given_on=community.today, by=staff
    )
    need, _ = (
        listings.add(partnership=partnership, kind=kind, title=title, description="", by=owner)
        for kind, title in (
            (Listing.Kind.NEED, "店门口非机动车摆放"),
            (Listing.Kind.RESOURCE, "周一下午的包间"),
        )
    )
    listings.match(listing=need, activity_id=activity_id, by=staff)
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
    fairs.set_stalls(series=series, partnerships=[partnership], by=staff)
