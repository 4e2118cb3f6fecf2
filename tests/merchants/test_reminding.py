"""Volunteers are reminded of a voucher some hours before it expires, once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from backend.notices.models import Notice
from backend.notices.words import words
from merchants.models import Redemption
from merchants.redemption.services import reminding
from merchants.redemption.services import vouchers as redemption
from merchants.redemption.tasks import sweep_expiring_vouchers
from tests.cast import tell

SOON, DAY = timedelta(hours=2), timedelta(days=1)


@pytest.fixture
def voucher(tea, wang, grant_points):
    """A voucher of yesterday: ``voucher(expires_in=SOON)``."""

    def take(expires_in=SOON, taken_ago=DAY, **facts):
        grant_points(wang, tea.price_points)
        taken = redemption.take(offer=tea, volunteer=wang)
        now = timezone.now()
        Redemption.objects.filter(pk=taken.pk).update(
            taken_at=now - taken_ago, expires_at=now + expires_in, **facts
        )
        taken.refresh_from_db()
        return taken

    return take


def told():
    return Notice.objects.filter(kind="voucher_expiring")


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_a_voucher_is_told_of_once_before_it_expires(voucher, wang, lake):
    taken = voucher()

    assert sweep_expiring_vouchers() == {"queued": 1}
    assert sweep_expiring_vouchers() == {"queued": 0}
    assert tell(told().get())
    assert sweep_expiring_vouchers() == {"queued": 0}

    notice = told().get()
    assert (notice.recipient, notice.target_id, notice.stale_at) == (
        wang,
        taken.pk,
        taken.expires_at,
    )
    until = taken.expires_at.astimezone(lake.clock)
    assert f"“一壶茶”（茶馆）：请在 {until:%Y-%m-%d %H:%M} 前到店出示" in words(notice)[1]


@pytest.mark.usefixtures("_tasks_run_at_once")
@pytest.mark.parametrize(
    "facts",
    [
        {"expires_in": timedelta(hours=4)},
        {"expires_in": -timedelta(minutes=1)},
        {"taken_ago": timedelta(hours=1)},  # they have it in mind
        {"cancel_asked_at": timezone.now(), "offline_until": timezone.now() + DAY},
    ],
    ids=["later", "over", "just taken", "to be cancelled"],
)
def test_a_voucher_that_needs_no_reminder_gets_none(voucher, facts):
    voucher(**facts)

    sweep_expiring_vouchers()

    assert not told().exists()


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_a_used_voucher_is_not_told_of(voucher, tea_house, chen):
    redemption.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=voucher().code)

    sweep_expiring_vouchers()

    assert not told().exists()


def test_a_reminder_is_worthless_once_the_voucher_has_expired(voucher, lake):
    voucher()
    reminding.remind(community=lake)
    told().update(stale_at=timezone.now())

    assert not tell(told().get())


def test_a_community_reminds_its_own_volunteers_alone(voucher, hill):
    voucher()

    assert reminding.remind(community=hill) == 0
    assert not told().exists()


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_tell_once(voucher, lake, at_once):
    voucher()

    at_once(2, lambda _: reminding.remind(community=lake))

    assert told().count() == 1
