"""A list is uploaded, checked, run and taken back by staff, through the API."""

import io
import tracemalloc
from datetime import date, timedelta

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.utils import timezone
from python_calamine import CalamineWorkbook

from backend.accounts.models import User
from backend.accounts.phones import digest
from backend.accounts.services.people import put_on_record
from backend.audit.models import AuditEntry
from backend.communities.models import Membership, Role
from backend.communities.services import roles
from backend.imports import kinds, tasks
from backend.imports.models import Import, ImportedRow, ImportFault
from backend.imports.services import steps, working
from backend.outbox import services as outbox
from merchants.catalogue.services import offers as catalogue
from merchants.models import Increase, Offer, Partnership
from merchants.redemption.services import vouchers
from tests.long import IS_LONG
from volunteers.attendance.services import hours, sign_ups
from volunteers.models import Activity, Attendance, Report, Shift, Team, TeamMember, Volunteer
from volunteers.reports.services import handling
from volunteers.teams import services as teams

PEOPLE, DAYS = (100, 100) if IS_LONG else (25, 40)  # in the longest list

LIST = "/api/v1/communities/lake/imports"
FILES = {
    "volunteers": "姓名,手机号,身份,小区\n孙一,19911110001,居民,一号院\n周二,19911110002,快递员,\n",
    "teams": "队伍,类型,姓名,手机号,队长\n"
    "红马甲,服务队,王小明,{wang},是\n红马甲,服务队,李阿姨,{li},否\n",
    "activities": "活动,类别,开始,结束\n扫雪,环境,2030-01-01 08:00,2030-01-01 10:00\n"
    "扫雪,环境,2030-01-02 08:00,2030-01-02 10:00\n",
    "sign_ups": "活动,开始,姓名,手机号\n扫雪,2030-01-01 08:00,王小明,{wang}\n",
    "hours": "活动,类别,姓名,手机号,签到,签退\n"
    "巡逻,环境,王小明,{wang},2024-03-01 07:00,2024-03-01 09:00\n"
    "巡逻,环境,李阿姨,{li},2024-03-01 07:00,2024-03-01 09:00\n",
    "reports": "编号,时间,手机号,类别,描述\nR1,2024-03-01 07:00,{wang},安全隐患,井盖松动\n",
    "merchants": "商户,行业,每积分结算(分),公益捐赠不结算\n面馆,餐饮,10,否\n书店,图书,0,是\n",
    "offers": "编号,商户,商品,积分,库存\nCAKE,茶馆,蛋糕,10,3\n",
}


@pytest.fixture(autouse=True)
def _cast(wang, li, zhao, tea_house):
    """All whom the lists name."""


@pytest.fixture
def office(logged_in, zhao):
    return logged_in(zhao)


@pytest.fixture
def sun(lake, person):
    """孙社工, another member of the staff."""
    sun = person("sun", "孙社工")
    roles.give(user=sun, community=lake, role=Role.STAFF)
    return sun


@pytest.fixture
def written(wang, li):
    """Returns a file of a kind, with the phones of those whom it names."""
    return lambda text: text.replace("{wang}", wang.phone).replace("{li}", li.phone)


@pytest.fixture
def upload(office, written):
    """Uploads a file: ``upload("volunteers")``, or with other contents; answers its id."""
    count = 0

    def send(kind, text=None, *, client=office, name="list.csv"):
        nonlocal count
        count += 1
        content = text if isinstance(text, bytes) else written(text or FILES[kind]).encode()
        told = client.post(
            LIST,
            {"kind": kind, "file": SimpleUploadedFile(name, content)},
            format="multipart",
            headers={"Idempotency-Key": f"upload-{count}"},
        )
        assert told.status_code == 201, told.json()
        return told.json()

    return send


def work(one):
    outbox.attempt("import", community_id=community_of(one), pk=one["id"])


def community_of(one):
    return Import.objects.values_list("community", flat=True).get(pk=one["id"])


@pytest.fixture
def checked(office, upload):
    """Uploads a file and has it checked under what was suggested, or ``columns``."""

    def check(kind, text=None, columns=None, **how):
        one = upload(kind, text, **how)
        mapped = columns or {c["name"]: c["heading"] for c in one["columns"] if c["heading"]}
        body = [{"name": name, "heading": heading} for name, heading in mapped.items()]
        told = office.put(f"/api/v1/imports/{one['id']}/mapping", {"columns": body})
        assert told.json()["status"] == "checking", told.json()
        work(one)
        return office.get(f"/api/v1/imports/{one['id']}").json()

    return check


