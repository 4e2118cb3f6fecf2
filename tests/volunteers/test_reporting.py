"""Reporting: where reports come from, what is asked, what their reporters may still change."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone
from PIL import Image

from backend.accounts.models import Consent
from backend.communities.models import Role
from backend.communities.services import roles
from backend.files.pictures import PhotoFormatUnsupported, PhotoInvalid, PhotoTooLarge
from tests.backend.test_photos import renamed
from tests.volunteers.test_reports import picture, sent
from volunteers.models import Confirmation, Report, ReportCategory, ReportPhoto
from volunteers.reports import errors, selectors
from volunteers.reports.models.reports import Source
from volunteers.reports.services import confirming, correcting, handling, submitting

ADDRESS = "/api/v1/communities/lake/reports"
HAZARD = {"category": "hazard", "text": "井盖松动"}
FLOOR = {"code": "floor", "text": "哪一层？", "kind": "choice", "is_required": True}
QUESTIONS = [
    FLOOR | {"choices": ["一层", "二层"]},
    {"code": "since", "text": "多久了？", "kind": "text", "is_required": False, "choices": []},
    {"code": "people", "text": "几个人？", "kind": "number", "is_required": False, "choices": []},
    {"code": "danger", "text": "危险吗？", "kind": "yes_no", "is_required": False, "choices": []},
]


@pytest.fixture
def report(lake, wang):
    return submitting.submit(community=lake, reporter=wang, **HAZARD)


@pytest.fixture
def lift(lake):
    """A category of the lake's own, with questions."""
    return ReportCategory.objects.create(
        community=lake, code="lift", name="电梯", colour="yellow", questions=QUESTIONS
    )


def with_key(key="k"):
    return {"Idempotency-Key": key}


def stored_files():
    try:
        return set(default_storage.listdir("reports")[1])
    except FileNotFoundError:
        return set()


# --- where they come from ---------------------------------------------------------------------
def test_staff_relay_what_somebody_told_by_phone(lake, zhao, wang, logged_in):
    desk, body = logged_in(zhao), HAZARD | {"place": "3栋2单元楼道"}

    first, again = (
        desk.post(f"{ADDRESS}/relayed", body, headers=with_key("relayed")) for _ in range(2)
    )

    assert (first.status_code, again.json()) == (201, first.json())
    told = first.json()
    assert (told["source"], told["reporter"], told["latitude"]) == ("relayed", None, None)
    made = Report.objects.get()
    assert (made.relayed_by, made.reporter) == (zhao, None)
    assert (
        logged_in(wang).post(f"{ADDRESS}/relayed", body, headers=with_key("hers")).json()["code"]
        == "community_unknown"
    )


def test_an_import_keeps_its_own_time_and_needs_no_reporter(lake):
    then = timezone.now() - timedelta(days=400)

    made = submitting.submit(
        community=lake, reporter=None, source=Source.IMPORTED, now=then, **HAZARD
    )

    made.refresh_from_db()
    assert (made.submitted_at, made.reporter, made.source) == (then, None, "imported")


def test_a_category_that_the_community_does_not_have_or_retired_is_refused(lake, wang, logged_in):
    ReportCategory.objects.create(community=lake, code="facility", is_retired=True)

    for number, category in enumerate(["weather", "facility"]):
        answer = logged_in(wang).post(
            ADDRESS, HAZARD | {"category": category}, headers=with_key(str(number))
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "report_category_unknown")
    assert not Report.objects.exists()


# --- questions --------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "answers",
    [
        {"floor": "一层"},
        {"floor": "二层", "since": "三天", "people": 2.5, "danger": False},
        {"floor": "二层", "since": "", "people": None},
    ],
)
def test_answers_that_fit_are_kept(lake, wang, lift, logged_in, answers):
    body = HAZARD | {"category": "lift", "answers": answers}

    told = logged_in(wang).post(ADDRESS, body, headers=with_key())

    given = {code: answer for code, answer in answers.items() if answer not in ("", None)}
    assert (told.status_code, told.json()["answers"]) == (201, given)
    assert told.json()["colour"] == "yellow"


