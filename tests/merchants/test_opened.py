"""Every row in a list of partners, offers and gifts can be opened, by its readers only."""

from datetime import date, timedelta

import pytest
from django.utils import timezone

from merchants.catalogue.services import fairs
from merchants.catalogue.services import offers as catalogue
from merchants.giving.services import campaigns
from merchants.models import Terms
from merchants.partners.services import invitations
from merchants.partners.services import partnerships as partners


@pytest.fixture
def listed(lake, tea_house, shop, tea, zhao, zhou, wang, grant_points):
    """By its name, a list that has something in it, and who reads it."""
    grant_points(wang, 5)
    partners.agree(
        partnership=tea_house, kind=Terms.Kind.DONATED, valid_from=date(2100, 1, 1), by=zhao
    )
    invitations.invite(merchant=shop, invited_by=zhou, role="clerk")
    catalogue.restock(offer=tea, change=3, reason="到货", by=zhou)
    fairs.announce(
        community=lake,
        title="集市",
        place="广场",
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(days=1),
        partnerships=[tea_house],
        by=zhao,
    )
    campaign = campaigns.open_campaign(community=lake, title="助老", by=zhao)
    campaigns.donate(campaign=campaign, volunteer=wang, amount=5)
    campaigns.disburse(campaign=campaign, amount=4, reason="米", by=zhao)
    campaigns.sponsor(partnership=tea_house, text="水", given_on=lake.today, by=zhao)
    return {
        "terms": (f"partnerships/{tea_house.pk}/terms", zhao),
        "clerks": (f"merchants/{shop.pk}/clerks", zhou),
        "invitations": (f"merchants/{shop.pk}/invitations", zhou),
        "stock": (f"offers/{tea.pk}/stock", zhou),
        "prices": (f"offers/{tea.pk}/prices", zhao),
        "fairs": ("fairs", wang),
        "disbursements": (f"campaigns/{campaign.pk}/disbursements", wang),
        "donations": ("me/donations", wang),
        "sponsorships": ("communities/lake/sponsorships", wang),
    }


@pytest.mark.parametrize(
    "name",
    [
        "terms",
        "clerks",
        "invitations",
        "stock",
        "prices",
        "fairs",
        "disbursements",
        "donations",
        "sponsorships",
    ],
)
def test_what_is_listed_opens_as_it_is_listed(listed, hill, person, logged_in, name):
    address, reader = listed[name]
    phone, stranger = logged_in(reader), logged_in(person("stranger"))

    for row in phone.get(f"/api/v1/{address}").json()["results"]:
        assert phone.get(f"/api/v1/{address}/{row['id']}").json() == row
        assert stranger.get(f"/api/v1/{address}/{row['id']}").status_code == 404
    assert row  # something was listed


def test_a_fair_to_come_is_opened_by_neighbours_merchants_and_staff(
    listed, chen, wang, zhao, logged_in
):
    (fair,) = logged_in(wang).get("/api/v1/fairs").json()["results"]

    for reader in (chen, wang, zhao):
        assert logged_in(reader).get(f"/api/v1/fairs/{fair['id']}").json() == fair
    logged_in(zhao).post(f"/api/v1/fairs/{fair['id']}/cancel", {"reason": "雨"})
    statuses = [
        logged_in(reader).get(f"/api/v1/fairs/{fair['id']}").status_code
        for reader in (chen, wang, zhao)
    ]

    assert statuses == [200, 404, 200]