@pytest.fixture
def done(office, checked):
    """Imports a file."""

    def run(kind, text=None, **how):
        one = checked(kind, text, **how)
        assert (one["status"], one["has_errors"]) == ("checked", False), one
        told = office.post(f"/api/v1/imports/{one['id']}/run", {})
        assert told.json()["status"] == "running", told.json()
        work(one)
        one = office.get(f"/api/v1/imports/{one['id']}").json()
        assert one["status"] == "done", one
        return one

    return run


@pytest.fixture
def taken_back(office):
    """Takes an import back, as far as the worker's end of it."""

    def take(one, client=office):
        told = client.post(f"/api/v1/imports/{one['id']}/take-back")
        if told.status_code == 200:
            work(one)
            return client.get(f"/api/v1/imports/{one['id']}").json()
        return told.json()

    return take


# --- the way of a list ------------------------------------------------------------------------
def test_a_list_is_checked_before_anything_is_written(checked, office, lake):
    one = checked("volunteers")

    assert (one["status"], one["rows_count"], one["created_count"]) == ("checked", 2, 2)
    assert not User.objects.filter(phone_digest=digest("19911110001")).exists()
    assert not ImportedRow.objects.exists()

    office.post(f"/api/v1/imports/{one['id']}/run", {})
    work(one)
    assert Volunteer.objects.filter(community=lake).count() == 2 + 2
    assert office.get(f"/api/v1/imports/{one['id']}").json()["status"] == "done"
    acts = AuditEntry.objects.filter(community=lake, target_id=one["id"])
    assert list(acts.order_by("id").values_list("action", flat=True)) == [
        "import.upload",
        "import.run",
    ]


def test_a_row_wrong_in_three_ways_tells_all_three_with_what_stands_there(checked, office):
    text = "姓名,手机号,身份\n孙一,19911110001,居民\n=1+1,1991111000,飞行员\n"
    one = checked("volunteers", text)

    assert (one["status"], one["has_errors"], one["errors_count"]) == ("checked", True, 3)
    rows = office.get(f"/api/v1/imports/{one['id']}/rows").json()["results"]
    assert [(row["line"], row["column"], row["code"], row["value"]) for row in rows] == [
        (3, "姓名", "formula", "=1+1"),
        (3, "手机号", "phone_invalid", "199*******"),
        (3, "身份", "choice_unknown", "飞行员"),
    ]
    assert all(row["reason"] for row in rows)


def test_what_services_refuse_of_a_row_is_told_together(checked, office):
    text = (
        "活动,类别,开始,结束,队伍,场地\n扫雪,环境,2030-01-01 10:00,2030-01-01 08:00,没有,也没有\n"
    )
    one = checked("activities", text)

    rows = office.get(f"/api/v1/imports/{one['id']}/rows").json()["results"]
    assert [row["code"] for row in rows] == [
        "team_unknown",
        "venue_unknown",
        "shift_times_invalid",
    ]


def test_a_list_with_errors_runs_only_if_they_are_left_out(checked, office, lake):
    one = checked("volunteers", FILES["volunteers"] + "无名,123,居民,\n")
    refused = office.post(f"/api/v1/imports/{one['id']}/run", {})
    told = refused.json()
    assert (refused.status_code, told["code"], told["errors_count"]) == (
        409,
        "import_has_errors",
        1,
    )

    office.post(f"/api/v1/imports/{one['id']}/run", {"skips_bad": True})
    work(one)
    told = office.get(f"/api/v1/imports/{one['id']}").json()
    assert (told["status"], told["created_count"], told["skipped_count"]) == ("done", 2, 1)


def test_the_rows_to_mend_can_be_mended_and_uploaded_again(checked, office, done):
    one = checked("volunteers", FILES["volunteers"] + "无名,123,居民,二号院\n")
    got = office.get(f"/api/v1/imports/{one['id']}/errors.xlsx")
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(got.streaming_content)))
    header, row = sheet.get_sheet_by_index(0).to_python()
    assert header[:4] == ["姓名", "手机号", "身份", "小区"]
    assert row[:5] == ["无名", "123", "居民", "二号院", 4]
    assert "手机号" in row[5]

    mended = [header, [row[0], "19911110003", *row[2:]]]
    text = "\n".join(",".join(f'"{cell}"' for cell in line) for line in mended)
    assert done("volunteers", text)["created_count"] == 1