@pytest.mark.parametrize(
    ("answers", "wrong"),
    [
        ({}, {"floor": "required"}),
        ({"floor": ""}, {"floor": "required"}),
        ({"floor": "三层"}, {"floor": "invalid"}),
        ({"floor": ["一层"]}, {"floor": "invalid"}),
        ({"floor": "一层", "roof": "x"}, {"roof": "unknown"}),
        ({"floor": "一层", "people": "two"}, {"people": "invalid"}),
        ({"floor": "一层", "people": True}, {"people": "invalid"}),
        ({"floor": "一层", "danger": "yes"}, {"danger": "invalid"}),
        ({"floor": "一层", "since": "长" * 201}, {"since": "invalid"}),
        ({"floor": "一层", "since": 3}, {"since": "invalid"}),
        ([], {}),
        (3, {}),
    ],
)
def test_answers_that_do_not_fit_are_refused(lake, wang, lift, logged_in, answers, wrong):
    body = HAZARD | {"category": "lift", "answers": answers}

    told = logged_in(wang).post(ADDRESS, body, headers=with_key())

    assert (told.status_code, told.json()["code"]) == (400, "answers_invalid")
    assert told.json()["answers"] == wrong
    assert not Report.objects.exists()


def test_in_a_form_answers_are_the_json_of_an_object(lake, wang, lift, logged_in):
    phone = logged_in(wang)
    forms = [
        HAZARD | {"category": "lift", "answers": answers, "photos": [sent(picture())]}
        for answers in ('{"floor": "一层", "danger": true}', "{", '{"floor": "\\u0000"}')
    ]

    right, *wrong = (
        phone.post(ADDRESS, form, format="multipart", headers=with_key(str(number)))
        for number, form in enumerate(forms)
    )

    assert right.status_code == 201
    assert right.json()["answers"] == {"floor": "一层", "danger": True}
    assert [(answer.status_code, answer.json()["code"]) for answer in wrong] == [
        (400, "malformed"),
        (400, "malformed"),
    ]


# --- photos -----------------------------------------------------------------------------------
def test_nine_photos_with_their_thumbnails_and_no_tenth(lake, wang, logged_in):
    phone = logged_in(wang)

    def send(count, key):
        photos = [sent(picture(size=(800, 400))) for _ in range(count)]
        body = HAZARD | {"photos": photos}
        return phone.post(ADDRESS, body, format="multipart", headers=with_key(key))

    nine, ten = send(9, "nine"), send(10, "ten")

    assert (nine.status_code, len(nine.json()["photos"])) == (201, 9)
    assert (ten.status_code, ten.json()["code"], ten.json()["at_most"]) == (
        400,
        "too_many_photos",
        9,
    )
    assert (Report.objects.count(), ReportPhoto.objects.count()) == (1, 9)
    assert len(stored_files()) >= 18
    sizes = {
        (Image.open(photo.image).size, Image.open(photo.thumbnail).size)
        for photo in ReportPhoto.objects.all()
    }
    assert sizes == {((800, 400), (320, 160))}


HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 100


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (lambda: HEIC, PhotoFormatUnsupported),
        (lambda: HEIC.replace(b"ftypheic", b"ftypmif1"), PhotoFormatUnsupported),
        (lambda: HEIC.replace(b"ftypheic", b"ftypavif"), PhotoFormatUnsupported),
        (lambda: picture()[:3000], PhotoInvalid),
        (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", PhotoInvalid),
        (lambda: renamed(picture("PNG"), (60_000, 60_000)), PhotoTooLarge),
    ],
)
def test_of_a_refused_third_photo_nothing_is_stored(lake, wang, content, refusal):
    before = stored_files()
    photos = [sent(picture()), sent(picture("PNG")), sent(content())]

    with pytest.raises(refusal):
        submitting.submit(community=lake, reporter=wang, photos=photos, **HAZARD)

    assert (Report.objects.exists(), stored_files()) == (False, before)


def test_a_format_that_is_not_taken_is_named(lake, wang, logged_in):
    told = logged_in(wang).post(
        ADDRESS,
        HAZARD | {"photos": SimpleUploadedFile("a.heic", HEIC)},
        format="multipart",
        headers=with_key(),
    )

    assert (told.status_code, told.json()["code"]) == (400, "photo_format_unsupported")
    assert told.json()["format"] == "HEIC"


