"""``manage.py import_volunteers``: the real file, and files that staff get wrong."""

import csv
import re
import unicodedata
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import timezone, translation
from xlsxwriter import Workbook

from backend.accounts.models import User
from backend.accounts.services import phone, profile
from backend.communities.models import Community
from backend.communities.selectors import communities_of
from backend.communities.services import places
from backend.privacy.services import erasure
from tests.long import IS_LONG
from volunteers.models import Volunteer
from volunteers.people.errors import JoinRequestStatusWrong
from volunteers.people.services import joining, people

REAL = settings.BASE_DIR / "backend" / "top" / "scenarios" / "bishahu" / "volunteers.csv"
HEADER = "姓名,手机号,身份,小区\n"


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def take(lake, tmp_path):
    """Imports a file, or lines below the header, into the lake.

    Answers what the command printed, on standard output and error, and why it failed.
    """

    def run(what: Path | str, *arguments: str) -> tuple[str, list[str], str]:
        path = what
        if isinstance(what, str):
            path = tmp_path / "volunteers.csv"
            path.write_text(HEADER + what)
        out, err, failure = StringIO(), StringIO(), ""
        try:
            call_command(
                "import_volunteers",
                str(path),
                "--community=lake",
                *arguments,
                stdout=out,
                stderr=err,
                no_color=True,
            )
        except CommandError as error:
            failure = str(error)
        return out.getvalue().strip(), err.getvalue().splitlines(), failure

    return run


