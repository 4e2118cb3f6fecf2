"""Sealing and verifying by Celery and by hand."""

import io

import pytest
from django.core.management import CommandError, call_command

from points.models import Seal, Unsealed, Verification
from points.seals import tasks


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_a_sweep_closes_what_was_posted_since_the_last_and_a_second_closes_nothing(
    lake, hill, wang, grant_points
):
    for _ in range(2):
        grant_points(wang, 10)
        for _ in range(2):
            tasks.sweep_unsealed()

    assert list(Seal.objects.values_list("community", "number", "size").order_by("number")) == [
        (lake.pk, 1, 1),
        (lake.pk, 2, 1),
    ]
    assert not Unsealed.objects.exists()


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_every_ledger_is_verified_each_night(lake, hill, wang, grant_points):
    grant_points(wang, 10)

    tasks.sweep_verifications()

    found = Verification.objects.values_list("community", "transfers", "findings_count")
    assert set(found) == {(lake.pk, 1, 0), (hill.pk, 0, 0)}


def test_sealing_by_hand_tells_the_head(lake, wang, grant_points):
    grant_points(wang, 10)

    said = [io.StringIO(), io.StringIO()]
    for out in said:
        call_command("seal_ledger", community="lake", stdout=out)

    head = Seal.objects.get().head.hex()
    assert [out.getvalue() for out in said] == [
        f"lake: 1 transfers, 1 seals\n1 {head}\n",
        "lake: 0 transfers, 0 seals\n",
    ]
    with pytest.raises(CommandError, match="nowhere"):
        call_command("seal_ledger", community="nowhere")
