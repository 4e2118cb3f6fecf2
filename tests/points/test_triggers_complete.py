"""The ledger's guards stand in the database as the models declare them."""

import pgtrigger
import pytest
from django.db import DatabaseError, connection, transaction

from points.models import Account, Award, Hold, RuleVersion, Transfer

REGISTERED = pgtrigger.registered()


def test_every_table_of_the_ledger_is_guarded():
    assert {Account, Transfer, Hold, RuleVersion, Award} <= {model for model, _ in REGISTERED}


def test_every_trigger_is_installed_as_declared_and_enabled(db):
    found = {
        f"{model._meta.label}:{trigger.name}": trigger.get_installation_status(
            model, connection.alias
        )
        for model, trigger in REGISTERED
    }

    assert {name: told for name, told in found.items() if told != ("INSTALLED", True)} == {}


def test_no_session_can_have_the_ledgers_triggers_ignored(db, wang, grant_points):
    grant_points(wang, 10)
    with (
        pgtrigger.ignore("points.Transfer:transfer_is_final"),
        pytest.raises(DatabaseError, match="Cannot update"),
        transaction.atomic(),
    ):
        Transfer.objects.update(amount=1_000)
