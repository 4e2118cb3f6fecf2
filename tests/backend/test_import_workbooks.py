"""XLSX as offices have it: what is read of it, and what no file may do to us."""

import io
import zipfile
from contextlib import suppress
from datetime import UTC, date, datetime, time

import pytest
from django.utils import translation
from xlsxwriter import Workbook

from backend.imports import cells, workbook
from backend.imports.errors import TableError
from backend.imports.reader import Column, Row, RowError, open_table

COLUMNS = [
    Column(header="姓名", name="name", parse=cells.name(max_length=20)),
    Column(header="手机号", name="phone", parse=cells.phone),
    Column(header="签到", name="at", parse=cells.local_datetime("Asia/Shanghai"), required=False),
]
HEADER = ["姓名", "手机号", "签到"]
SEVEN = datetime(2024, 2, 29, 23, tzinfo=UTC)  # in the morning of 1 March in Shanghai


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def xlsx(tmp_path):
    """A workbook of sheets, each a list of rows; ``fill(book, pages)`` may add to it."""

    def write(*sheets, fill=None, name="list.xlsx"):
        path = tmp_path / name
        with Workbook(path, {"default_date_format": "yyyy-mm-dd hh:mm"}) as book:
            pages = [book.add_worksheet() for _ in sheets]
            for page, rows in zip(pages, sheets, strict=True):
                for number, row in enumerate(rows):
                    page.write_row(number, 0, row)
            if fill:
                fill(book, pages)
        return path

    return write


def refused(path, columns=COLUMNS):
    with pytest.raises(TableError) as error:
        list(open_table(path, columns))
    return error.value.code


def test_a_workbook_is_read_like_the_csv_of_it(xlsx):
    table = open_table(
        xlsx(
            [
                HEADER,
                ["王䶮𠮷", "19900000001", datetime(2024, 3, 1, 7)],
                [],
                ["李四", 19900000002, "2024年3月1日 上午7:00"],
                ["张三", 19900000003.0],
                ["赵?", "+86 199 0000 0004", 45352.2916666667],
            ]
        ),
        COLUMNS,
    )

    *rows, lost = list(table)

    assert rows == [
        Row(2, {"name": "王䶮𠮷", "phone": "19900000001", "at": SEVEN}),
        Row(4, {"name": "李四", "phone": "19900000002", "at": SEVEN}),
        Row(5, {"name": "张三", "phone": "19900000003", "at": None}),
    ]
    assert isinstance(lost, RowError)
    assert (lost.line, lost.column, lost.code) == (6, "姓名", "character_lost")
    assert table.bytes_read == table.size
    assert list(table) == [*rows, lost]  # again


@pytest.mark.parametrize(
    "form",
    [
        "yyyy-mm-dd hh:mm",
        "yyyy/m/d h:mm;@",
        'yyyy"年"m"月"d"日" h"时"mm"分"',
        "[$-804]yyyy/m/d AM/PM h:mm",
        "General",
    ],
)
def test_a_moment_is_one_whatever_the_cells_format(xlsx, form):
    def fill(book, pages):
        pages[0].write_number(1, 2, 45352.2916666667, book.add_format({"num_format": form}))

    (row,) = open_table(xlsx([HEADER, ["张三", 19900000001]], fill=fill), COLUMNS)

    assert row.values["at"] == SEVEN


@pytest.mark.parametrize("value", [date(2024, 3, 1), time(7), 45352, True, 1e300])
def test_what_is_no_moment_is_named(xlsx, value):
    (error,) = open_table(xlsx([HEADER, ["张三", 19900000001, value]]), COLUMNS)

    assert (error.line, error.column, error.code[:4]) == (2, "签到", "date")


def test_of_a_formula_the_value_is_read(xlsx):
    def fill(book, pages):
        pages[0].write_formula(1, 0, '="张"&"三"', None, "张三")
        pages[0].write_formula(1, 1, "=19900000000+1", None, 19900000001)
        pages[0].write_formula(2, 0, '=VLOOKUP("x",A1:B2,2)', None, "#N/A")
        pages[0].write_string(3, 0, "=1+1")  # a text that begins like one

    good, *errors = open_table(
        xlsx([HEADER, [], ["", 19900000002], ["", 19900000003]], fill=fill), COLUMNS
    )

    assert good == Row(2, {"name": "张三", "phone": "19900000001", "at": None})
    assert [(e.line, e.code) for e in errors] == [(3, "missing"), (4, "formula")]


def test_a_merged_title_and_a_header_of_two_merged_rows_are_read(xlsx):
    def fill(book, pages):
        pages[0].merge_range("A1:C1", "2024年三月")
        pages[0].merge_range("A3:A4", "姓名")
        pages[0].merge_range("B3:C3", "登记")

    rows = [[], [], ["", ""], ["", "手机号", "签到"], ["张三", 19900000001]]
    (row,) = open_table(xlsx(rows, fill=fill), COLUMNS)

    assert row == Row(5, {"name": "张三", "phone": "19900000001", "at": None})


def test_cells_merged_over_several_rows_are_said_of_each(xlsx):
    def fill(book, pages):
        pages[0].merge_range("E5:E6", datetime(2024, 3, 1, 7), book.add_format({"num_format": 22}))
        pages[0].merge_range("C6:C8", "李四")

    estate = [[], [], [], ["", "", *HEADER[:2], "签到"]]
    people = [["", "", "张三", 19900000001], *(["", "", "", 19900000002 + n] for n in range(4))]
    rows = list(open_table(xlsx([*estate, *people], fill=fill), COLUMNS))

    assert [(one.line, one.values["name"], one.values["at"]) for one in rows[:4]] == [
        (5, "张三", SEVEN),
        (6, "李四", SEVEN),
        (7, "李四", None),
        (8, "李四", None),
    ]
    assert (rows[4].line, rows[4].code) == (9, "missing")


