"""A code that a person types or pastes is the one on paper, at every door that takes a code."""

import unicodedata
from uuid import uuid4

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.utils import timezone
from rest_framework.test import APIClient

from backend.accounts import mfa
from backend.accounts.models import User
from backend.accounts.purposes import GUARDIAN_TEXT
from backend.accounts.services import guardians
from backend.codes import ALPHABET, as_made, is_code, new_code
from backend.communities.models import Role
from backend.communities.services import places, roles
from merchants.models import MerchantMember, Offer, Redemption, ScanAttempt
from merchants.partners.services import invitations
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import pay_codes, shop_codes, voucher_tokens
from merchants.redemption.services import vouchers as redemption
from tests.cast import PASSWORD
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of


def wide(code):
    """As a Chinese keyboard types it."""
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in code)


# How one code comes through keyboards, clipboards, chat programs and PDF readers.
WAYS = {
    "lower case": str.lower,
    "full width": wide,
    "full width in lower case": lambda code: wide(code.lower()),
    "ideographic blanks": lambda code: f"\u3000{code[:4]}\u3000{code[4:]}\u3000",
    "no-break blanks": lambda code: f"{code[:3]}\u00a0{code[3:]}\u202f",
    "zero-width blanks": lambda code: "\u200b".join(code) + "\u2060\u200c",
    "a byte order mark": lambda code: f"\ufeff{code}",
    "turned around": lambda code: f"\u202d{code}\u202c\u200e",
    "a soft hyphen": lambda code: f"{code[:4]}\u00ad{code[4:]}",
    "hyphens": lambda code: f"-{code[:4]}-{code[4:]}",
    "an en dash": lambda code: f"{code[:4]}–{code[4:]}",
    "an em dash": lambda code: f"{code[:4]}—{code[4:]}",
    "a hyphen of its own": lambda code: f"{code[:4]}\u2010{code[4:5]}\u2011{code[5:]}",
    "a minus": lambda code: f"{code[:4]}\u2212{code[4:]}",
    "a full-width dash": lambda code: f"{code[:4]}－{code[4:]}",
    "a long vowel": lambda code: f"{code[:4]}ー{code[4:]}",
    "an underscore": lambda code: f"{code[:4]}_{code[4:5]}＿{code[5:]}",
    "dots": lambda code: f"{code[:4]}.{code[4:5]}．{code[5:]}",
    "a tab and a line end": lambda code: f"\t{code[:4]}\t{code[4:]}\r\n",
    "a variation selector": lambda code: f"{code}\ufe0f",
    "waves": lambda code: f"{code[:4]}~{code[4:5]}～{code[5:]}",
    "a sentence's end": lambda code: f"{code}。",
    "quotes": lambda code: f"“{code}”，",
    "brackets": lambda code: f"【{code}】；",
    "marks of a chat": lambda code: f"*`{code}`*!",
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_code_is_read_as_it_was_made_however_it_is_typed(way):
    assert as_made(way(ALPHABET)) == ALPHABET


def test_every_dash_and_blank_there_is_may_stand_in_a_code():
    code = new_code(8)
    for character in map(chr, range(0x11_0000)):
        if unicodedata.category(character) in ("Pd", "Zs", "Zl", "Zp", "Cc", "Cf"):
            assert as_made(f"{code[:4]}{character}{code[4:]}") == code, ascii(character)


@pytest.mark.parametrize("typed", ["", "\u200b\ufeff", "——", "ABCD234", "ABCD23456", "ABCD234你"])
def test_what_has_another_length_or_other_characters_is_no_code(typed):
    assert not is_code(as_made(typed), 8)


@pytest.mark.parametrize("look_alike", "0O1IL")
def test_what_looks_like_two_characters_is_read_as_neither(look_alike):
    assert as_made(f"abcd234{look_alike}") == f"ABCD234{look_alike}"
    assert not is_code(as_made(f"ABCD234{look_alike}"), 8)


# --- the doors ----------------------------------------------------------------------------------
class Doors:
    """Doors that take a code as ``way`` has it, and answer whether it was taken."""

    def __init__(self, lake, wang, chen, tea, tea_house, grant_points, person, logged_in):
        self.lake, self.wang, self.tea, self.tea_house = lake, wang, tea, tea_house
        self.person = person
        self.owner = person("zhou", "周老板")
        partners.employ(
            merchant=tea_house.merchant, user=self.owner, role=MerchantMember.Role.OWNER
        )
        grant_points(wang, 300)
        self.phone, self.till, self.log_in = logged_in(wang), logged_in(chen), logged_in

    def post(self, client, address, body):
        once = {"Idempotency-Key": uuid4().hex}
        return client.post(f"/api/v1/{address}", body, format="json", headers=once)

    def voucher(self, way):
        voucher = redemption.take(offer=self.tea, volunteer=self.wang)
        return self.scan(way(voucher.code))

    def scan(self, code):
        return self.post(self.till, f"merchants/{self.tea_house.merchant_id}/scans", {"code": code})

    def pay_code(self, way):
        code = pay_codes.show(volunteer=self.wang, community=self.lake).code
        body = {"code": way(code), "items": [{"offer_id": str(self.tea.pk)}]}
        return self.post(self.till, f"merchants/{self.tea_house.merchant_id}/payments", body)

    def shop_code(self, way):
        code = shop_codes.renew(partnership=self.tea_house, by=self.owner).shop_code
        body = {"shop_code": way(code), "items": [{"offer_id": str(self.tea.pk)}]}
        return self.post(self.phone, "me/payments", body)

    def confirmed(self, way):
        voucher = redemption.take(offer=self.tea, volunteer=self.wang)
        code = shop_codes.renew(partnership=self.tea_house, by=self.owner).shop_code
        address = f"me/vouchers/{voucher.pk}/confirm"
        return self.post(self.phone, address, {"shop_code": way(code)})

    def invitation(self, way):
        invitation = invitations.invite(
            merchant=self.tea_house.merchant,
            invited_by=self.owner,
            role=MerchantMember.Role.CLERK,
        )
        new = self.log_in(self.person("new", "新人"))
        return self.post(new, "invitations/accept", {"code": way(invitation.code)})

    def join_code(self, way):
        code = places.make_join_code(community=self.lake, made_by=self.owner).join_code
        new = self.log_in(self.person("new", "新人"))
        body = {"kind": "resident", "join_code": way(code)}
        return self.post(new, "communities/lake/join", body)

    def guardian_code(self, way):
        today = timezone.now().date()
        child, mother = self.person("child", "李小"), self.person("mother", "李大")
        User.objects.filter(pk=child.pk).update(born_on=today.replace(year=today.year - 9, day=1))
        User.objects.filter(pk=mother.pk).update(born_on=today.replace(year=today.year - 39, day=1))
        code, _ = guardians.ask(child=User.objects.get(pk=child.pk))
        body = {"code": way(code), "relation": "parent", "version": GUARDIAN_TEXT.version}
        return self.post(self.log_in(mother), "me/children", body)

    def second_factor(self, way):
        return self.authenticate(way(code_of(TOTP_SECRET)))

    def recovery_code(self, way):
        user = self.manager()
        code = RecoveryCodes.activate(user).generate_codes()[0]
        return self.authenticate(way(code))

    def manager(self):
        user = User.objects.filter(username="qian").first() or self.person("qian", "钱书记")
        roles.give(user=user, community=self.lake, role=Role.MANAGER)
        mfa.hand_out(user=user, secret=TOTP_SECRET)
        return user

    def authenticate(self, code):
        self.manager()
        log_in = "/_allauth/app/v1/auth"
        password = {"username": "qian", "password": PASSWORD}
        asked = APIClient().post(f"{log_in}/login", password, format="json")
        client = APIClient(HTTP_X_SESSION_TOKEN=asked.json()["meta"]["session_token"])
        return client.post(f"{log_in}/2fa/authenticate", {"code": code}, format="json")


@pytest.fixture
def doors(lake, wang, chen, tea, tea_house, grant_points, person, logged_in):
    return Doors(lake, wang, chen, tea, tea_house, grant_points, person, logged_in)


DOORS = (
    "voucher",
    "pay_code",
    "shop_code",
    "confirmed",
    "invitation",
    "join_code",
    "guardian_code",
    "second_factor",
    "recovery_code",
)
SOME_WAYS = ("full width in lower case", "ideographic blanks", "zero-width blanks", "an em dash")


@pytest.mark.parametrize("way", SOME_WAYS)
@pytest.mark.parametrize("door", DOORS)
def test_every_door_reads_the_code_that_stands_on_the_paper(doors, door, way):
    answer = getattr(doors, door)(WAYS[way])

    assert answer.status_code in (200, 201), answer.content.decode()


@pytest.mark.parametrize(
    "typed", ["\u200b\u3000", "——", "你好", "ABCDO", "0" * 12, "ABCD-EFGH-JKL", "\ufeff"]
)
@pytest.mark.parametrize("door", DOORS)
def test_what_can_be_no_code_is_refused_and_nobodys_guess(doors, door, typed):
    answer = getattr(doors, door)(lambda _: typed)

    if door == "join_code" and not as_made(typed):
        assert answer.json()["status"] == "pending"  # nothing was typed: they ask to join
        return
    assert answer.status_code == 400, answer.content.decode()
    assert not ScanAttempt.objects.exists()
    assert not Redemption.objects.filter(status=Redemption.Status.REDEEMED).exists()


def test_a_clerk_who_pastes_twenty_times_what_can_be_no_code_scans_the_next(doors):
    for number in range(25):
        assert doors.scan(f"{number:012}").status_code == 400

    assert doors.voucher(wide).status_code == 201


@pytest.mark.parametrize("around", ["\ufeff{}", "\u3000{}\u00a0", "\u200b{}\r\n", "“{}”。"])
def test_a_signed_code_is_freed_of_what_stands_around_it_and_nothing_else(doors, around):
    Offer.objects.filter(pk=doors.tea.pk).update(scans_offline=True)
    doors.tea.refresh_from_db()
    code, _ = voucher_tokens.sign(redemption.take(offer=doors.tea, volunteer=doors.wang))

    inside = doors.scan(f"{code[:9]}\u200b{code[9:]}")
    lower = doors.scan(code.lower())
    taken = doors.scan(around.format(code))

    assert {answer.status_code for answer in (inside, lower)} <= {400, 404}
    assert taken.status_code == 201, taken.content.decode()
