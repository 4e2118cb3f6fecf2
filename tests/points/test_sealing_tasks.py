"""Sealing by Celery and by hand."""

import io

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from backend.communities.models import Community
from backend.outbox import services as outbox
from backend.verification.models import Verification
from backend.verification.tasks import sweep_verifications
from points.expiry import services as expiry
from points.models import Seal, Unsealed
from points.seals import tasks

pytestmark = pytest.mark.usefixtures("_no_rules")


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


def test_sealing_by_hand_tells_the_head(lake, wang, grant_points):
    grant_points(wang, 10)

    said = [io.StringIO(), io.StringIO()]
    for out in said:
        call_command("seal_ledger", community="lake", stdout=out)

    head = Seal.objects.get().head.hex()
    assert [out.getvalue() for out in said] == [
        f"lake: 1 rows, 1 seals\n1 {head}\n",
        "lake: 0 rows, 0 seals\n",
    ]
    with pytest.raises(CommandError, match="nowhere"):
        call_command("seal_ledger", community="nowhere")


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_what_is_done_on_a_street_is_sealed_published_and_verified(lake):
    street = Community.objects.create(kind=Community.Kind.STREET, code="street", name="湖滨街道")
    expiry.set_policy(community=street, kind="never", valid_from=street.today)
    tasks.sweep_unsealed()

    sweep_verifications()
    done = Verification.objects.get(community=street)
    outbox.attempt("verification", community_id=street.pk, pk=done.pk)

    seal = Seal.objects.get(community=street)
    assert [kind for kind, _ in seal.rows] == ["audit", "expiry_policy"]
    (head,) = APIClient().get(f"/api/v1/communities/{street.code}/seals").json()["results"]
    assert head["head"] == bytes(seal.head).hex()
    done.refresh_from_db()
    assert (done.seal, done.findings_count) == (1, 0)
