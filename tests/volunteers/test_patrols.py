"""Patrols: who walks, what they count, photograph and report, and what that earns beside hours."""

import io
from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, transaction
from django.utils import timezone
from PIL import Image

from backend.accounts.errors import GuardianConsentRequired
from backend.accounts.services import profile
from backend.audit.models import AuditEntry
from backend.communities.errors import NotAVolunteerHere
from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.files.pictures import PhotoInvalid
from volunteers.attendance.services import presence, sign_ups
from volunteers.models import Patrol, PatrolCount, PatrolOutcome, PatrolPhoto
from volunteers.people.errors import EstateUnknown
from volunteers.reports import errors, round_figures, rounds
from volunteers.reports.services import handling, patrolling, submitting

KINDS = [{"code": "lanes", "name": "清理消防通道"}, {"code": "leaflets", "name": "发放宣传单"}]


@pytest.fixture
def counted(lake, zhao):
    """What the lake counts."""
    patrolling.set_outcomes(community=lake, by=zhao, outcomes=KINDS)


@pytest.fixture
def walk(lake, wang, counted):
    return patrolling.begin(community=lake, walker=wang)


def picture():
    content = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "Maker of phones"
    Image.new("RGB", (40, 30), "teal").save(content, "JPEG", exif=exif)
    return SimpleUploadedFile("IMG.jpg", content.getvalue())


# --- walking ----------------------------------------------------------------------------------
def test_a_volunteer_walks_and_tells_what_was_counted(walk, wang):
    patrolling.end(patrol=walk, counts={"lanes": 3, "leaflets": 0}, note="一切正常", people=4)

    found = Patrol.objects.get()
    assert (found.walker, found.people, found.note, found.attendance) == (wang, 4, "一切正常", None)
    assert found.ended_at is not None
    counts = dict(PatrolCount.objects.values_list("outcome__code", "count"))
    assert counts == {"lanes": 3, "leaflets": 0}


def test_an_end_told_again_changes_nothing_and_another_is_refused(walk):
    for _ in range(2):
        patrolling.end(patrol=walk, counts={"lanes": 3})

    for other in ({"counts": {"lanes": 4}}, {"counts": {"lanes": 3}, "people": 2}):
        with pytest.raises(errors.PatrolEnded):
            patrolling.end(patrol=walk, **other)
    assert PatrolCount.objects.count() == 1
    with pytest.raises(DatabaseError), transaction.atomic():
        Patrol.objects.update(people=9)


def test_only_what_the_community_counts_is_counted(lake, zhao, walk):
    patrolling.set_outcomes(community=lake, by=zhao, outcomes=KINDS[:1])

    for code in ("leaflets", "cats"):
        with pytest.raises(errors.OutcomeUnknown):
            patrolling.end(patrol=walk, counts={code: 1})


def test_the_database_takes_no_count_below_zero(walk):
    with pytest.raises(DatabaseError), transaction.atomic():
        patrolling.end(patrol=walk, counts={"lanes": -1})


def test_somebody_elses_community_and_estate_are_no_place_to_walk(hill, lake, wang):
    with pytest.raises(NotAVolunteerHere):
        patrolling.begin(community=hill, walker=wang)
    other = places.estate_named(community=hill, name="山上")
    with pytest.raises(EstateUnknown):
        patrolling.begin(community=lake, walker=wang, estate_id=other.pk)


def test_staff_walk_too_and_a_child_needs_a_guardian(lake, zhao, wang):
    assert patrolling.begin(community=lake, walker=zhao).walker == zhao
    profile.change(user=wang, born_on=timezone.now().date() - timedelta(days=4_000))
    wang.refresh_from_db()

    with pytest.raises(GuardianConsentRequired):
        patrolling.begin(community=lake, walker=wang)


def test_one_walks_one_patrol_at_a_time(lake, wang, walk):
    with pytest.raises(errors.PatrolUnderWay):
        patrolling.begin(community=lake, walker=wang)
    patrolling.end(patrol=walk, counts={})

    assert patrolling.begin(community=lake, walker=wang).pk != walk.pk


