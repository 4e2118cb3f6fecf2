"""What causes each kind of notice about merchants: tests/backend/test_notice_kinds.py."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from backend.communities.models import Role
from backend.communities.services import roles
from backend.outbox import services as outbox
from backend.webhooks import services as webhooks
from backend.webhooks.models import Delivery
from merchants.catalogue.services import fairs
from merchants.giving.services import wishes
from merchants.models import Redemption
from merchants.partners.services import partnerships
from merchants.redemption import tasks as redemption_tasks
from merchants.redemption.services import cards, refunds, vouchers
from merchants.settlement import tasks as settlement_tasks
from merchants.settlement.services import questions, statements


# --- wishes -----------------------------------------------------------------------------------
def _published(lake, wang, zhao, grant_points):
    grant_points(wang, 100)
    wish = wishes.propose(volunteer=wang, community=lake, text="孩子的自行车")
    return wishes.decide(wish=wish, accept=True, price_points=80, by=zhao)


def wish_published(lake, wang, zhao, grant_points):
    _published(lake, wang, zhao, grant_points)
    return wang


def wish_rejected(lake, wang, zhao):
    wish = wishes.propose(volunteer=wang, community=lake, text="火箭")
    wishes.decide(wish=wish, accept=False, by=zhao, reason="太贵")
    return wang


def wish_adopted_by_shop(lake, wang, zhao, grant_points, tea_house, zhou):
    wish = _published(lake, wang, zhao, grant_points)
    wishes.adopt_as_merchant(wish=wish, partnership=tea_house, by=zhou)
    return wang


def wish_adopted_by_neighbour(lake, wang, li, zhao, grant_points):
    wishes.adopt_as_donor(wish=_published(lake, wang, zhao, grant_points), donor=li)
    return wang


def wish_open_again(lake, wang, li, zhao, grant_points):
    wish = wishes.adopt_as_donor(wish=_published(lake, wang, zhao, grant_points), donor=li)
    wishes.release(wish=wish, by=li)
    return wang


def wish_thanked(lake, wang, zhao, grant_points, tea_house, zhou, chen):
    wish = _published(lake, wang, zhao, grant_points)
    wish = wishes.adopt_as_merchant(wish=wish, partnership=tea_house, by=zhou)
    vouchers.scan(merchant_id=tea_house.merchant_id, clerk=chen, code=wish.redemption.code)
    wishes.thank(wish=wish, text="谢谢")
    return zhou


# --- vouchers ---------------------------------------------------------------------------------
def _redeemed(lake, wang, chen, tea, grant_points, moment="2024-03-05 10:00"):
    then = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(lake.timezone))
    grant_points(wang, tea.price_points)
    voucher = vouchers.take(offer=tea, volunteer=wang, now=then)
    vouchers.scan(merchant_id=tea.partnership.merchant_id, clerk=chen, code=voucher.code, now=then)
    voucher.refresh_from_db()
    return voucher


def redemption_refunded(lake, wang, chen, zhao, tea, grant_points):
    taken = _redeemed(lake, wang, chen, tea, grant_points)
    refunds.refund(redemption=taken, refunded_by=zhao, reason="凉了", quantity=1, is_late=True)
    return wang


def card_issued(lake, wang, zhao):
    cards.issue(community=lake, volunteer_id=wang.pk, by=zhao)
    return wang


def card_blocked(lake, wang, zhao):
    cards.block(card=cards.issue(community=lake, volunteer_id=wang.pk, by=zhao), by=zhao)
    return wang


def voucher_expiring(wang, tea, grant_points, _tasks_run_at_once):
    grant_points(wang, tea.price_points)
    voucher = vouchers.take(offer=tea, volunteer=wang)
    Redemption.objects.filter(pk=voucher.pk).update(
        taken_at=timezone.now() - timedelta(hours=22),
        expires_at=timezone.now() + timedelta(hours=2),
    )
    redemption_tasks.sweep_expiring_vouchers()
    return wang


# --- partners ---------------------------------------------------------------------------------
def partnership_asked(hill, tea_house, zhou, person):
    sun = person("sun", "孙社工")
    roles.give(user=sun, community=hill, role=Role.STAFF)
    partnerships.consider(
        community=hill, name="茶馆", trade="餐饮", by=sun, merchant_id=tea_house.merchant_id
    )
    return zhou


def webhook_switched_off(lake, tea_house, zhou, settings):
    settings.WEBHOOK_ALLOWED = ["127.0.0.1:9"]
    endpoint, _ = webhooks.create(
        owner_id=tea_house.merchant_id, url="https://127.0.0.1:9/hook", by=zhou
    )
    ping = webhooks.ping(endpoint=endpoint, community_id=lake.pk)
    Delivery.objects.filter(pk=ping.pk).update(attempts=9, next_at=timezone.now())
    outbox.attempt("webhook", community_id=lake.pk, pk=ping.pk)
    return zhou


# --- fairs ------------------------------------------------------------------------------------
def _announced(lake, tea_house, zhao):
    starts_at = timezone.now() + timedelta(days=3)
    return fairs.announce(
        community=lake,
        title="九九便民集市",
        place="广场",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=3),
        partnerships=[tea_house],
        by=zhao,
    )


def fair_reminder(lake, tea_house, zhou, zhao):
    _announced(lake, tea_house, zhao)
    return zhou


def fair_moved(lake, tea_house, zhou, zhao):
    fair = _announced(lake, tea_house, zhao)
    fairs.change(fair=fair, by=zhao, changes={"ends_at": fair.ends_at + timedelta(hours=1)})
    return zhou


def fair_cancelled(lake, tea_house, zhou, zhao):
    fairs.cancel(fair=_announced(lake, tea_house, zhao), by=zhao, reason="下雪")
    return zhou


# --- statements -------------------------------------------------------------------------------
def _drafted(lake, wang, chen, tea, grant_points):
    _redeemed(lake, wang, chen, tea, grant_points)
    (statement,) = statements.draft(
        community=lake, period_start=date(2024, 3, 1), period_end=date(2024, 4, 1)
    )
    return statement


def statement_drafted(lake, wang, zhou, chen, tea, grant_points):
    _drafted(lake, wang, chen, tea, grant_points)
    return zhou


def _asked(statement, by):
    line = statement.redemptions.get()
    return questions.ask(statement=statement, line_id=line.pk, reason="一壶？", asked_by=by)


def statement_asked(lake, wang, zhao, zhou, chen, tea, grant_points):
    _asked(_drafted(lake, wang, chen, tea, grant_points), zhao)
    return zhou


def statement_answered(lake, wang, zhao, zhou, chen, tea, grant_points):
    asked = _asked(_drafted(lake, wang, chen, tea, grant_points), zhao)
    questions.answer(question=asked, answer="一壶", answered_by=zhou)
    return zhao


def statement_paid(lake, wang, zhao, zhou, chen, tea, grant_points, person):
    statement = _drafted(lake, wang, chen, tea, grant_points)
    statements.approve(statement=statement, approver=person("sun"))
    statements.mark_paid(statement=statement, payer=zhao)
    return zhou


def merchant_month(lake, wang, zhou, chen, tea, grant_points):
    _redeemed(lake, wang, chen, tea, grant_points)
    settlement_tasks.tell_month(str(lake.pk), "2024-04-01")
    return zhou
