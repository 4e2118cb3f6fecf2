"""Shapes of the books, as staff and auditors see them."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from points.awards.api.serializers import WhySerializer
from points.kinds import AccountKind, Unit
from points.ledger.models import Account, Transfer


class AccountSerializer(serializers.ModelSerializer[Account]):
    """Whose it is stays opaque: ``person:…`` is an id, not a name."""

    class Meta:
        model = Account
        fields: tuple[str, ...] = ("id", "kind", "unit", "holder")
        read_only_fields = fields


class AccountStandingSerializer(AccountSerializer):
    """An account and what is in it, in its unit: credits less debits.

    Null where there is no such thing: only wallets and funds have a floor, so that something can
    be held back in them, and only now is it known how much.
    """

    # The context's "balances", by account, and whether they are of the past.
    balance = serializers.SerializerMethodField()
    held = serializers.SerializerMethodField()
    available = serializers.SerializerMethodField(help_text="The balance less what is held.")
    shortfall = serializers.SerializerMethodField(
        help_text="Taken back after it was spent; what comes in next repays it first."
    )

    class Meta(AccountSerializer.Meta):
        fields = (
            *AccountSerializer.Meta.fields,
            "opened_at",
            "balance",
            "held",
            "available",
            "shortfall",
        )
        read_only_fields = fields

    def get_balance(self, account: Account) -> int:
        balance: int = self.context["balances"][account.pk]
        return balance

    def get_held(self, account: Account) -> int | None:
        return account.held if self._has_more(account) else None

    def get_available(self, account: Account) -> int | None:
        return account.available if self._has_more(account) else None

    def get_shortfall(self, account: Account) -> int | None:
        return account.shortfall if self._has_more(account) else None

    def _has_more(self, account: Account) -> bool:
        return account.has_floor and not self.context.get("at")


class AccountAtSerializer(AccountStandingSerializer):
    """A balance now, or at a moment of the past."""

    at = serializers.SerializerMethodField(help_text="Null: now.")

    class Meta(AccountStandingSerializer.Meta):
        fields = ("at", *AccountStandingSerializer.Meta.fields)
        read_only_fields = fields

    def get_at(self, _: Account) -> datetime | None:
        at: datetime | None = self.context["at"]
        return at


class TransferSerializer(serializers.ModelSerializer[Transfer]):
    """A transfer as the books have it: ``amount`` left ``debit`` and reached ``credit``."""

    debit = AccountSerializer(read_only=True)
    credit = AccountSerializer(read_only=True)

    class Meta:
        model = Transfer
        fields: tuple[str, ...] = (
            "id",
            "key",
            "debit",
            "credit",
            "amount",
            "reason",
            "source",
            "occurred_at",
            "posted_at",
        )
        read_only_fields = fields


class ExplainedBooksTransferSerializer(WhySerializer, TransferSerializer):
    """A transfer with its reasons, and what was taken back of it."""

    class Meta(TransferSerializer.Meta):
        fields = (*TransferSerializer.Meta.fields, *WhySerializer.FIELDS)
        read_only_fields = fields


class TrialBalanceLineSerializer(serializers.Serializer[Any]):
    """All accounts of one kind and unit together; the balance is credits less debits."""

    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)
    kind = serializers.ChoiceField(choices=AccountKind.choices, read_only=True)
    accounts = serializers.IntegerField(read_only=True)
    debits = serializers.IntegerField(read_only=True)
    credits = serializers.IntegerField(read_only=True)
    balance = serializers.IntegerField(read_only=True)


class UnitSumsSerializer(serializers.Serializer[Any]):
    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)
    debits = serializers.IntegerField(read_only=True)
    credits = serializers.IntegerField(read_only=True)


class TrialBalanceSerializer(serializers.Serializer[Any]):
    """In each unit, the sums of all debits and of all credits are the same."""

    at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="Null: now.")
    lines = TrialBalanceLineSerializer(many=True, read_only=True)
    sums = UnitSumsSerializer(many=True, read_only=True)
