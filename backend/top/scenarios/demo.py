"""The demo community: a year at 碧沙湖, people who can log in, and something to do today."""

import json
import os
import secrets
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path

from allauth.mfa.totp.internal.auth import generate_totp_secret
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.hashers import check_password, is_password_usable, make_password
from django.db import transaction

from backend.accounts import mfa
from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.accounts.services.people import UNION, WECHAT
from backend.communities.models import Community, Role
from backend.communities.selectors import tenants
from backend.communities.services import roles
from backend.environment import write_private
from backend.top.scenarios.replay import Event, Replay, ScenarioError
from merchants import demo as trade
from merchants.models import Merchant, MerchantMember, Statement
from merchants.partners.services import partnerships as partners
from points.expiry import services as expiry
from points.rules import services as rules
from volunteers import demo as volunteering

# Another folder may be named, for a demo that is up sooner (docs/scenarios.md).
SCENARIO = Path(os.environ.get("LINLI_DEMO_SCENARIO") or Path(__file__).parent / "bishahu")
CODE = "bishahu"
# The scenario has no reports; a report verified later needs a rule, even one of 0 points.
REPORT_RULES = {
    "reports": {
        "hazard": {"reward_points": 20},
        "environment": {"reward_points": 10},
        "facility": {"reward_fen": 2_000, "fund": volunteering.FUND},
        "*": {"reward_points": 0},
    }
}
FIRST_DAY = date(2024, 1, 1)
OWNERS_OPENID = "o6_demo_owner"
UNIONID = "union-o6_demo_{}"  # of each, by the username, at the stand-in for WeChat
# Username, the phone under which the scenario knows them or else their name, what they are.
CAST = (
    ("volunteer", "19900000001", "resident volunteer 居民志愿者"),
    ("rider", "19900000003", "volunteer who reports 志愿者"),
    ("staff", "社工小赵", "community staff 社工"),
    ("manager", "钱书记", "community manager 书记"),
    ("auditor", "孙审计", "auditor 审计"),
    ("clerk", "店员小陈", "clerk of 餐饮合伙人01 店员"),
    ("owner", "周老板", "owner of 餐饮合伙人01 商户负责人"),
)
ROLES = {"staff": Role.STAFF, "manager": Role.MANAGER, "auditor": Role.AUDITOR}


def load(
    *,
    home: Path,
    tell: Callable[[str], object],
    watch: Callable[[list[Event]], Iterator[Event]],
) -> None:
    """Load what is missing, and write ``home/demo.json`` with the log-ins.

    Idempotent, but for a shift that is planned if none is open. Password and authenticator secrets
    are made once for each home; if that file is lost, everybody gets new ones. Raises ScenarioError
    in a database where others have the usernames of the cast.
    """
    with transaction.atomic():
        community = tenants().filter(code=CODE).first()
        is_new = community is None
        if community is None:
            _leave_real_people_alone()
            community = _year(tell, watch)
    path = home / "demo.json"
    kept = json.loads(path.read_bytes()) if path.exists() else {"users": []}
    password = kept.get("password") or secrets.token_urlsafe(12)
    known = {user["username"]: user.get("totp_secret") for user in kept["users"]}
    totp_secrets = {
        username: known.get(username) or generate_totp_secret()
        for username, role in ROLES.items()
        if role in roles.OWES_SECOND_FACTOR
    }
    with transaction.atomic():
        people = {username: _person(username, known_as, password) for username, known_as, _ in CAST}
        for username, role in ROLES.items():
            roles.give(user=people[username], community=community, role=role)
            if username in totp_secrets:
                mfa.hand_out(
                    user=people[username],
                    secret=totp_secrets[username],
                    anew=not known.get(username),
                )
        shop = Merchant.objects.get(
            partnerships__community=community, partnerships__name="餐饮合伙人01"
        )
        partners.employ(merchant=shop, user=people["clerk"], role=MerchantMember.Role.CLERK)
        partners.employ(merchant=shop, user=people["owner"], role=MerchantMember.Role.OWNER)
        rules.publish_all(community=community, written=REPORT_RULES, valid_from=FIRST_DAY)
        volunteer, rider, staff = (people[one] for one in ("volunteer", "rider", "staff"))
        shift = volunteering.shift_today(community, volunteer, staff)
        series = volunteering.people_at_work(community, volunteer, rider, staff)
        volunteering.reports_on_their_way(community, rider, staff, people["manager"])
        # As if the owner had opened the mini-program once: the stand-in for WeChat Pay pays there.
        # The stand-in for WeChat knows all of them.
        for username, person in people.items():
            unionid = UNIONID.format(username)
            SocialAccount.objects.get_or_create(provider=UNION, uid=unionid, user=person)
        SocialAccount.objects.get_or_create(
            user=people["owner"], provider=WECHAT, defaults={"uid": OWNERS_OPENID}
        )
        if is_new and shift:
            partnership = shop.partnerships.get(community=community)
            trade.give_and_take(partnership, shift.activity_id, series, people)
    content = {
        "community": CODE,
        "password": password,
        "users": [
            {"username": username, "name": people[username].name, "role": role}
            | ({"totp_secret": totp_secrets[username]} if username in totp_secrets else {})
            for username, _, role in CAST
        ],
    }
    home.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps(content, ensure_ascii=False, indent=2))


def _leave_real_people_alone() -> None:
    """Raise ScenarioError if real people have usernames that would get the demo's password."""
    cast = [username for username, _, _ in CAST]
    taken = User.objects.filter(username__in=cast).order_by("username")
    if names := ", ".join(taken.values_list("username", flat=True)):
        raise ScenarioError(f"This database is in use: it has people called {names}. No demo here.")


def _year(
    tell: Callable[[str], object], watch: Callable[[list[Event]], Iterator[Event]]
) -> Community:
    tell(f"Playing the year in {SCENARIO}.")
    replay = _LastingYear(SCENARIO, code=CODE, tell=tell, watch=watch)
    replay.play()
    today = replay.community.today
    expiry.set_policy(
        community=replay.community,
        kind=expiry.Kind.END_OF_NEXT_YEAR,
        valid_from=today,
    )
    return replay.community


class _LastingYear(Replay):
    """A year whose points do not expire, since it is long over, and visitors want to spend them.

    December's statements wait for a visitor to approve them.
    """

    def _found_community(self) -> None:
        super()._found_community()
        expiry.set_policy(
            community=self.community, kind=expiry.Kind.NEVER, valid_from=date(2000, 1, 1)
        )

    def _pay(self, statements: list[Statement], *, is_last: bool) -> None:
        if not is_last:
            super()._pay(statements, is_last=is_last)


def _person(username: str, known_as: str, password: str) -> User:
    """Return a person of the cast, able to log in; people of the scenario get a username."""
    user = (
        User.objects.filter(username=username).first()
        or User.objects.filter(phone_digest=digest(known_as)).first()
        or User(name=known_as)
    )
    user.username = username
    if not _is_that(password, user.password):
        user.password = _hashed(password)
    user.save()
    return user


# A hash takes a third of a second; the cast share their password, so they share its hash as well.
@cache
def _hashed(password: str) -> str:
    return make_password(password)


@cache
def _is_that(password: str, encoded: str) -> bool:
    is_one = bool(encoded) and is_password_usable(encoded)  # of others a hash is made all the same
    return is_one and check_password(password, encoded)