def test_the_sheet_with_the_columns_is_read_wherever_it_stands(xlsx):
    def fill(book, pages):
        pages[3].hide()

    people = [HEADER, ["张三", 19900000001]]
    notes = [["说明"], ["请勿改动"]]
    (row,) = open_table(xlsx(notes, people, [], [HEADER, ["李四", 1]], fill=fill), COLUMNS)

    assert row.values["name"] == "张三"


def test_of_several_sheets_that_would_do_none_is_guessed(xlsx):
    people = [HEADER, ["张三", 19900000001]]
    path = xlsx(people, people)

    with pytest.raises(TableError) as error:
        open_table(path, COLUMNS)

    assert error.value.code == "sheets_several"
    assert "Sheet1, Sheet2" in error.value.reason


def test_a_workbook_without_the_columns_says_what_it_found(xlsx):
    with pytest.raises(TableError) as error:
        open_table(xlsx([["name", "phone"], ["x", 1]]), COLUMNS)

    assert error.value.code == "columns_missing"
    assert "Missing columns: 姓名, 手机号. Found: name, phone." in error.value.reason


@pytest.mark.parametrize(
    ("sheets", "code"),
    [
        ([[]], "file_empty"),
        ([[HEADER]], "no_rows"),
        ([[[*HEADER, "姓 名"], ["x"]]], "column_duplicate"),
    ],
)
def test_a_workbook_with_nothing_to_read_is_refused(xlsx, sheets, code):
    assert refused(xlsx(*sheets)) == code


# --- what no file may do to us --------------------------------------------------------------------
def rewritten(path, **members):
    """The workbook with other parts, by how their names end."""
    content = {}
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            content[name] = archive.read(name)
    for end, part in members.items():
        (name,) = (one for one in content if one.endswith(f"{end}.xml"))
        content[name] = part(content[name]) if callable(part) else part
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in content.items():
            archive.writestr(name, part)
    return path


PEOPLE = [HEADER, ["张三", 19900000001]]
FAR = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'


@pytest.mark.parametrize(
    "far",
    [
        FAR,
        FAR.replace(b"<c", b"<x:c").replace(b"</c", b"</x:c").replace(b"<row", b'<row xmlns:x="u"'),
        FAR.replace(b'"XFD1048576"', b"'&#88;FD1048576'"),
        FAR.replace(b' r="XFD1048576"', b"").replace(b"<c>", b"<c/>" * 16_000 + b"<c>"),
    ],
)
def test_a_cell_at_the_far_end_of_the_sheet_takes_no_memory(xlsx, far):
    path = rewritten(xlsx(PEOPLE), sheet1=lambda xml: xml.replace(b"</sheetData>", far))

    assert refused(path) == "file_too_large"


def test_cells_that_are_only_formatted_are_no_reason_to_refuse_a_list(xlsx):
    styled = b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'
    path = rewritten(xlsx(PEOPLE), sheet1=lambda xml: xml.replace(b"</sheetData>", styled))

    (row,) = open_table(path, COLUMNS)

    assert row.values["name"] == "张三"


@pytest.mark.slow
def test_a_file_that_unpacks_to_more_than_it_should_is_refused(xlsx, monkeypatch):
    path = rewritten(xlsx(PEOPLE), sharedStrings=lambda xml: xml + b" " * 120_000_000)

    assert path.stat().st_size < 200_000
    assert refused(path) == "file_too_large"


def test_a_file_of_a_hundred_megabytes_is_refused_unread(tmp_path):
    path = tmp_path / "large.xlsx"
    with path.open("wb") as file:
        file.write(workbook.ZIP)
        file.truncate(100_000_000)

    assert refused(path) == "file_too_large"


def test_entities_are_not_unfolded(xlsx):
    bomb = (
        b'<!DOCTYPE x [<!ENTITY a "'
        + b"1" * 1000
        + b'">'
        + b"".join(b'<!ENTITY %c "%b">' % (98 + n, b"&%c;" % (97 + n) * 50) for n in range(8))
        + b"]><x>&i;</x>"
    )
    path = rewritten(xlsx(PEOPLE), sharedStrings=bomb)

    assert refused(path) in ("file_damaged", "file_empty", "columns_missing")


def test_what_is_locked_old_damaged_or_something_else_is_said_to_be(xlsx, tmp_path):
    def file(content):
        path = tmp_path / "other.xlsx"
        path.write_bytes(content)
        return path

    whole = xlsx(PEOPLE).read_bytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as other:
        other.writestr("content.xml", "<x/>")
    locked = bytearray(whole)
    place = locked.find(b"PK\x01\x02")
    locked[place + 8] |= 1  # as archivers mark what is encrypted

    assert refused(file(workbook.OLE + b"\0" * 600)) == "file_xls"
    ole = workbook.OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    assert refused(file(ole)) == "file_encrypted"
    assert refused(file(bytes(locked))) == "file_encrypted"
    assert refused(file(archive.getvalue())) == "file_unknown"
    assert refused(file(whole[:-200])) == "file_damaged"
    assert refused(file(workbook.ZIP + b"no archive at all")) == "file_damaged"


def test_whatever_is_changed_in_a_workbook_it_is_read_or_refused(xlsx):
    path = xlsx(PEOPLE, [["备注"], ["x"]])
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        changed = bytearray(whole)
        changed[place] ^= 0x5A
        path.write_bytes(changed)
        with suppress(TableError):  # any other error fails here
            list(open_table(path, COLUMNS))
