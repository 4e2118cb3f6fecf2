"""Reports: submitted by volunteers, handled by staff, followed by everybody."""

import io
import itertools
import json
from uuid import UUID

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image
from rest_framework.test import APIClient

from backend.communities.models import Role
from backend.communities.services import roles
from points.ledger.selectors import wallet_of
from points.models import Award, Rule
from volunteers.models import Report, ReportPhoto, Volunteer
from volunteers.people.services import people
from volunteers.reports.services import handling, submitting


@pytest.fixture
def next_door(hill, person):
    """Staff of another community."""
    user = person("sun", "孙社工")
    roles.give(user=user, community=hill, role=Role.STAFF)
    return user


@pytest.fixture
def auditor(lake, person):
    user = person("qian", "钱审计")
    roles.give(user=user, community=lake, role=Role.AUDITOR)
    return user


@pytest.fixture
def reported(lake):
    """Submit a report: ``reported(wang)`` is a hazard at the east gate."""

    def report(user, category="hazard", **facts):
        said = {"text": "井盖松动", "place": "东门", "latitude": 37.87361, "longitude": 112.54957}
        submitted = submitting.submit(
            community=lake, reporter=user, category=category, **(said | facts)
        )
        return Report.objects.get(pk=submitted.pk)

    return report


def picture(kind="JPEG", size=(40, 20), exif=None, mode="RGB"):
    """A red picture, 40 by 20 pixels, as a file somebody uploads."""
    encoded = io.BytesIO()
    image = Image.new(mode, size, "red" if mode == "RGB" else None)
    image.save(encoded, kind, **({"exif": exif} if exif else {}))
    return SimpleUploadedFile("IMG 0001.jpg", encoded.getvalue(), content_type="image/jpeg")


HAZARD = {"category": "hazard", "text": "井盖松动", "latitude": 37.87361, "longitude": 112.54957}


def iso(moment):
    return moment.isoformat().replace("+00:00", "Z")


def brief(community):
    return {"id": str(community.pk), "code": community.code, "name": community.name}


def shape(report, **differences):
    """The hazard at the east gate as its reporter reads it, and staff."""
    return {
        "id": str(report.pk),
        "community": brief(report.community),
        "estate": None,
        "category": "hazard",
        "text": "井盖松动",
        "place": "东门",
        "latitude": 37.87361,
        "longitude": 112.54957,
        "coord_type": "wgs84",
        "photos": [],
        "confirmations": 0,
        "is_confidential": False,
        "category_name": "安全隐患",
        "is_screened": True,
        "source": "app",
        "colour": "red",
        "answers": {},
        "status": "submitted",
        "submitted_at": iso(report.submitted_at),
        "accepted_at": None,
        "made_safe_at": None,
        "fixed_at": None,
        "closed_at": None,
        "reopened_at": None,
        "due_at": report.due_at and iso(report.due_at),
        "escalated_to": None,
        "assigned_to": None,
        "duplicate_of_id": None,
        "answer": "",
        "voided_at": None,
        "reason": "",
        "points": None,
        "reward": None,
        "reporter": person_of(report.reporter),
    } | differences


def public_shape(report, **differences):
    return {
        "id": str(report.pk),
        "category": "hazard",
        "latitude": 37.87,
        "longitude": 112.55,
        "coord_type": "wgs84",
        "colour": "red",
        "status": "submitted",
        "submitted_at": iso(report.submitted_at),
        "accepted_at": None,
        "made_safe_at": None,
        "fixed_at": None,
        "closed_at": None,
        "answer": "",
        "confirmations": 0,
        "progress": [{"status": "submitted", "at": iso(report.submitted_at)}],
        "reward_state": "none",
    } | differences


def moments(report):
    """When a report that was closed came to each step, also those that were skipped."""
    steps = ("accepted_at", "made_safe_at", "fixed_at", "closed_at")
    return {step: iso(getattr(report, step)) for step in steps}


def person_of(user):
    return {"id": str(user.pk), "name": user.name, "phone": f"198****{user.phone[-4:]}"}


def status_of(report):
    """The address at which staff move a report on."""
    return f"/api/v1/reports/{report.pk}/status"