def rows_of(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def enrolled() -> set[tuple[str, str, str, str]]:
    """Name, phone, kind and estate of everybody who is."""
    kinds = {"resident": "居民", "courier": "快递员", "rider": "外卖骑手", "driver": "网约车司机"}
    return {
        (v.user.name, v.user.phone, kinds[v.kind], v.estate.name if v.estate else "")
        for v in Volunteer.objects.select_related("user", "estate")
    }


# --- the real file ------------------------------------------------------------------------


@pytest.mark.slow
def test_the_real_file_is_imported_once(take, lake, tmp_path):
    """The short proof has its beginning."""
    lines = REAL.read_text().splitlines(keepends=True)
    some, count = tmp_path / "some.csv", 240 if IS_LONG else 60
    some.write_text("".join(lines[: 1 + count]))
    assert take(some, "--dry-run") == (
        f"Nothing was imported. Rows good and new: {count}, good and already there: 0, bad: 0.",
        [],
        "",
    )
    assert not Volunteer.objects.exists()
    assert not User.objects.exists()
    assert Community.objects.get() == lake

    assert take(some) == (f"Rows created: {count}, unchanged: 0, skipped: 0.", [], "")
    assert enrolled() == {tuple(row.values()) for row in rows_of(some)}
    estates = {row["小区"] for row in rows_of(some)}
    assert set(lake.children.values_list("name", flat=True)) == estates

    assert take(some) == (f"Rows created: 0, unchanged: {count}, skipped: 0.", [], "")
    assert (Volunteer.objects.count(), User.objects.count()) == (count, count)


def test_who_is_imported_can_log_in_only_once_they_have_a_password(take, lake):
    take("王小明,19900000001,居民,\n")

    user = User.objects.get()
    assert not user.has_usable_password()
    assert list(communities_of(user)) == [lake]
    # A dump of the table tells no phone number.
    assert "19900000001" not in f"{User.objects.values().get()}"


def test_excel_in_china_writes_gb18030_which_is_imported_alike(take, tmp_path):
    first_forty = "".join(REAL.read_text().splitlines(keepends=True)[:41])
    copy = tmp_path / "导出.csv"
    copy.write_bytes(first_forty.replace("\n", "\r\n").encode("gb18030"))
    with pytest.raises(UnicodeDecodeError):
        copy.read_text()

    assert take(copy) == ("Rows created: 40, unchanged: 0, skipped: 0.", [], "")
    assert enrolled() == {tuple(row.values()) for row in rows_of(REAL)[:40]}
    assert (
        take(first_forty.removeprefix(HEADER))[0] == "Rows created: 0, unchanged: 40, skipped: 0."
    )


def test_the_estate_may_be_missing(take, tmp_path):
    file = tmp_path / "short.csv"
    file.write_text("手机号,备注,姓名,身份\n19900000001,早班,王小明,快递员\n")

    assert take(file) == (
        "Ignored columns: 备注\nRows created: 1, unchanged: 0, skipped: 0.",
        [],
        "",
    )
    assert enrolled() == {("王小明", "19900000001", "快递员", "")}


# --- files that are wrong -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("姓名,身份,小区", "手机号"),
        ("手机号,小区", "姓名, 身份"),
        ("name,phone,kind", "姓名, 手机号, 身份"),
    ],
)
def test_a_file_without_its_columns_is_refused_whole(take, tmp_path, header, missing):
    file = tmp_path / "wrong.csv"
    file.write_text(f"{header}\n王小明,19900000001,居民\n")

    out, err, failure = take(file, "--skip-bad")

    assert failure.startswith(f"{file}: columns_missing: Missing columns: {missing}. Found: ")
    assert (out, err, Volunteer.objects.count()) == ("", [], 0)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (
            "李四,19900000001,居民,",
            "手机号: phone_duplicate: The phone number stands in line 2 already. [199********]",
        ),
        (
            "王小明,199 0000 0001,快递员,",
            "手机号: phone_duplicate: The phone number stands in line 2 already. [199********]",
        ),
        ("李四,19900000002,外星人,", "身份: choice_unknown: Must be one of: 居民, 快递员,"),
        ("李四,1990000000,居民,", "手机号: phone_invalid: A mobile number has 11 digits"),
        ("李四,1.99E+10,居民,", "手机号: phone_scientific: The spreadsheet has turned"),
        ("李四,,居民,", "手机号: missing: The cell is empty."),
        (",19900000002,居民,", "姓名: missing: The cell is empty."),
        ("=1+1,19900000002,居民,", "姓名: formula: The cell is a formula"),
        ("@SUM(A1),19900000002,居民,", "姓名: formula: The cell is a formula"),
        ("李四,=19900000002,居民,", "手机号: formula: The cell is a formula"),
        ("李四,19900000002,居民,+cmd|' /C calc'!A0", "小区: formula: The cell is a formula"),
        (f"{'李' * 61},19900000002,居民,", "姓名: too_long: 61 characters"),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_imported_unless_told_to(take, line, error):
    lines = f"王小明,19900000001,居民,\n{line}\n赵六,19900000003,快递员,\n"

    out, err, failure = take(lines)

    assert out == ""
    assert len(err) == 1
    assert err[0].startswith(f"line 3, {error}")
    assert failure == (
        "Nothing was imported. Rows good and new: 2, good and already there: 0, bad: 1."
    )
    assert not User.objects.exists()

    out, err, failure = take(lines, "--skip-bad")

    assert (out, len(err), failure) == ("Rows created: 2, unchanged: 0, skipped: 1.", 1, "")
    assert {name for name, *_ in enrolled()} == {"王小明", "赵六"}


def test_a_refused_file_ends_the_command_with_status_1(lake, tmp_path):
    file = tmp_path / "volunteers.csv"
    for content in (HEADER + "李四,1,居民,\n", "姓名\n李四\n"):
        file.write_text(content)
        with pytest.raises(CommandError) as refused:
            call_command("import_volunteers", file, "--community=lake", stderr=StringIO())
        assert refused.value.returncode == 1


def test_a_phone_that_is_another_persons_is_refused(take, person):
    known = person("li", "李阿姨")

    _, err, failure = take(f"王小明,{known.phone},居民,\n")

    assert err == [
        "line 2, 手机号: phone_belongs_to_another: "
        "This phone number is on record under another name. [198********]"
    ]
    assert not failure
    assert not Volunteer.objects.exists()
    known.refresh_from_db()
    assert known.name == "李阿姨"


def test_who_is_on_record_elsewhere_is_the_same_person_here(take, person, lake):
    known = person("li", "李阿姨")

    assert take(f"李阿姨,{known.phone},居民,\n")[0] == "Rows created: 1, unchanged: 0, skipped: 0."

    assert User.objects.get() == known
    assert known.has_usable_password()
    assert list(communities_of(known)) == [lake]