@pytest.mark.django_db(transaction=True)
def test_of_two_taps_at_once_one_begins(lake, wang, at_once):
    found = at_once(2, lambda _: patrolling.begin(community=lake, walker=wang) and "begun")

    assert sorted(found) == ["begun", "patrol_under_way"]


def test_what_managers_count_is_on_the_trail(lake, zhao, counted):
    for _ in range(2):
        patrolling.set_outcomes(
            community=lake, by=zhao, outcomes=[{"code": "lanes", "name": "消防通道"}]
        )

    acts = AuditEntry.objects.filter(action__startswith="patrol_outcome.").order_by("pk")
    assert [act.action for act in acts] == [
        *["patrol_outcome.add"] * 2,
        *["patrol_outcome.change"] * 2,
    ]
    kinds = PatrolOutcome.objects.order_by("code").values_list("code", "name", "is_retired")
    assert list(kinds) == [("lanes", "消防通道", False), ("leaflets", "发放宣传单", True)]


# --- photos -----------------------------------------------------------------------------------
def test_a_photo_is_kept_without_exif_and_shown_to_walker_and_staff(
    walk, wang, li, zhao, logged_in
):
    made = logged_in(wang).post(
        f"/api/v1/patrols/{walk.pk}/photos", {"photo": picture()}, format="multipart"
    )

    (photo,) = made.json()["photos"]
    address = f"/api/v1/patrols/{walk.pk}/photos/{photo['id']}"
    stored = default_storage.open(PatrolPhoto.objects.get().image.name).read()
    assert b"Maker of phones" not in stored
    for reader in (wang, zhao):
        assert logged_in(reader).get(address).getvalue() == stored
    assert logged_in(li).get(address).status_code == 404


def test_a_photo_goes_with_its_transaction(walk):
    with transaction.atomic():
        patrolling.add_photo(patrol=walk, photo=picture())
        name = PatrolPhoto.objects.get().image.name
        assert default_storage.exists(name)
        transaction.set_rollback(True)

    assert not PatrolPhoto.objects.exists()
    assert not default_storage.exists(name)


def test_ten_photos_and_what_is_no_photo_are_refused(walk, monkeypatch):
    with pytest.raises(PhotoInvalid):
        patrolling.add_photo(patrol=walk, photo=SimpleUploadedFile("a.jpg", b"<svg/>"))
    monkeypatch.setattr(patrolling, "PHOTOS_AT_MOST", 1)
    patrolling.add_photo(patrol=walk, photo=picture())

    with pytest.raises(errors.PatrolPhotosFull):
        patrolling.add_photo(patrol=walk, photo=picture())
    assert PatrolPhoto.objects.count() == 1


# --- reports ----------------------------------------------------------------------------------
@pytest.fixture
def report(lake):
    return lambda reporter, **facts: submitting.submit(
        community=lake, reporter=reporter, **{"category": "hazard", "text": "井盖松动"} | facts
    )


def test_a_report_made_on_a_patrol_is_linked_once(walk, wang, report, logged_in):
    made = report(wang)
    phone, address = logged_in(wang), f"/api/v1/patrols/{walk.pk}/reports"

    for _ in range(2):
        told = phone.post(address, {"report_id": str(made.pk)})
        assert (told.status_code, told.json()["report_ids"]) == (200, [str(made.pk)])


def test_a_confidential_report_is_linked_and_not_told_of(walk, wang, report):
    patrolling.link(patrol=walk, report=report(wang, category="dispute"))

    (shown,) = rounds.with_what_was_found(Patrol.objects.filter(community=walk.community), wang)
    assert list(shown.reports.all()) == []


def test_a_report_from_before_or_after_or_of_somebody_else_was_not_made_on_it(
    lake, wang, li, report, counted
):
    before = report(wang)
    walk = patrolling.begin(community=lake, walker=wang)
    others = report(li)
    patrolling.end(patrol=walk, counts={})
    after = report(wang)

    for one in (before, others, after):
        with pytest.raises(errors.ReportNotOnPatrol):
            patrolling.link(patrol=walk, report=one)