def with_key(key="k"):
    return {"Idempotency-Key": key}


# --- submitting -------------------------------------------------------------------------------
@pytest.mark.parametrize("form", ["json", "multipart"])
def test_a_report_that_is_sent_twice_with_one_key_is_one(lake, wang, logged_in, form):
    address, phone = "/api/v1/communities/lake/reports", logged_in(wang)
    bodies = [
        HAZARD | ({"photos": [picture(), picture()]} if form == "multipart" else {})
        for _ in range(2)
    ]

    first, again = (phone.post(address, body, form, headers=with_key()) for body in bodies)

    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotency-Replayed"] == "true"
    assert Report.objects.count() == 1
    another = phone.post(address, HAZARD | {"text": "另一处"}, headers=with_key())
    assert (another.status_code, another.json()["code"]) == (422, "idempotency_key_reused")
    keyless = phone.post(address, HAZARD, headers=with_key(None))
    assert (keyless.status_code, keyless.json()["code"]) == (400, "idempotency_key_missing")


def test_a_volunteer_reports_what_they_saw(lake, wang, logged_in):
    told = HAZARD | {"place": "东门", "coord_type": "gcj02"}
    phone = logged_in(wang)

    presumed = phone.post("/api/v1/communities/lake/reports", told | {"status": "closed"})
    response = phone.post("/api/v1/communities/lake/reports", told)

    assert presumed.status_code == 400
    assert [one["code"] for one in presumed.json()["errors"]["status"]] == ["unknown_field"]
    assert response.status_code == 201
    report = Report.objects.get()
    assert response.json() == shape(report, coord_type="gcj02", near=[])
    assert report.reporter == wang


def test_a_photo_loses_its_exif_and_is_shown_to_who_may_see_it(
    lake, wang, li, zhao, auditor, next_door, logged_in
):
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "a phone of somebody's"
    exif.get_ifd(0x8825)[1] = "N"  # where it was taken
    submitted = logged_in(wang).post(
        "/api/v1/communities/lake/reports",
        HAZARD | {"photos": [picture(exif=exif)]},
        format="multipart",
    )
    report = Report.objects.get()

    assert submitted.status_code == 201
    photo = ReportPhoto.objects.get()
    told = {"id": str(photo.pk), "shows": "found", "taken_in_at": iso(photo.taken_in_at)}
    assert submitted.json() == shape(report, place="", photos=[told], near=[])
    address = f"/api/v1/reports/{report.pk}/photos/{photo.pk}"
    addresses = [address, f"{address}/thumbnail"]
    for user, address in itertools.product((wang, zhao, auditor), addresses):
        shown = logged_in(user).get(address, headers={"Accept": "image/*"})
        assert shown.status_code == 200
        assert shown["Content-Type"] == "image/jpeg"
        assert shown["X-Content-Type-Options"] == "nosniff"
        assert shown["Cache-Control"] == "private, max-age=3600"
        image = Image.open(io.BytesIO(b"".join(shown.streaming_content)))
        assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (20, 40), {})
    for user, address in itertools.product((li, next_door), addresses):
        refused = logged_in(user).get(address)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


def test_a_report_without_a_photo_has_none_to_show(wang, zhao, reported, logged_in):
    report = reported(wang)

    for user in (wang, zhao):
        response = logged_in(user).get(f"/api/v1/reports/{report.pk}/photos/{ID}")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("kind", "mode"), [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGB")]
)
def test_photos_of_other_formats_become_jpeg(lake, wang, logged_in, kind, mode):
    client = logged_in(wang)

    response = client.post(
        "/api/v1/communities/lake/reports",
        HAZARD | {"photos": picture(kind, mode=mode)},
        format="multipart",
    )

    assert response.status_code == 201
    assert Image.open(ReportPhoto.objects.get().image).format == "JPEG"


