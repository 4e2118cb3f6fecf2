"""Encrypting with a new key what an old one encrypted."""

from collections.abc import Callable
from functools import partial
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import transaction
from django.db.models import Model, QuerySet

from backend.accounts import vault
from backend.accounts.models import User

# By name, for those apps stand above this one.
ENCRYPTED = (
    ("accounts.GuardianCode", "code_encrypted"),
    ("api.IdempotencyKey", "refusal_encrypted"),
    ("api.OwnIdempotencyKey", "refusal_encrypted"),
    ("communities.RoleInvitation", "code_encrypted"),
    ("merchants.BankAccount", "number_encrypted"),
    ("merchants.BankBatchLine", "account_encrypted"),
    ("merchants.Card", "pin_encrypted"),
    ("merchants.Card", "pin_hash_encrypted"),
    ("merchants.Invitation", "code_encrypted"),
    ("merchants.PayCode", "code_encrypted"),
    ("merchants.VoucherKey", "private_key_encrypted"),
    ("notices.Mailbox", "address_encrypted"),
    ("notices.Mailbox", "code_encrypted"),
    ("people.LogInChange", "phone_encrypted"),
    ("people.LogInLink", "code_encrypted"),
    ("volunteers.Mediation", "parties_encrypted"),
    ("volunteers.MediationSession", "note_encrypted"),
    ("webhooks.Endpoint", "secret_encrypted"),
    ("webhooks.Endpoint", "old_secrets_encrypted"),
)
BATCH = 500  # rows locked at a time, and lost if we are stopped


def rotate_phones(*, batch: int = BATCH) -> int:
    """Encrypt phone numbers with the first key. Returns how many were not. Idempotent."""
    rotate = partial(_rotate_column, "phone_encrypted")
    return _rotate(User.objects.exclude(phone_encrypted=""), rotate, batch)


def rotate_second_factors(*, batch: int = BATCH) -> int:
    """Encrypt the secrets of second factors with the first key. Returns how many were not."""
    return _rotate(Authenticator.objects.all(), _rotate_second_factor, batch)


def rotate_columns(*, batch: int = BATCH) -> int:
    """Encrypt the columns of other apps, ``ENCRYPTED``, with the first key. Returns how many."""
    return sum(
        _rotate(rows, partial(_rotate_column, column), batch)
        for model, column in ENCRYPTED
        for rows in _apart(apps.get_model(model)._default_manager.exclude(**{column: ""}))
    )


def _apart(rows: QuerySet[Any]) -> list[QuerySet[Any]]:
    """Return the rows of each community on their own, if they are of any, for locks to name it."""
    if "community" not in {field.name for field in rows.model._meta.fields}:
        return [rows]
    communities = rows.order_by().values_list("community_id", flat=True).distinct()
    return [rows.filter(community=one) for one in communities]


def _rotate_column(column: str, row: Model) -> bool:
    token: str = getattr(row, column)
    if vault.is_newest(token):
        return False
    setattr(row, column, vault.reencrypt(token))
    row.save(update_fields=[column])
    return True


def _rotate(rows: QuerySet[Any], rotate: Callable[[Any], bool], batch: int) -> int:
    """Call ``rotate`` on each row, locked, by primary key, one transaction for each batch."""
    rotated, last = 0, None
    while True:
        with transaction.atomic():
            wanted = rows.filter(pk__gt=last) if last else rows
            page: list[Model] = list(wanted.select_for_update(no_key=True).order_by("pk")[:batch])
            rotated += sum(map(rotate, page))
        if len(page) < batch:
            return rotated
        last = page[-1].pk


def _rotate_second_factor(authenticator: Authenticator) -> bool:
    """Encrypt an app's ``secret``, or recovery codes: their ``seed`` or each of them."""
    fresh = with_secrets(
        authenticator.data,
        lambda token: token if vault.is_newest(token) else vault.reencrypt(token),
    )
    is_changed: bool = fresh != authenticator.data
    if is_changed:
        authenticator.data = fresh
        authenticator.save(update_fields=["data"])
    return is_changed


def with_secrets(data: dict[str, Any], change: Callable[[str], str]) -> dict[str, Any]:
    """Return the data of a second factor with each of its secrets changed."""
    fresh = dict(data)
    for name in ("secret", "seed"):
        if name in data:
            fresh[name] = change(data[name])
    if codes := data.get("migrated_codes"):
        fresh["migrated_codes"] = [change(code) for code in codes]
    return fresh