def test_every_bad_row_is_told_with_its_line_and_no_phone_number(take):
    lines = "".join(f"志愿者{n},1990000{n:04},{'居民' if n % 3 else '居'},\n" for n in range(30))
    lines += "志愿者,19900000001,居民,\n没有,199000000011,居民,\n"

    _, err, failure = take(lines)

    assert [re.match(r"line (\d+), (.*?): (\w+): ", line).groups() for line in err] == [
        *((str(n + 2), "身份", "choice_unknown") for n in range(0, 30, 3)),
        ("32", "手机号", "phone_duplicate"),
        ("33", "手机号", "phone_invalid"),
    ]
    assert failure.endswith("Rows good and new: 20, good and already there: 0, bad: 12.")
    told = "\n".join([*err, failure])
    assert re.search(r"\d{8}", told) is None


# --- what people did since ----------------------------------------------------------------
ROW, NEXT = "孙师傅,19900000077,居民,西苑\n", "赵六,19900000003,快递员,\n"


@pytest.fixture
def sun(db):
    """孙师傅, who has bound the number that stands on the list through WeChat."""
    user = User.objects.create(username="sun", name="孙师傅")
    user.phone = "19900000077"
    user.save()
    return user


def joined(sun, lake, **how):
    lake = places.make_join_code(community=lake, made_by=sun)
    by_code = {"kind": Volunteer.Kind.RESIDENT, "join_code": lake.join_code}
    return joining.join(user=sun, community=lake, **by_code | how)[0]


def renamed(sun, lake):
    User.objects.filter(pk=sun.pk).update(name="孙大圣")


def without_a_name(sun, lake):
    User.objects.filter(pk=sun.pk).update(name="")


def left(sun, lake):
    joined(sun, lake)
    people.leave(volunteer=Volunteer.objects.get(user=sun))


def rider(sun, lake):
    joined(sun, lake, kind=Volunteer.Kind.RIDER)


def elsewhere(sun, lake):
    joined(sun, lake, estate=places.estate_named(community=lake, name="东苑"))


def asked_as_a_rider(sun, lake):
    joined(sun, lake, kind=Volunteer.Kind.RIDER, join_code="")


def thought_better(sun, lake):
    joining.withdraw(join_request=joined(sun, lake, join_code=""))


def asked_to_be_erased(sun, lake):
    erasure.ask(user=sun)


def erased(sun, lake):
    asked_to_be_erased(sun, lake)
    assert erasure.erase(user_id=sun.pk, now=timezone.now() + timedelta(days=60))


def renamed_and_erased(sun, lake):
    profile.change(user=sun, name="孙大圣")
    erased(sun, lake)


def took_the_number_back(sun, lake):
    joined(sun, lake)
    phone.unbind(user=sun)


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (renamed, "phone_belongs_to_another"),
        (without_a_name, "phone_belongs_to_another"),
        (left, "volunteer_left"),
        (thought_better, "volunteer_left"),
        (asked_to_be_erased, "volunteer_left"),
        (erased, "phone_withdrawn"),
        (renamed_and_erased, "phone_withdrawn"),
        (took_the_number_back, "phone_withdrawn"),
        (rider, "volunteer_differs"),
        (elsewhere, "volunteer_differs"),
        (asked_as_a_rider, "volunteer_differs"),
    ],
)
def test_what_somebody_did_is_named_undone_by_no_list_and_spoils_none(take, lake, sun, act, code):
    act(sun, lake)
    before = User.objects.values().get(), list(Volunteer.objects.values())

    for skipped in (("created: 1", "unchanged: 0"), ("created: 0", "unchanged: 1")):
        out, err, failure = take(ROW + NEXT)

        assert (out, failure) == (f"Rows {', '.join(skipped)}, skipped: 1.", "")
        (told,) = err
        assert told.startswith("line 2, ")
        assert told.split(": ")[1] == code

    theirs = Volunteer.objects.filter(user=sun)
    assert (User.objects.values().get(pk=sun.pk), list(theirs.values())) == before
    assert User.objects.count() == 2