def test_of_a_polyglot_the_picture_alone_is_kept(lake, wang):
    """A JPEG that is a page, or an archive, as well."""
    script, archive = b"<script>alert(1)</script>", b"PK\x03\x04 inside.js"
    content = picture(comment=script) + archive

    submitting.submit(community=lake, reporter=wang, photos=[sent(content)], **HAZARD)

    photo = ReportPhoto.objects.get()
    for file in (photo.image, photo.thumbnail):
        kept = file.read()
        assert script not in kept
        assert b"PK\x03\x04" not in kept


def test_when_the_storage_fails_half_way_what_was_stored_goes_again(lake, wang, monkeypatch):
    before, save, times = stored_files(), default_storage.save, []

    def failing(*args, **kwargs):
        times.append(1)
        if len(times) == 5:  # the third photo
            raise OSError("the disk is full")
        return save(*args, **kwargs)

    monkeypatch.setattr(type(default_storage._wrapped), "save", lambda _, *a, **k: failing(*a, **k))
    with pytest.raises(OSError, match="full"):
        submitting.submit(
            community=lake, reporter=wang, photos=[sent(picture()) for _ in range(3)], **HAZARD
        )

    assert (Report.objects.exists(), stored_files()) == (False, before)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fails", [True, False])
def test_the_files_of_a_report_go_with_its_transaction(lake, wang, fails):
    before = stored_files()

    def outer():
        with transaction.atomic():
            submitting.submit(community=lake, reporter=wang, photos=[sent(picture())], **HAZARD)
            assert len(stored_files() - before) == 2
            if fails:
                raise RuntimeError("rolled back")

    if fails:
        with pytest.raises(RuntimeError):
            outer()
    else:
        outer()

    assert len(stored_files() - before) == (0 if fails else 2)


# --- until it is accepted ---------------------------------------------------------------------
def test_its_reporter_corrects_it_as_long_as_nobody_changed_it_meanwhile(
    lake, wang, lift, report, logged_in
):
    phone, address = logged_in(wang), f"/api/v1/reports/{report.pk}"
    read = phone.get(address)

    right = phone.patch(
        address,
        {"text": "两个井盖松动", "category": "lift", "answers": {"floor": "一层"}},
        headers={"If-Match": read["ETag"]},
    )
    stale = phone.patch(address, {"text": "别的"}, headers={"If-Match": read["ETag"]})

    assert right.status_code == 200
    assert (right.json()["text"], right.json()["category"]) == ("两个井盖松动", "lift")
    assert (right.json()["answers"], right.json()["colour"]) == ({"floor": "一层"}, "yellow")
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")


def test_a_correction_of_nothing_changes_nothing(wang, report, logged_in):
    phone, address = logged_in(wang), f"/api/v1/reports/{report.pk}"
    read = phone.get(address)

    answer = phone.patch(address, {}, headers={"If-Match": read["ETag"]})

    assert (answer.status_code, answer.json()) == (200, read.json())


def test_what_becomes_confidential_by_a_correction_is_public_no_more(lake, wang, report):
    correcting.correct(report=report, reporter=wang, changes={"category": "dispute"})

    assert not selectors.public_reports(lake).exists()


def test_corrected_coordinates_need_the_consent_as_well(lake, wang, report):
    Consent.objects.filter(user=wang).update(withdrawn_at=timezone.now())

    changed = correcting.correct(
        report=report, reporter=wang, changes={"latitude": 28.2, "longitude": 112.9}
    )

    assert (changed.latitude, changed.longitude) == (None, None)


def test_its_reporter_adds_photos_up_to_nine(wang, report, logged_in):
    phone, address = logged_in(wang), f"/api/v1/reports/{report.pk}/photos"

    def send(count, key):
        photos = [sent(picture()) for _ in range(count)]
        return phone.post(address, {"photos": photos}, format="multipart", headers=with_key(key))

    first, more, too_many = send(2, "a"), send(7, "b"), send(1, "c")

    assert (first.status_code, len(first.json()["photos"])) == (200, 2)
    assert (more.status_code, len(more.json()["photos"])) == (200, 9)
    assert (too_many.status_code, too_many.json()["code"]) == (400, "too_many_photos")
    assert ReportPhoto.objects.count() == 9