@pytest.mark.parametrize(
    "content",
    [
        b"no picture",
        picture("GIF").read(),
        picture("TIFF").read(),
        picture().read()[:-200],
        picture("PNG").read()[:60],
        b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00II*\x00\xff\xff\xff\xff" + picture().read()[2:-300],
    ],
)
def test_what_is_no_photo_is_refused(lake, wang, logged_in, content):
    response = logged_in(wang).post(
        "/api/v1/communities/lake/reports",
        HAZARD | {"photos": SimpleUploadedFile("photo.jpg", content, "image/jpeg")},
        format="multipart",
    )

    assert (response.status_code, response.json()["code"]) == (400, "photo_invalid")
    assert not Report.objects.exists()


def test_a_photo_of_too_many_bytes_is_refused(lake, wang, logged_in, settings):
    photo = picture(size=(400, 400))
    client = logged_in(wang)

    def send():
        photo.seek(0)
        response = client.post(
            "/api/v1/communities/lake/reports", HAZARD | {"photos": photo}, format="multipart"
        )
        return response.status_code, response.json()["code"]

    settings.PHOTO_MAX_BYTES = photo.size - 1
    assert send() == (413, "body_too_large")
    # Where not even the text beside it accounts for the size, it is not read at all.
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert send() == (413, "body_too_large")
    assert not Report.objects.exists()


@pytest.mark.parametrize(("format", "code"), [("multipart", "invalid"), ("json", "unknown_field")])
def test_a_photo_is_a_file(lake, wang, logged_in, format, code):  # noqa: A002  # the client's
    response = logged_in(wang).post(
        "/api/v1/communities/lake/reports", HAZARD | {"photos": "photo.jpg"}, format=format
    )

    assert response.status_code == 400
    assert code in str(response.json()["errors"])


@pytest.mark.parametrize(
    ("facts", "errors"),
    [
        ({"text": " "}, {"text": "blank"}),
        ({"text": "邻" * 1001}, {"text": "max_length"}),
        ({"place": "邻" * 121}, {"place": "max_length"}),
        (
            {"latitude": 90.1, "longitude": -180.1},
            {"latitude": "max_value", "longitude": "min_value"},
        ),
        (
            {"latitude": "north", "longitude": 10**400},
            {"latitude": "invalid", "longitude": "overflow"},
        ),
        (
            {"latitude": "nan", "longitude": "inf"},
            {"latitude": "invalid", "longitude": "invalid"},
        ),
        ({"coord_type": "bd09"}, {"coord_type": "invalid_choice"}),
    ],
)
def test_a_report_that_can_not_be_is_refused_by_field(lake, wang, logged_in, facts, errors):
    response = logged_in(wang).post("/api/v1/communities/lake/reports", HAZARD | facts)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert {name: found[0]["code"] for name, found in response.json()["errors"].items()} == errors
    assert not Report.objects.exists()


def test_a_report_needs_a_category_and_a_text_and_half_a_place_on_earth_is_none(
    lake, wang, logged_in
):
    caller = logged_in(wang)

    def missing(**sent):
        answer = caller.post("/api/v1/communities/lake/reports", sent, format="multipart")
        assert answer.status_code == 400
        return set(answer.json()["errors"])

    assert missing() == {"category", "text"}
    assert missing(category="hazard", text="x", latitude="28.2") == {"longitude"}
    assert missing(category="hazard", text="x", longitude="112.9") == {"latitude"}


@pytest.mark.parametrize(
    ("content_type", "body", "status", "code"),
    [
        ("multipart/form-data", b"x", 400, "malformed"),
        ("multipart/form-data; boundary=b", b"\xff\x00 not a form", 400, "invalid_input"),
        ("application/json", b"{", 400, "malformed"),
        ("application/x-www-form-urlencoded", b"text=x", 415, "unsupported_media_type"),
        (
            # In the charset it claims this would be half of a surrogate pair.
            "multipart/form-data; boundary=b; charset=raw_unicode_escape",
            b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n\\ud800\r\n--b--\r\n',
            400,
            "invalid_input",
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="text"\r\n\r\n\x00\r\n--b--\r\n',
            400,
            "invalid_input",
        ),
    ],
)
def test_a_form_that_can_not_be_read_is_refused(
    lake, wang, logged_in, content_type, body, status, code
):
    response = logged_in(wang).generic(
        "POST", "/api/v1/communities/lake/reports", body, content_type=content_type
    )

    assert (response.status_code, response.json()["code"]) == (status, code)
    assert not Report.objects.exists()