def test_a_report_that_has_ended_is_linked_no_more(walk, wang, zhao, report):
    made = handling.reject(report=report(wang), handler=zhao, answer="不属实")

    with pytest.raises(errors.ReportStatusWrong):
        patrolling.link(patrol=walk, report=made)


@pytest.mark.parametrize("is_linked", [True, False])
def test_a_report_of_a_patrol_within_a_shift_earns_nothing_beside_the_hours(
    lake, wang, zhao, patrol, counted, report, is_linked
):
    """Also one that was sent after the check-out, while the walk went on."""
    attendance = sign_ups.sign_up(shift=patrol, volunteer=wang)
    presence.check_in(attendance=attendance)
    walk = patrolling.begin(community=lake, walker=wang)
    attendance = presence.check_out(attendance=attendance)
    made = report(wang)
    if is_linked:
        patrolling.link(patrol=walk, report=made)

    closed, award = handling.close(report=made, handler=zhao)

    assert walk.attendance == attendance
    assert closed.made_during == (attendance if is_linked else None)
    assert award.amount == (0 if is_linked else 20)


# --- figures and who reads --------------------------------------------------------------------
def test_the_figures_are_by_month_and_kind(lake, wang, li, counted, clock, client):
    for walker, day, counts in (
        (wang, "2024-03-01", {"lanes": 3, "leaflets": 20}),
        (li, "2024-03-31", {"lanes": 2}),
        (wang, "2024-04-01", {"lanes": 1}),
    ):
        walk = patrolling.begin(community=lake, walker=walker, now=clock(f"{day} 20:00"))
        patrolling.end(patrol=walk, counts=counts, now=clock(f"{day} 23:30"))

    told = [(one.month, one.code, one.count, one.patrols) for one in round_figures.of_patrols(lake)]

    assert told == [
        ("2024-03", "lanes", 5, 2),
        ("2024-03", "leaflets", 20, 1),
        ("2024-04", "lanes", 1, 1),
    ]
    public = client.get("/api/v1/communities/lake/round-figures").json()["patrols"]
    assert public[0] == {
        "month": "2024-03",
        "code": "lanes",
        "name": "清理消防通道",
        "count": 5,
        "patrols": 2,
    }


def test_a_patrol_over_the_api(lake, counted, wang, li, zhao, person, logged_in):
    phone = logged_in(wang)
    estate = places.estate_named(community=lake, name="一区")
    kinds = phone.get("/api/v1/communities/lake/patrol-outcomes").json()["outcomes"]
    begun = phone.post("/api/v1/communities/lake/patrols", {"estate_id": str(estate.pk)})
    address = f"/api/v1/patrols/{begun.json()['id']}"
    body = {"counts": [{"code": kinds[0]["code"], "count": 2}], "people": 3, "note": "雨"}
    ended = phone.post(f"{address}/end", body)

    assert (begun.status_code, ended.status_code) == (201, 200)
    assert begun.json()["estate"]["name"] == "一区"
    assert ended.json()["counts"] == [{"count": 2, **kinds[0]}]
    assert logged_in(li).get(address).status_code == 404
    assert logged_in(li).post(f"{address}/end", body).status_code == 404
    assert logged_in(zhao).post(f"{address}/end", body).status_code == 404
    for reader in (wang, zhao):
        (listed,) = logged_in(reader).get("/api/v1/patrols?ended=true").json()["results"]
        assert listed == ended.json() or reader == zhao
    assert logged_in(li).get("/api/v1/patrols").json()["results"] == []


def test_managers_set_what_is_counted(lake, wang, person, logged_in):
    chief = person("chief")
    roles.give(user=chief, community=lake, role=Role.MANAGER)
    address = "/api/v1/communities/lake/patrol-outcomes"

    assert logged_in(wang).put(address, {"outcomes": KINDS}).status_code == 404
    told = logged_in(chief).put(address, {"outcomes": KINDS}).json()["outcomes"]
    assert sorted(one["code"] for one in told) == ["lanes", "leaflets"]