def test_a_row_that_is_left_alone_since_the_check_stops_nothing(checked, office, lake):
    one = checked("volunteers")
    put_on_record(name="另一人", phone="19911110001")
    office.post(f"/api/v1/imports/{one['id']}/run", {})
    before = Volunteer.objects.filter(community=lake).count()
    work(one)

    told = office.get(f"/api/v1/imports/{one['id']}").json()
    # Somebody else's number is left alone, and stops nothing.
    assert (told["status"], told["created_count"], told["skipped_count"]) == ("done", 1, 1)
    assert Volunteer.objects.filter(community=lake).count() == before + 1


def test_a_run_of_which_a_row_became_wrong_fails_and_may_be_checked_anew(
    checked, office, tea_house
):
    one = checked("offers")
    catalogue.offer(
        partnership=tea_house,
        code="CAKE",
        title="别的",
        price_points=1,
        stock=1,
    )
    office.post(f"/api/v1/imports/{one['id']}/run", {})
    work(one)
    told = office.get(f"/api/v1/imports/{one['id']}").json()
    assert (told["status"], told["errors_count"]) == ("failed", 1)
    assert not ImportedRow.objects.exists()

    Offer.objects.filter(code="CAKE").update(code="OTHER")
    body = [{"name": c["name"], "heading": c["heading"]} for c in told["columns"]]
    office.put(f"/api/v1/imports/{one['id']}/mapping", {"columns": body})
    work(one)
    assert office.get(f"/api/v1/imports/{one['id']}").json()["status"] == "checked"


# --- mapping ----------------------------------------------------------------------------------
STRANGE = "标题\n\n谁,电话,什么人\n孙一,19911110001,居民\n"
STRANGE_COLUMNS = {"name": "谁", "phone": "电话", "kind": "什么人"}


def test_the_mapping_is_remembered_for_the_next_list_of_the_kind(checked, upload, office):
    first = upload("volunteers", STRANGE)
    assert first["headings"] == ["谁", "电话", "什么人"]
    assert [c["heading"] for c in first["columns"]] == [""] * 4

    one = checked("volunteers", STRANGE, STRANGE_COLUMNS)
    assert (one["status"], one["created_count"]) == ("checked", 1)

    again = upload("volunteers", STRANGE.replace("孙一", "孙二"))
    assert {c["name"]: c["heading"] for c in again["columns"]} == STRANGE_COLUMNS | {"estate": ""}
    assert [c["heading"] for c in upload("teams")["columns"]][:1] == ["队伍"]


def test_errors_name_columns_as_the_file_does(checked, office):
    one = checked("volunteers", STRANGE.replace("19911110001", "1"), STRANGE_COLUMNS)
    (row,) = office.get(f"/api/v1/imports/{one['id']}/rows").json()["results"]
    assert row["column"] == "电话"


@pytest.mark.parametrize(
    ("columns", "missing", "unknown"),
    [
        ({"name": "谁", "phone": "电话"}, ["身份"], []),
        ({**STRANGE_COLUMNS, "shoe": "谁"}, [], ["shoe"]),
        ({**STRANGE_COLUMNS, "estate": "没有"}, [], ["没有"]),
        ({**STRANGE_COLUMNS, "estate": "谁"}, [], []),
    ],
)
def test_a_mapping_that_is_not_one_is_refused(upload, office, columns, missing, unknown):
    one = upload("volunteers", STRANGE)
    body = [{"name": name, "heading": heading} for name, heading in columns.items()]
    refused = office.put(f"/api/v1/imports/{one['id']}/mapping", {"columns": body}).json()
    assert (refused["code"], refused["missing"], refused["unknown"]) == (
        "import_mapping_invalid",
        missing,
        unknown,
    )