def test_only_the_communitys_volunteers_report(lake, zhao, next_door, logged_in):
    for user in (zhao, next_door):
        response = logged_in(user).post("/api/v1/communities/lake/reports", HAZARD)
        assert (response.status_code, response.json()["code"]) == (403, "not_a_volunteer_here")
    nowhere = logged_in(zhao).post("/api/v1/communities/nowhere/reports", HAZARD)
    assert (nowhere.status_code, nowhere.json()["code"]) == (404, "community_unknown")
    assert not Report.objects.exists()


# --- what everybody may follow ----------------------------------------------------------------
def test_everybody_follows_how_reports_get_on_and_nobody_learns_who_or_exactly_where(
    hill, wang, zhao, reported
):
    waiting, handled = reported(wang), reported(wang)
    handling.accept(report=handled, handler=zhao)
    handled, _ = handling.close(report=handled, handler=zhao, answer="已换井盖")

    response = APIClient().get("/api/v1/communities/lake/reports")

    rows = [
        public_shape(
            handled,
            status="closed",
            answer="已换井盖",
            progress=[
                {"status": status, "at": iso(getattr(handled, f"{status}_at"))}
                for status in ("submitted", "accepted", "made_safe", "fixed", "closed")
            ],
            reward_state="paid",
            **moments(handled),
        ),
        public_shape(waiting),
    ]
    assert response.status_code == 200
    assert response.json() == {"next": None, "previous": None, "results": rows}
    for row in rows:
        one = APIClient().get(f"/api/v1/communities/lake/reports/{row['id']}")
        assert (one.status_code, one.json()) == (200, row)
        elsewhere = APIClient().get(f"/api/v1/communities/hill/reports/{row['id']}")
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("category", ["dispute", "assistance"])
def test_what_is_confidential_is_never_public(wang, reported, category):
    report = reported(wang, category)

    one = APIClient().get(f"/api/v1/communities/lake/reports/{report.pk}")

    assert APIClient().get("/api/v1/communities/lake/reports").json()["results"] == []
    assert (one.status_code, one.json()["code"]) == (404, "not_found")


# --- the reporter's own -----------------------------------------------------------------------
def test_my_reports_are_mine_alone_with_what_they_earned(wang, li, zhao, reported, logged_in):
    waiting, handled = reported(wang), reported(wang)
    handled, _ = handling.close(report=handled, handler=zhao)
    hers = reported(li)
    client = logged_in(wang)

    response = client.get("/api/v1/me/reports")

    rows = [
        shape(
            handled,
            status="closed",
            points=20,
            reward={"unit": "points", "amount": 20, "state": "paid"},
            **moments(handled),
        ),
        shape(waiting),
    ]
    assert response.status_code == 200
    assert response.json() == {"next": None, "previous": None, "results": rows}
    for row in rows:
        one = client.get(f"/api/v1/reports/{row['id']}")
        assert (one.status_code, one.json()) == (200, row)
    foreign = client.get(f"/api/v1/reports/{hers.pk}")
    assert (foreign.status_code, foreign.json()["code"]) == (404, "not_found")


# --- staff ------------------------------------------------------------------------------------
def test_staff_and_auditors_see_all_reports_and_who_made_them(
    wang, li, zhao, auditor, reported, logged_in
):
    hazard, dispute = reported(wang), reported(li, "dispute")
    rows = [
        shape(
            dispute,
            category="dispute",
            category_name="邻里纠纷",
            is_confidential=True,
            colour="blue",
            reporter=person_of(li),
        ),
        shape(hazard, reporter=person_of(wang)),
    ]

    for reader in (zhao, auditor):
        response = logged_in(reader).get("/api/v1/reports")
        assert response.status_code == 200
        assert response.json() == {"next": None, "previous": None, "results": rows}
        one = logged_in(reader).get(f"/api/v1/reports/{hazard.pk}")
        assert (one.status_code, one.json()) == (200, rows[1])


