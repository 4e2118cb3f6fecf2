"""A new key encrypts all that an old one did, so that the old one can be thrown away."""

import io
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from cryptography.fernet import Fernet, InvalidToken
from django.apps import apps
from django.contrib.auth.hashers import check_password
from django.core.management import call_command
from django.utils import timezone

from backend.accounts import ages, vault
from backend.accounts.models import GuardianCode, User
from backend.accounts.services import guardians, keys, profile
from backend.api.models import IdempotencyKey, OwnIdempotencyKey
from backend.communities.models import Role
from backend.communities.services import roles
from backend.notices.models import Mailbox
from backend.webhooks import services as webhooks
from backend.webhooks.models import Endpoint
from merchants.models import BankAccount, Card, Invitation, PayCode
from merchants.partners.services import invitations
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import cards, pay_codes
from merchants.settlement.services import bank
from tests.conftest import TOTP_SECRET
from tests.standins.authenticator import code_of

NEW = Fernet.generate_key().decode()


@pytest.fixture
def use_keys(settings):
    """``use_keys(NEW, old)``: what LINLI_FIELD_KEYS holds from now on, for this test."""

    def use(*those):
        settings.FIELD_KEYS = list(those)
        vault._fernet.cache_clear()

    yield use
    vault._fernet.cache_clear()


@pytest.fixture
def old(settings):
    return settings.FIELD_KEYS[0]


@pytest.fixture
def secrets(person, lake):
    """王小明 and 李阿姨 by phone, 陈店员 without one; an app, and recovery codes of two makes."""
    wang, li, chen = person("wang"), person("li"), person("chen")
    chen.phone = ""
    chen.save()
    TOTP.activate(wang, TOTP_SECRET)
    codes = RecoveryCodes.activate(wang).get_unused_codes()
    Authenticator.objects.create(
        user=li,
        type=Authenticator.Type.RECOVERY_CODES,
        data={"migrated_codes": [vault.encrypt("one"), vault.encrypt("two")], "viewed_at": 1},
    )
    partnership = partners.sign_contract(
        community=lake, name="茶馆", trade="餐饮", fen_per_point=10, is_donated=False
    )
    shop = partnership.merchant
    bank.keep_account(merchant=shop, holder="周", bank="农商行", number="62220001", by=wang)
    endpoint, first = webhooks.create(owner_id=shop.pk, url="https://8.8.8.8/", by=wang)
    _, second = webhooks.rotate_secret(endpoint=endpoint, by=wang)
    told = invitations.invite_owner(partnership=partnership, invited_by=wang).code
    shown = pay_codes.show(volunteer=li, community=lake).code
    profile.change(user=li, born_on=ages.today() - timedelta(days=4_000))
    asked, _ = guardians.ask(child=li)
    roles.give(user=li, community=lake, role=Role.VOLUNTEER)
    card = cards.issue(community=lake, volunteer_id=li.pk, by=wang)
    Mailbox.objects.create(
        user=wang,
        address_encrypted=vault.encrypt("wang@example.cn"),
        code_encrypted=vault.encrypt("ABCD2345"),
        code_expires_at=timezone.now(),
    )
    refused = {"user": wang, "status": 400, "refusal_encrypted": vault.encrypt("wrong")}
    IdempotencyKey.objects.create(community=lake, **refused)
    OwnIdempotencyKey.objects.create(**refused)
    return {
        "phones": (wang.phone, li.phone, ""),
        "codes": codes,
        "digest": wang.phone_digest,
        "shop": ("62220001", second, first),
        "shown": (told, shown, asked),
        "pin": card.pin,
        "mailbox": ("wang@example.cn", "ABCD2345"),
        "refusals": ("wrong", "wrong"),
    }


def pin_of(card):
    """The PIN that is told, which its hash agrees with."""
    assert check_password(card.pin, vault.decrypt(card.pin_hash_encrypted))
    return card.pin


def told():
    """Return the values that can be read with the keys in use."""
    wang, li, chen = (User.objects.get(username=name) for name in ("wang", "li", "chen"))
    app, codes = Authenticator.objects.filter(user=wang).order_by("type").reverse()
    assert TOTP(app).validate_code(code_of(TOTP_SECRET))
    assert RecoveryCodes(Authenticator.objects.get(user=li)).get_unused_codes() == ["one", "two"]
    return {
        "phones": (wang.phone, li.phone, chen.phone),
        "codes": RecoveryCodes(codes).get_unused_codes(),
        "digest": wang.phone_digest,
        "shop": (
            BankAccount.objects.get().number,
            Endpoint.objects.get().secret,
            *Endpoint.objects.get().old_secrets(timezone.now()),
        ),
        "shown": tuple(kind.objects.get().code for kind in (Invitation, PayCode, GuardianCode)),
        "pin": pin_of(Card.objects.get()),
        "mailbox": (Mailbox.objects.get().address, Mailbox.objects.get().code),
        "refusals": tuple(
            vault.decrypt(kind.objects.get().refusal_encrypted)
            for kind in (IdempotencyKey, OwnIdempotencyKey)
        ),
    }


def run():
    out = io.StringIO()
    call_command("rotate_keys", stdout=out)
    return out.getvalue().splitlines()


def test_after_it_the_old_key_is_not_needed(secrets, use_keys, old):
    use_keys(NEW, old)

    assert run() == [
        "Phone numbers: 2 encrypted anew.",
        "Second factors: 3 encrypted anew.",
        "Bank accounts, webhook secrets and codes: 12 encrypted anew.",
    ]

    use_keys(NEW)
    assert told() == secrets
    use_keys(old)
    with pytest.raises(InvalidToken):
        _ = User.objects.get(username="wang").phone


def test_again_it_changes_nothing(secrets, use_keys, old):
    use_keys(NEW, old)
    run()
    tokens = list(User.objects.order_by("pk").values_list("phone_encrypted", flat=True))

    assert run() == [
        "Phone numbers: 0 encrypted anew.",
        "Second factors: 0 encrypted anew.",
        "Bank accounts, webhook secrets and codes: 0 encrypted anew.",
    ]

    assert list(User.objects.order_by("pk").values_list("phone_encrypted", flat=True)) == tokens
    assert told() == secrets


def test_stopped_half_way_it_goes_on_where_it_was(secrets, use_keys, old):
    use_keys(NEW, old)
    broken = User.objects.create(username="zzz", phone_encrypted="not a token")

    with pytest.raises(InvalidToken):
        keys.rotate_phones(batch=1)
    broken.delete()

    assert keys.rotate_phones(batch=1) == 0
    assert keys.rotate_second_factors(batch=1) == 3
    assert keys.rotate_columns(batch=1) == 12
    use_keys(NEW)
    assert told() == secrets


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_it_once(person, use_keys, old, at_once):
    person("wang")
    use_keys(NEW, old)

    assert sorted(at_once(2, lambda _: keys.rotate_phones())) == [0, 1]


def test_whatever_is_encrypted_is_seen_to():
    encrypted = {
        f"{model._meta.label}.{field.name}"
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if "encrypted" in field.name
    }

    assert encrypted == {
        "accounts.User.phone_encrypted",
        *(".".join(column) for column in keys.ENCRYPTED),
    }