def test_a_gb18030_file_by_semicolons_and_an_xlsx_are_read(checked, done, office):
    text = FILES["volunteers"].replace(",", ";").encode("gb18030")
    assert checked("volunteers", text)["created_count"] == 2

    got = office.get("/api/v1/imports/templates/volunteers.xlsx")
    book = CalamineWorkbook.from_filelike(io.BytesIO(b"".join(got.streaming_content)))
    assert book.get_sheet_by_index(0).to_python() == [["姓名", "手机号", "身份", "小区"]]
    explained = book.get_sheet_by_index(1).to_python()
    assert [row[0] for row in explained[1:]] == ["姓名", "手机号", "身份", "小区"]
    assert all(row[2] and row[3] for row in explained[1:])


@pytest.mark.parametrize("kind", sorted(kinds.registered))
def test_the_template_of_each_kind_is_a_list_that_can_be_filled_in(office, kind, upload):
    got = office.get(f"/api/v1/imports/templates/{kind}.xlsx")
    content = b"".join(got.streaming_content)
    one = upload(kind, content, name="list.xlsx")
    assert [c["heading"] for c in one["columns"]] == [c["header"] for c in one["columns"]]
    assert all(c["example"] for c in one["columns"] if c["is_required"])


# --- refusals ---------------------------------------------------------------------------------
def test_what_is_no_list_is_refused_with_its_own_code(office):
    for content, fault in [(b"", "file_empty"), (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file_xls")]:
        told = office.post(
            LIST,
            {"kind": "hours", "file": SimpleUploadedFile("a.csv", content or b"\n")},
            format="multipart",
            headers={"Idempotency-Key": f"no-{fault}"},
        )
        assert told.status_code == 400, told.json()
        assert (told.json()["code"], told.json()["fault"]) == ("import_file_invalid", fault)
    assert not Import.objects.exists()


def test_a_file_that_is_too_large_is_refused(office, monkeypatch):
    monkeypatch.setattr(steps, "MAX_FILE_BYTES", 10)
    told = office.post(
        LIST,
        {"kind": "hours", "file": SimpleUploadedFile("a.csv", b"x" * 11)},
        format="multipart",
        headers={"Idempotency-Key": "large"},
    )
    assert (told.status_code, told.json()["code"]) == (400, "import_file_too_large")


def test_a_list_of_too_many_rows_is_a_fault_of_the_file(checked, monkeypatch):
    monkeypatch.setattr(working, "MAX_ROWS", 1)
    one = checked("volunteers")
    assert (one["status"], one["fault"]["code"]) == ("failed", "too_many_rows")


def test_an_unknown_kind_is_refused(office):
    told = office.get("/api/v1/imports/templates/shoes.xlsx")
    assert (told.status_code, told.json()["code"]) == (404, "import_kind_unknown")


def test_steps_out_of_turn_are_refused(upload, done, office):
    one = upload("volunteers")
    run, back = f"/api/v1/imports/{one['id']}/run", f"/api/v1/imports/{one['id']}/take-back"
    for address in (run, back):
        told = office.post(address, {} if address == run else None)
        assert (told.status_code, told.json()["code"]) == (409, "import_status_wrong")

    one = done("volunteers")
    body = [{"name": c["name"], "heading": c["heading"]} for c in one["columns"]]
    told = office.put(f"/api/v1/imports/{one['id']}/mapping", {"columns": body})
    assert told.json()["code"] == "import_status_wrong"
    assert office.post(f"/api/v1/imports/{one['id']}/run", {}).json()["status"] == "done"


def test_files_and_what_is_told_of_their_rows_are_removed_after_a_week(checked, office):
    one = checked("volunteers", FILES["volunteers"] + "无名,123,居民,\n")
    stored = Import.objects.get().stored_as
    assert tasks.remove_old_files() == {"removed": 0}
    Import.objects.update(uploaded_at=timezone.now() - timedelta(days=8))

    assert tasks.remove_old_files() == {"removed": 1}
    assert not default_storage.exists(stored)
    assert not ImportFault.objects.exists()
    assert office.get(f"/api/v1/imports/{one['id']}").json()["has_file"] is False
    for told in [
        office.get(f"/api/v1/imports/{one['id']}/errors.xlsx"),
        office.post(f"/api/v1/imports/{one['id']}/run", {"skips_bad": True}),
    ]:
        assert (told.status_code, told.json()["code"]) == (409, "import_file_gone")


def test_an_auditor_reads_imports_and_changes_nothing(done, logged_in, person, lake, written):
    one = done("volunteers")
    auditor = person("auditor", "钱审计")
    roles.give(user=auditor, community=lake, role=Role.AUDITOR)
    client = logged_in(auditor)

    assert client.get(f"/api/v1/imports/{one['id']}").status_code == 200
    assert client.post(f"/api/v1/imports/{one['id']}/take-back").status_code == 404
    assert client.post(f"/api/v1/imports/{one['id']}/run", {}).status_code == 404


# --- nobody does by a list what they may not by hand ------------------------------------------
def test_who_imports_hours_does_not_verify_them(done, zhao, sun, lake):
    done("hours")
    attendance = Attendance.objects.filter(community=lake).first()

    (refused,) = hours.verify_many(community=lake, attendances=[attendance], verifier=zhao)
    assert refused.code == "own_record"
    hours.verify(attendance=attendance, verifier=sun)


def test_what_imported_merchants_are_paid_waits_for_a_second_person(done, lake, checked):
    done("merchants")
    noodles = Partnership.objects.get(name="面馆")
    assert (noodles.status, noodles.terms.count()) == (Partnership.Status.CANDIDATE, 0)
    assert Increase.objects.get(partnership=noodles).status == Increase.Status.PENDING
    assert Partnership.objects.get(name="书店").terms.get().kind == "donated"
    assert checked("merchants")["unchanged_count"] == 2


def test_imported_offers_wait_for_somebody_elses_decision(done, zhao, sun):
    done("offers")
    cake = Offer.objects.get(code="CAKE")
    assert (cake.status, cake.proposed_by_id) == (Offer.Status.PROPOSED, zhao.pk)


def test_staff_do_not_enrol_themselves_by_a_list(checked, zhao, office):
    one = checked("volunteers", f"姓名,手机号,身份\n赵社工,{zhao.phone},居民\n")
    (row,) = office.get(f"/api/v1/imports/{one['id']}/rows").json()["results"]
    assert row["code"] == "own_role"


# --- taking back ------------------------------------------------------------------------------
def _rows_there():
    models = (Volunteer, Team, TeamMember, Activity, Shift, Attendance, Report)
    counts = {model.__name__: model.objects.count() for model in models}
    return counts | {
        "roles": Membership.objects.filter(ended_at=None).count(),
        "partners": Partnership.objects.exclude(status="ended").count(),
        "offers": Offer.objects.exclude(status__in=["rejected", "withdrawn"]).count(),
    }


@pytest.mark.parametrize("kind", sorted(kinds.registered))
def test_a_list_that_was_taken_back_leaves_nothing_and_can_be_imported_again(
    kind, done, taken_back, lake, zhao
):
    if kind == "sign_ups":
        done("activities")
    before = _rows_there()
    first = done(kind)
    assert _rows_there() != before
    told = taken_back(first)
    assert (told["status"], told["taken_back_by"]["id"]) == ("taken_back", str(zhao.pk))
    if kind == "sign_ups":
        Attendance.objects.filter(status="cancelled").delete()
    assert _rows_there() == before
    again = done(kind)
    assert again["created_count"] == first["created_count"]
    assert taken_back(told)["status"] == "taken_back"
    assert _rows_there() != before


def _of(told):
    assert told.get("code") == "import_built_upon", told
    assert told["count"] >= 1
    assert all(row["reason"] for row in told["rows"])
    return {(row["line"], row["thing"]) for row in told["rows"]}


def test_people_who_logged_in_or_did_something_are_not_taken_back(done, taken_back, lake):
    one = done("volunteers")
    people = User.objects.filter(phone_digest__in=[digest(f"1991111000{n}") for n in (1, 2)])
    first, second = people.order_by("name")
    User.objects.filter(pk=first.pk).update(last_login=timezone.now())
    assert len(_of(taken_back(one))) == 1

    User.objects.filter(pk=first.pk).update(last_login=None)
    teams.join(team=Team.objects.create(community=lake, name="队", is_open=True), volunteer=second)
    assert len(_of(taken_back(one))) == 1
    assert Volunteer.objects.filter(community=lake, user__in=[first, second]).count() == 2


def test_hours_of_people_who_were_listed_keep_them_until_they_are_taken_back(done, taken_back):
    people = done("volunteers")
    text = FILES["hours"].replace("王小明,{wang}", "孙一,19911110001")
    attended = done("hours", text)
    assert _of(taken_back(people)) == {(2, "volunteer")}
    assert taken_back(attended)["status"] == "taken_back"
    assert taken_back(people)["status"] == "taken_back"


def test_verified_hours_are_voided_unless_their_points_are_spent(
    done, taken_back, lake, wang, li, sun, tea, office
):
    one = done("hours")
    for attendance in Attendance.objects.filter(community=lake):
        hours.verify(attendance=attendance, verifier=sun)
    Offer.objects.filter(pk=tea.pk).update(price_points=5)
    tea.refresh_from_db()
    voucher = vouchers.take(offer=tea, volunteer=wang)
    assert _of(taken_back(one)) == {(2, "hours")}
    assert Attendance.objects.filter(status="voided").count() == 0

    vouchers.cancel(redemption=voucher)
    assert taken_back(one)["status"] == "taken_back"
    assert set(Attendance.objects.values_list("status", flat=True)) == {"voided"}


def test_who_verified_hours_does_not_take_them_back(done, taken_back, lake, sun, logged_in):
    one = done("hours")
    for attendance in Attendance.objects.filter(community=lake):
        hours.verify(attendance=attendance, verifier=sun)
    assert len(_of(taken_back(one, logged_in(sun)))) == 2


def test_sign_ups_of_those_who_came_are_not_taken_back(done, taken_back, lake):
    done("activities")
    one = done("sign_ups")
    Attendance.objects.update(status="checked_in", checked_in_at=timezone.now())
    assert _of(taken_back(one)) == {(2, "sign_up")}


def test_shifts_with_sign_ups_and_activities_with_other_shifts_are_not_taken_back(
    done, taken_back, wang
):
    one = done("activities")
    shift = Shift.objects.order_by("starts_at").first()
    place = sign_ups.sign_up(shift=shift, volunteer=wang)
    assert _of(taken_back(one)) == {(2, "shift")}
    place.delete()
    Shift.objects.create(
        community=shift.community,
        activity=shift.activity,
        starts_at=shift.starts_at + timedelta(days=9),
        ends_at=shift.ends_at + timedelta(days=9),
    )
    assert _of(taken_back(one)) == {(2, "activity")}


def test_teams_with_activities_or_members_who_left_are_not_taken_back(done, taken_back, lake, li):
    one = done("teams")
    team = Team.objects.get(name="红马甲")
    activity = Activity.objects.create(community=lake, team=team, title="队活动", category="*")
    assert _of(taken_back(one)) == {(2, "team")}
    activity.delete()
    teams.leave(member=TeamMember.objects.get(volunteer=li))
    assert _of(taken_back(one)) == {(3, "team_member")}


def test_reports_that_were_handled_are_not_taken_back(done, taken_back, zhao):
    one = done("reports")
    handling.accept(report=Report.objects.get(code="R1"), handler=zhao)
    assert _of(taken_back(one)) == {(2, "report")}


def test_partners_with_offers_are_not_taken_back(done, taken_back, zhao):
    one = done("merchants")
    catalogue.propose(
        partnership=Partnership.objects.get(name="书店"),
        by=zhao,
        is_staff=True,
        code="BOOK",
        title="书",
        price_points=10,
        stock=1,
    )
    assert _of(taken_back(one)) == {(3, "partnership")}


def test_offers_with_vouchers_are_not_taken_back(done, taken_back, sun, wang, by_two, grant_points):
    one = done("offers")
    cake = Offer.objects.get(code="CAKE")
    by_two(catalogue.decide(offer=cake, accept=True, by=sun))
    grant_points(wang, 50)
    vouchers.take(offer=Offer.objects.get(code="CAKE"), volunteer=wang)
    assert _of(taken_back(one)) == {(2, "offer")}


def test_what_was_built_after_the_request_stops_the_worker(done, office, zhao):
    one = done("reports")
    office.post(f"/api/v1/imports/{one['id']}/take-back")
    handling.accept(report=Report.objects.get(code="R1"), handler=zhao)
    work(one)
    told = office.get(f"/api/v1/imports/{one['id']}").json()
    assert (told["status"], told["fault"]["code"]) == ("done", "import_built_upon")
    assert Report.objects.filter(code="R1").exists()


# --- workers ----------------------------------------------------------------------------------
class Killed(BaseException):
    pass


def test_a_worker_killed_in_the_midst_has_written_nothing_and_the_next_does_it_once(
    checked, office, lake, monkeypatch
):
    one = checked("volunteers")
    office.post(f"/api/v1/imports/{one['id']}/run", {})
    monkeypatch.setattr(working, "_record", _dies)
    with pytest.raises(Killed):
        work(one)
    assert not ImportedRow.objects.exists()
    monkeypatch.undo()
    work(one)  # the lease of the dead
    assert office.get(f"/api/v1/imports/{one['id']}").json()["status"] == "running"

    Import.objects.update(next_at=timezone.now())
    work(one)
    assert office.get(f"/api/v1/imports/{one['id']}").json()["status"] == "done"
    assert Volunteer.objects.filter(community=lake).count() == 2 + 2
    assert ImportedRow.objects.count() == 2


def _dies(*_):
    raise Killed


def test_a_worker_that_lost_its_lease_writes_nothing(checked, office, lake, monkeypatch):
    one = checked("volunteers")
    office.post(f"/api/v1/imports/{one['id']}/run", {})
    end = working._end

    def late(import_, progress, **values):
        Import.objects.update(next_at=timezone.now() + timedelta(minutes=9))  # another has it
        end(import_, progress, **values)

    monkeypatch.setattr(working, "_end", late)
    work(one)
    assert Volunteer.objects.filter(community=lake).count() == 2
    assert Import.objects.get(pk=one["id"]).status == "running"


def test_an_import_that_breaks_off_again_and_again_says_so(checked, office, monkeypatch):
    one = checked("volunteers")
    office.post(f"/api/v1/imports/{one['id']}/run", {})
    monkeypatch.setattr(working, "_run", _fails)
    for _ in range(4):
        Import.objects.update(next_at=timezone.now())
        work(one)
    told = office.get(f"/api/v1/imports/{one['id']}").json()
    assert (told["status"], told["fault"]["code"]) == ("failed", "import_broke_off")


def _fails(*_):
    raise RuntimeError("the disk is full")


# --- many rows --------------------------------------------------------------------------------
@pytest.fixture
def statements(monkeypatch):
    """Counts the statements of what is called: ``statements(work, one)``.

    Nobody reads them for the community that they name: with hundreds of rows each, that takes much
    longer than to execute them, and other tests do.
    """

    def count(act, *arguments):
        counted = 0

        def note(execute, sql, params, many, context):
            nonlocal counted
            counted += 1
            return execute(sql, params, many, context)

        with monkeypatch.context() as patched:
            patched.setattr(connections["default"], "execute_wrappers", [note])
            act(*arguments)
        return counted

    return count


@pytest.mark.slow
def test_thousands_of_hours_take_bounded_memory_and_statements(
    upload, statements, done, lake, zhao
):
    people = [(f"志愿者{n:03}", f"1992222{n:04}") for n in range(PEOPLE)]
    done("volunteers", "姓名,手机号,身份\n" + "".join(f"{a},{b},居民\n" for a, b in people))
    first = date(2024, 1, 1)
    days = [(first + timedelta(days=n)).isoformat() for n in range(DAYS)]
    text = "活动,类别,姓名,手机号,签到,签退\n" + "".join(
        f"巡逻,环境,{name},{phone},{day} 07:00,{day} 09:00\n"
        for day in days
        for name, phone in people
    )
    listed = Import.objects.get(pk=upload("hours", text)["id"])
    one = {"id": str(listed.pk)}
    # What the run does, the check has done before and rolled back.
    listed.save_with(status="checked", mapping={c.name: c.header for c in steps.columns_of(listed)})
    steps.run(one=listed, skips_bad=False, by=zhao)
    tracemalloc.start()
    try:
        ran = statements(work, one)
        assert tracemalloc.get_traced_memory()[1] < (60_000_000 if IS_LONG else 11_000_000)
    finally:
        tracemalloc.stop()
    rows = len(people) * len(days)
    assert Attendance.objects.filter(community=lake).count() == rows
    assert ran < 25 * (rows // 500) + 50

    asked = statements(lambda: steps.take_back(one=listed, by=zhao))
    assert max(asked, statements(work, one)) < 500
    assert not Attendance.objects.filter(community=lake).exists()
    assert not Shift.objects.filter(community=lake).exists()