def test_reports_can_be_narrowed_down_to_a_status_and_a_community(
    hill, wang, zhao, reported, logged_in
):
    roles.give(user=zhao, community=hill, role=Role.STAFF)
    accepted, _ = reported(wang), reported(wang)
    handling.accept(report=accepted, handler=zhao)
    client = logged_in(zhao)

    def found(**query):
        return [row["id"] for row in client.get("/api/v1/reports", query).json()["results"]]

    assert found(status="accepted") == [str(accepted.pk)]
    assert found(status="accepted", community="lake") == [str(accepted.pk)]
    assert found(community="hill") == []
    assert client.get("/api/v1/reports", {"status": "x"}).status_code == 400


def test_longer_lists_of_reports_ask_the_database_no_more(wang, li, zhao, reported, logged_in):
    lists = [
        (APIClient(), "/api/v1/communities/lake/reports"),
        (logged_in(wang), "/api/v1/me/reports"),
        (logged_in(zhao), "/api/v1/reports"),
    ]

    def queries():
        # The throttle's counters are kept in the database as well.
        numbers = []
        for client, address in lists:
            with CaptureQueriesContext(connection) as asked:
                assert client.get(address).status_code == 200
            numbers.append(sum("volunteers_report" in query["sql"] for query in asked))
        return numbers

    reported(wang)
    few = queries()
    for _ in range(4):
        reported(li)
        handling.close(report=reported(wang), handler=zhao)

    assert queries() == few


def test_accepting_says_that_somebody_looks_after_it(wang, zhao, reported, logged_in):
    report, client = reported(wang), logged_in(zhao)

    first, again = (
        client.post(status_of(report), {"status": "accepted"}, headers=with_key(key))
        for key in ("k1", "k2")
    )

    report.refresh_from_db()
    assert first.status_code == 200
    assert first.json() == shape(
        report,
        status="accepted",
        accepted_at=iso(report.accepted_at),
        reporter=person_of(wang),
        award=None,
    )
    assert again.json() == first.json()


def test_a_verified_report_earns_once_and_says_why(lake, wang, zhao, reported, logged_in):
    report, client = reported(wang), logged_in(zhao)
    address = status_of(report)
    body = {"status": "closed", "answer": "已换井盖"}

    first = client.post(address, body, headers=with_key("k1"))
    same_request = client.post(address, body, headers=with_key("k1"))
    another_request = client.post(address, body, headers=with_key("k2"))

    report.refresh_from_db()
    assert first.status_code == 200
    assert first.json() == shape(
        report,
        status="closed",
        answer="已换井盖",
        points=20,
        reporter=person_of(wang),
        reward={"unit": "points", "amount": 20, "state": "paid"},
        award={
            "unit": "points",
            "amount": 20,
            "explanation": {
                "kind": {"name": "report", "inputs": 1},
                "rule": {
                    "id": str(Rule.objects.get(category="hazard").pk),
                    "subject": "report",
                    "category": "hazard",
                    "version": 1,
                },
                "inputs": {
                    "category": "hazard",
                    "reported_as": "hazard",
                    "colour": "red",
                    "group": "rider",
                    "closed_at": report.closed_at.isoformat(),
                },
                "arithmetic": {"reward": 20, "points": 20},
                "expiry": {
                    "served_on": lake.today.isoformat(),
                    "policy": "end_of_next_year",
                    "months": None,
                    "posted_on": lake.today.isoformat(),
                    "at_least_days": 90,
                    "expires_on": f"{lake.today.year + 1}-12-31",
                },
            },
        },
        **moments(report),
    )
    assert same_request.json() == first.json()
    assert same_request["Idempotency-Replayed"] == "true"
    assert another_request.json() == first.json()
    assert wallet_of(lake.pk, wang.pk).available == 20