def test_who_has_the_number_of_somebody_erased_now_is_another_person(take, lake, sun):
    erased(sun, lake)

    assert take(ROW.replace("孙师傅", "周阿姨")) == (
        "Rows created: 1, unchanged: 0, skipped: 0.",
        [],
        "",
    )


@pytest.mark.parametrize("name", ["孙师傅", "孙\u3000师傅", "\u200b孙师·傅"])
def test_who_registered_first_is_enrolled_whatever_blanks_the_list_has(take, lake, sun, name):
    out, _, _ = take(ROW.replace("孙师傅", name) + NEXT)

    assert out == "Rows created: 2, unchanged: 0, skipped: 0."
    assert Volunteer.objects.get(user=sun).user.name == "孙师傅"


def test_who_asked_alike_is_enrolled_and_their_request_answered_later(take, lake, zhao, sun):
    asked = joined(sun, lake, join_code="")

    take(ROW)
    joining.approve(join_request=asked, decided_by=zhao)

    assert Volunteer.objects.get(user=sun).kind == "resident"


def test_a_request_older_than_the_leaving_takes_nobody_back(take, lake, zhao, sun):
    asked = joined(sun, lake, join_code="")
    take(ROW)
    people.leave(volunteer=Volunteer.objects.get(user=sun))

    with pytest.raises(JoinRequestStatusWrong):
        joining.approve(join_request=asked, decided_by=zhao)

    assert Volunteer.objects.get(user=sun).left_at is not None


@pytest.mark.parametrize(
    "again",
    [
        ROW,
        "孙 师傅,+86 199-0000-0077,居民,西苑\n",
        "孙师·傅,１９９００００００７７,居民,西\u200b苑\n",
    ],
)
def test_one_row_twice_is_one_row(take, again):
    assert take(ROW + again) == ("Rows created: 1, unchanged: 1, skipped: 0.", [], "")


@pytest.mark.parametrize("estate", ["西苑(南)", "西苑 （南）", "西苑【南】"])
def test_another_width_or_bracket_is_no_other_estate(take, lake, estate):
    take("王小明,19900000001,居民,西苑（南）\n")

    assert take(f"李四,19900000002,居民,{estate}\n")[2] == ""
    assert [place.name for place in lake.children.all()] == ["西苑（南）"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("王　明", "王明"),
        ("阿依古丽•买买提", "阿依古丽·买买提"),
        ("阿依古丽．买买提", "阿依古丽・买买提"),
        ("阿依古丽‧买买提", "阿依古丽 · 买买提"),
        ("ＬＩ Ｍｉｎｇ", "li ming"),
        ("\ufeff王\u2060明", "王\u00a0明"),
        ("\u2f65明", "田明"),
    ],
)
def test_a_name_is_compared_as_people_mean_it_and_shown_as_given(take, one, other):
    take(f"{one},19900000001,居民,\n")

    assert take(f"{other},19900000001,居民,\n")[0] == "Rows created: 0, unchanged: 1, skipped: 0."
    shown = one.replace("\ufeff", "").replace("\u2060", "")
    assert User.objects.get().name == unicodedata.normalize("NFC", shown)


@pytest.mark.parametrize("other", ["王朋", "王明明", "明王"])
def test_another_name_is_another_person(take, other):
    take("王明,19900000001,居民,\n")

    assert "phone_belongs_to_another" in take(f"{other},19900000001,居民,\n")[1][0]


def test_a_workbook_is_taken_as_the_csv_of_it(take, tmp_path):
    path = tmp_path / "名单.xlsx"
    with Workbook(path) as book:
        page = book.add_worksheet()
        page.merge_range("A1:D1", "志愿者名单")
        page.write_row("A2", ["姓名", "手机号", "身份", "小区"])
        page.write_row("A3", ["王䶮", 19900000001, "居民", "西苑"])
        page.write_row("A4", ["王?", 19900000002, "居民"])

    out, err, _ = take(path, "--skip-bad")

    assert out == "Rows created: 1, unchanged: 0, skipped: 1."
    assert err[0].startswith("line 4, 姓名: character_lost: ")
    assert enrolled() == {("王䶮", "19900000001", "居民", "西苑")}