def test_its_reporter_withdraws_it_once(wang, report, logged_in):
    phone, address = logged_in(wang), f"/api/v1/reports/{report.pk}/withdraw"

    first, again = (phone.post(address, {"reason": "已经修好"}) for _ in range(2))

    assert (first.status_code, first.json()["status"]) == (200, "withdrawn")
    assert again.json() == first.json()
    report.refresh_from_db()
    assert (report.closed_by, report.reason) == (wang, "已经修好")


@pytest.mark.parametrize(
    "act",
    [
        lambda report, wang: correcting.correct(
            report=report, reporter=wang, changes={"text": "别的"}
        ),
        lambda report, wang: correcting.add_photos(
            report=report, reporter=wang, photos=[sent(picture())]
        ),
        lambda report, wang: correcting.withdraw(report=report, reporter=wang),
    ],
    ids=["correct", "add", "withdraw"],
)
def test_once_it_is_accepted_its_reporter_changes_nothing(wang, zhao, report, act):
    handling.accept(report=report, handler=zhao)
    before = stored_files()

    with pytest.raises(errors.ReportStatusWrong) as refused:
        act(report, wang)

    assert refused.value.facts == {"current_status": "accepted"}
    assert stored_files() == before


def test_nobody_else_corrects_adds_or_withdraws(li, zhao, report, logged_in):
    address = f"/api/v1/reports/{report.pk}"
    for user in (li, zhao):
        caller = logged_in(user)
        assert caller.patch(address, {"text": "别的"}).status_code == 404
        assert caller.post(f"{address}/withdraw", {}).status_code == 404
        photos = {"photos": sent(picture())}
        added = caller.post(f"{address}/photos", photos, format="multipart", headers=with_key())
        assert added.status_code == 404


# --- me too -----------------------------------------------------------------------------------
def test_a_volunteer_confirms_once_and_is_told_no_small_count(li, report, logged_in):
    phone, address = logged_in(li), f"{ADDRESS}/{report.pk}/confirm"

    first, again = (phone.post(address) for _ in range(2))

    assert (first.status_code, first.json()["confirmations"]) == (200, None)  # 0 or >= 5
    assert again.json() == first.json()
    assert Confirmation.objects.get().confirmer == li


def test_who_may_not_confirm(lake, wang, zhao, report):
    with pytest.raises(errors.OwnConfirmation):
        confirming.confirm(report=report, confirmer=wang)
    with pytest.raises(confirming.NotAVolunteerHere):
        confirming.confirm(report=report, confirmer=zhao)


def test_an_ended_report_is_not_confirmed(li, zhao, report):
    handling.reject(report=report, handler=zhao, answer="没有")

    with pytest.raises(errors.ReportStatusWrong):
        confirming.confirm(report=report, confirmer=li)


@pytest.mark.parametrize(
    "hidden", [{"is_confidential": True}, {"is_screened": False}, {"is_by_child": True}]
)
def test_what_is_hidden_is_neither_confirmed_nor_found(li, report, logged_in, hidden):
    Report.objects.filter(pk=report.pk).update(**hidden)

    answer = logged_in(li).post(f"{ADDRESS}/{report.pk}/confirm")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert not Confirmation.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_ten_taps_at_once_are_one_confirmation(li, report, at_once):
    made = at_once(10, lambda _: confirming.confirm(report=report, confirmer=li).pk)

    assert set(made) == {Confirmation.objects.get().pk}


def test_who_confirms_for_another_community_is_no_volunteer_here(hill, person, report, logged_in):
    user = person("sun", "孙社工")
    roles.give(user=user, community=hill, role=Role.STAFF)

    answer = logged_in(user).post(f"{ADDRESS}/{report.pk}/confirm")

    assert (answer.status_code, answer.json()["code"]) == (403, "not_a_volunteer_here")