def test_a_rejected_report_earns_nothing(wang, zhao, reported, logged_in):
    report = reported(wang)

    response = logged_in(zhao).post(
        status_of(report), {"status": "rejected", "answer": "未发现"}, headers=with_key()
    )

    report.refresh_from_db()
    assert response.status_code == 200
    assert response.json() == shape(
        report,
        status="rejected",
        closed_at=iso(report.closed_at),
        answer="未发现",
        reporter=person_of(wang),
        award=None,
    )
    assert not Award.objects.exists()


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"status": "required"}),
        ({"status": "submitted"}, {"status": "invalid_choice"}),
        ({"status": "rejected"}, {"answer": "required"}),
        ({"status": "rejected", "answer": " "}, {"answer": "required"}),
        ({"status": "closed", "answer": "x" * 501}, {"answer": "max_length"}),
    ],
)
def test_a_move_names_a_status_and_rejecting_a_reason(
    wang, zhao, reported, logged_in, body, errors
):
    report = reported(wang)

    response = logged_in(zhao).post(status_of(report), body, headers=with_key())

    assert (response.status_code, response.json()["code"]) == (400, "invalid_input")
    assert {name: found[0]["code"] for name, found in response.json()["errors"].items()} == errors
    report.refresh_from_db()
    assert report.status == "submitted"


MOVES = [
    {"status": "accepted"},
    {"status": "closed"},
    {"status": "rejected", "answer": "x"},
]


@pytest.mark.parametrize("body", MOVES)
def test_nobody_handles_a_report_of_their_own(lake, zhao, reported, logged_in, body):
    people.enrol(user=zhao, community=lake, kind=Volunteer.Kind.RESIDENT)
    own = reported(zhao)

    response = logged_in(zhao).post(status_of(own), body, headers=with_key())

    assert (response.status_code, response.json()["code"]) == (403, "own_report")


@pytest.mark.parametrize(
    ("closed_as", "body"),
    [
        ("rejected", {"status": "accepted"}),
        ("rejected", {"status": "closed"}),
        ("closed", {"status": "accepted"}),
        ("closed", {"status": "rejected", "answer": "x"}),
    ],
)
def test_a_closed_report_stays_as_it_is(wang, zhao, reported, logged_in, closed_as, body):
    report = reported(wang)
    if closed_as == "closed":
        handling.close(report=report, handler=zhao)
    else:
        handling.reject(report=report, handler=zhao, answer="未发现")

    response = logged_in(zhao).post(status_of(report), body, headers=with_key())

    assert (response.status_code, response.json()["code"]) == (409, "report_status_wrong")
    assert response.json()["current_status"] == closed_as


def test_a_report_that_no_rule_covers_stays_open(wang, zhao, reported, logged_in):
    report = reported(wang, "facility")

    response = logged_in(zhao).post(status_of(report), {"status": "closed"}, headers=with_key())

    assert (response.status_code, response.json()["code"]) == (409, "rule_missing")
    report.refresh_from_db()
    assert report.status == "submitted"


def test_closing_asks_for_an_idempotency_key(wang, zhao, reported, logged_in):
    report = reported(wang)

    response = logged_in(zhao).post(status_of(report), {"status": "closed"}, headers=with_key(None))

    assert (response.status_code, response.json()["code"]) == (400, "idempotency_key_missing")


def test_who_may_not_handle_a_report_does_not_find_it(
    wang, li, auditor, next_door, reported, logged_in
):
    report = reported(wang)

    for user in (wang, li, auditor, next_door):
        client = logged_in(user)
        for number, body in enumerate(MOVES):
            response = client.post(status_of(report), body, headers=with_key(str(number)))
            assert (response.status_code, response.json()["code"]) == (404, "not_found")
        if user in (li, next_door):
            assert client.get(f"/api/v1/reports/{report.pk}").status_code == 404
        if user != auditor:
            assert client.get("/api/v1/reports").json()["results"] == []
    report.refresh_from_db()
    assert report.status == "submitted"


ID = UUID("01900000-0000-7000-8000-000000000000")  # nobody's; the same in every worker


@pytest.mark.parametrize(
    ("method", "address"),
    [
        ("post", "communities/lake/reports"),
        ("get", "me/reports"),
        ("get", f"reports/{ID}"),
        ("get", f"reports/{ID}/photos/{ID}"),
        ("get", "reports"),
        ("post", f"reports/{ID}/status"),
    ],
)
def test_every_address_of_reports_but_the_public_ones_asks_for_a_log_in(lake, method, address):
    response = getattr(APIClient(), method)(f"/api/v1/{address}")

    assert (response.status_code, json.loads(response.content)["code"]) == (
        401,
        "not_authenticated",
    )
