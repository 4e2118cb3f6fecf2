"""Spreadsheets: how files and cells are read, what is refused, and that an import is one piece."""

import csv
import tracemalloc
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.communities.models import Community
from backend.imports import cells
from backend.imports.command import ImportCommand
from backend.imports.errors import CellError, TableError
from backend.imports.reader import (
    MAX_CELL_CHARS,
    MAX_ROW_CHARS,
    Column,
    Row,
    RowError,
    excerpt,
    open_table,
)
from backend.imports.run import MAX_ERRORS_KEPT, BatchOutcome, run_import
from backend.imports.sheet import Sheet
from backend.text import shows_nothing

NAME = Column(header="姓名", name="name", parse=cells.text(max_length=20))
PHONE = Column(header="手机号", name="phone", parse=cells.phone)
ESTATE = Column(
    header="小区(必填否)", name="estate", parse=cells.text(max_length=20), required=False
)
PEOPLE = [NAME, PHONE, ESTATE]
COUNT = Column(header="n", name="n", parse=cells.whole_number(minimum=0))


@pytest.fixture(autouse=True)
def _english():
    with translation.override("en"):
        yield


@pytest.fixture
def file(tmp_path):
    """Write bytes, or text in an encoding, to a file of its own."""

    def write(content: str | bytes, encoding: str = "utf-8") -> Path:
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return write


# --- files that are read ----------------------------------------------------------------------

ALL_KINDS = "姓名,手机号,小区（必填否）\r\n𠮷田,199 0000 0001,金域南外滩\r\n李四,19900000002,\r\n"
READ = [
    Row(2, {"name": "𠮷田", "phone": "19900000001", "estate": "金域南外滩"}),
    Row(3, {"name": "李四", "phone": "19900000002", "estate": None}),
]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_what_spreadsheets_write_is_read_alike(file, encoding, line_end, delimiter):
    # 𠮷 takes four bytes in GB18030 and is not in GBK.
    text = ALL_KINDS.replace("\r\n", line_end).replace(",", delimiter)
    assert list(open_table(file(text, encoding), PEOPLE)) == READ


def test_a_table_can_be_read_again_and_says_how_far_it_is(file):
    table = open_table(file(ALL_KINDS), PEOPLE)
    assert table.bytes_read == 0
    assert list(table) == list(table) == READ
    assert table.bytes_read == table.size == len(ALL_KINDS.encode())


def test_quoted_headings_are_read_behind_a_byte_order_mark(file):
    content = '"姓名"\t"手机号"\n"张三"\t"19900000001"\n'
    for encoding in ("utf-8-sig", "gb18030"):
        mark = "" if encoding == "utf-8-sig" else "\ufeff"
        rows = list(open_table(file(mark + content, encoding), [NAME, PHONE]))
        assert rows == [Row(2, {"name": "张三", "phone": "19900000001"})]


def test_headings_match_whatever_their_width_and_blanks(file):
    column = Column(header="每积分结算(分)", name="fen", parse=cells.fen)
    for heading in ("每积分结算（分）", " 每积分结算 (分)\u3000", '"每积分结算\n(分)"'):
        (row,) = open_table(file(f"{heading}\n8\n"), [column])
        assert row.values == {"fen": 8}


def test_unknown_and_nameless_columns_are_named_and_ignored(file):
    table = open_table(file("备注,姓名, ,手机号\nx,张三,y,19900000001\n"), PEOPLE)
    assert table.ignored_columns == ["备注", "#3"]
    assert list(table) == [Row(2, {"name": "张三", "phone": "19900000001", "estate": None})]


def test_lines_are_the_physical_ones_where_rows_start(file):
    content = (
        '\r\n姓名,备注\r\n张三,"two\r\nlines"\r\n\r\n ,\u3000\r\n李四,"three\rmore\nlines"\r\n'
        "王五,\r\n\r\n,\r\n"
    )
    rows = list(open_table(file(content), [NAME]))
    assert [(row.line, row.values["name"]) for row in rows] == [
        (3, "张三"),
        (7, "李四"),
        (10, "王五"),
    ]


@pytest.mark.parametrize("content", [b"\xef\xbb\xbfn\n0\n", b"n\n0", b"\n\nn\n\n0\n\n\n"])
def test_the_smallest_tables(file, content):
    (row,) = open_table(file(content), [COUNT])
    assert row.values == {"n": 0}


LAYOUTS = st.sampled_from(
    [("\r\n", csv.QUOTE_MINIMAL), ("\n", csv.QUOTE_ALL), ("\r", csv.QUOTE_ALL)]
)
CELL = st.text(
    st.characters(exclude_categories=["Cs", "Co"], exclude_characters="\0"),
    min_size=1,
    max_size=12,
).filter(lambda cell: not shows_nothing(cell))


@settings(deadline=None)  # not about speed
@given(
    rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8),
    layout=LAYOUTS,
    delimiter=st.sampled_from([",", ";", "\t"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
)
def test_what_a_csv_writer_wrote_reads_back_identical(
    tmp_path_factory, rows, layout, delimiter, encoding
):
    path = tmp_path_factory.mktemp("csv") / "rows.csv"
    line_end, quoting = layout
    with path.open("w", encoding=encoding, newline="") as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
        writer.writerows([("姓名", "备注"), *rows])
    columns = [
        Column(header="姓名", name="a", parse=str),
        Column(header="备注", name="b", parse=str),
    ]

    read = [(row.values["a"], row.values["b"]) for row in open_table(path, columns)]

    assert read == rows


def test_a_title_may_stand_above_the_header_and_the_header_in_two_rows(file):
    title = "2024年志愿者名单,,\n\n制表：王,日期：3月,\n"
    assert list(open_table(file(title + ALL_KINDS), PEOPLE)) == [
        Row(row.line + 3, row.values) for row in READ
    ]
    in_two = "姓名,联系方式,\n,手机号,小区(必填否)\n张三,19900000001,\n"
    (row,) = open_table(file(in_two), PEOPLE)
    assert row == Row(3, {"name": "张三", "phone": "19900000001", "estate": None})


def test_what_gb18030_has_had_since_2005_is_no_private_character(file):
    text = "姓名,手机号\n王䶮,19900000001\n李龴,19900000002\n".encode("gb18030", "replace")
    # Python writes 龴 (U+9FB4) in four bytes; the standard, and Excel, in two.
    text = text.replace("龴".encode("gb18030"), b"\xfe\x59")
    assert [row.values["name"] for row in open_table(file(text), PEOPLE)] == ["王䶮", "李龴"]


# --- files that are refused -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "code", "line", "told"),
    [
        (b"", "file_empty", None, "empty"),
        (b"\xef\xbb\xbf", "file_empty", None, "empty"),
        (b" \r\n,,\r\n", "file_empty", None, "empty"),
        ("姓名,手机号\r\n".encode(), "no_rows", None, "no rows"),
        ("姓名,手机号\r\n,\r\n\r\n".encode(), "no_rows", None, "no rows"),
        (ALL_KINDS.encode("utf-16"), "encoding_utf16", None, "CSV UTF-8"),
        (b"\xfe\xff" + ALL_KINDS.encode("utf-16-be"), "encoding_utf16", None, "CSV UTF-8"),
        ("n\n1\n".encode("utf-16-le"), "nul_byte", 1, "offset 1"),
        (b"n\n1\n2\0\n", "nul_byte", 3, "offset 5"),
        # Fits neither: GB18030 gets further than UTF-8 and is the one spoken of.
        ("姓名,手机号\r\n".encode("gb18030") + b"\xff,1\r\n", "encoding_unknown", 2, "offset 13"),
        # Marked as UTF-8, or a header that only makes sense in UTF-8: a damaged UTF-8 file.
        (b"\xef\xbb\xbfn\r1\r\n2\n\xc4\xe3", "encoding_unknown", 4, "offset 10"),
        ("姓名,手机号\n李".encode() + b"\xc4\xe3,1\n", "encoding_unknown", 2, "offset 20"),
        ("姓名,手机号\n李".encode()[:-1], "encoding_unknown", 2, "offset 17"),
        (b"a,b\n1,2\n", "columns_missing", None, "Missing columns: 姓名, 手机号. Found: a, b."),
        (b"n,x\n1,2\n", "columns_missing", None, "Missing columns: 姓名, 手机号. Found: n, x."),
        ("姓名,手机号,姓 名\n".encode(), "column_duplicate", None, "姓名"),
        ('姓名,手机号\n"张三,1\n2,3\n'.encode(), "quote_unclosed", 2, "not closed"),
        ('姓名,"手机号\n1,2\n'.encode(), "quote_unclosed", 1, "not closed"),
        ('姓名,手机号\n"张"三,1\n'.encode(), "quote_malformed", 2, "closing"),
    ],
)
def test_a_file_that_can_not_be_read_is_refused_at_once(file, content, code, line, told):
    with pytest.raises(TableError) as refused:
        open_table(file(content), PEOPLE)
    assert (refused.value.code, refused.value.line) == (code, line)
    assert told in refused.value.reason


def test_a_path_that_is_no_file_is_refused(tmp_path):
    # Linux' own example of a regular file that may be opened and not read, even by root.
    for path, code in [
        (tmp_path / "none.csv", "file_missing"),
        (tmp_path, "not_a_file"),
        ("/dev/null", "not_a_file"),
        ("/proc/self/mem", "file_unreadable"),
        (tmp_path / ("x" * 300), "file_unreadable"),
    ]:
        with pytest.raises(TableError) as refused:
            open_table(path, PEOPLE)
        assert refused.value.code == code


def test_a_damaged_character_is_found_across_pieces_of_the_file(file):
    # The four bytes of 𠮷 straddle every place at which the file may be cut into pieces.
    for pad in range(4):
        content = f"n\n{'1' * 20}\n".encode() * 3000 + b"\n" * pad + "𠮷\n".encode() * 30_000
        with pytest.raises(TableError) as refused:
            open_table(file(b"\xef\xbb\xbf" + content + b"\xff\n"), [COUNT])
        assert f"offset {len(content) + 3} " in refused.value.reason
        assert refused.value.line == content.count(b"\n") + 1


@pytest.mark.parametrize(
    ("tail", "code"),
    [
        ('"' + "x\n" * MAX_ROW_CHARS, "quote_unclosed"),
        ("x," * MAX_ROW_CHARS, "line_too_long"),
        ('"a\n",' * MAX_ROW_CHARS, "quote_unclosed"),
        ('1\n"2', "quote_unclosed"),
        ('1\n"2"2', "quote_malformed"),
    ],
)
def test_a_row_that_does_not_end_stops_the_reading_at_the_line_it_began_on(file, tail, code):
    good = "n\n" + "1\n" * 10
    table = open_table(file(good + tail), [COUNT])
    with pytest.raises(TableError) as refused:
        list(table)
    assert refused.value.code == code
    assert refused.value.line == (13 if tail.startswith("1\n") else 12)


# --- rows with errors -------------------------------------------------------------------------


def test_every_bad_cell_of_a_row_is_told(file):
    table = open_table(
        file(
            "姓名,手机号,小区(必填否)\n"
            "=1+1,199-0000-001,ok\n"
            "张三,19900000001,ok\n"
            " ,,\t\n"
            ",19900000002,@x\n"
            "李四,19900000003\n"
            "李四,19900000005,,,\n"
            "李四\n"
            f"{'名' * (MAX_CELL_CHARS + 1)},19900000004,a,b\n"
            f"{'名' * (MAX_CELL_CHARS + 1)},19900000004,\n"
        ),
        PEOPLE,
    )
    errors = [item for item in table if isinstance(item, RowError)]
    assert [(error.line, error.column, error.code, error.excerpt) for error in errors] == [
        (2, "姓名", "formula", "=1+1"),
        (2, "手机号", "phone_invalid", "199-****-***"),
        (5, "姓名", "missing", ""),
        (5, "小区(必填否)", "formula", "@x"),
        (8, "手机号", "missing", ""),
        (9, "", "cell_count", ""),
        (10, "姓名", "too_long", "名" * 39 + "…"),
    ]
    # The delimiters of empty last cells may be missing, or there may be more of them.
    good = [row.values["phone"] for row in table if isinstance(row, Row)]
    assert good == ["19900000001", "19900000003", "19900000005"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("张三 19900000001", "张三 199****0001"),
        ("１９９ 0000-0001", "199****0001"),
        ("430102199001011234", "430****1234"),
        ("2024-01-01 07:00", "2024-01-01 07:00"),
        ("a\x1b[31m\nb", "a·[31m·b"),
        ("字" * 41, "字" * 39 + "…"),
    ],
)
def test_excerpts_are_short_and_printable_and_tell_no_phone_number(value, shown):
    assert excerpt(value) == shown


def test_what_was_meant_to_be_a_phone_number_is_masked_however_it_is_written():
    assert excerpt("+86 199-0000 001", personal=True) == "+86 1**-**** ***"


# --- cells ------------------------------------------------------------------------------------

text = cells.text(max_length=5)
name = cells.name(max_length=5)
code = cells.code(max_length=9)
number = cells.whole_number(minimum=1, maximum=1000)
shanghai = cells.local_datetime("Asia/Shanghai")
new_york = cells.local_datetime("America/New_York")
kind = cells.choice({"居民": "resident", "快递员(骑手)": "courier"})


@pytest.mark.parametrize(
    ("parse", "cell", "value"),
    [
        (text, "\u3000张三 \n", "张三"),
        (text, "e\u0301", "é"),
        (text, "a-b=c", "a-b=c"),
        (text, "谁来帮忙？", "谁来帮忙？"),
        (text, "谁来帮忙?", "谁来帮忙?"),
        (text, "\ufeff王\u200b小\u2060明", "王小明"),
        (name, "王䶮", "王䶮"),
        (name, "𠮷田·𬭩", "𠮷田·𬭩"),
        (code, " ＢＳＨ\u3000００１", "BSH001"),
        (text, "12345", "12345"),
        (text, "👩\u200d🌾", "👩\u200d🌾"),
        (cells.phone, "19900000001", "19900000001"),
        (cells.phone, "\t199 0000-0001 ", "19900000001"),
        (cells.phone, "+86 199\u20110000\u20140001", "19900000001"),
        (cells.phone, "+8619900000001", "19900000001"),
        (cells.phone, "8619900000001", "19900000001"),
        (cells.phone, "008619900000001", "19900000001"),
        (cells.phone, "(+86) 199.0000.0001", "19900000001"),
        (cells.phone, "\ufeff199\u20110000\u200b0001", "19900000001"),
        (cells.phone, "＋８６－１９９００００ー０００１", "19900000001"),
        (cells.phone, "19900000001.0", "19900000001"),
        (cells.phone, "１９９００００\u3000０００１", "19900000001"),
        (number, "1", 1),
        (number, " １０００ ", 1000),
        (number, "007", 7),
        (cells.whole_number(minimum=0), "2147483647", 2147483647),
        (cells.whole_number(minimum=0), "0", 0),
        (cells.whole_number(minimum=-5), "-5", -5),
        (cells.points, "1", 1),
        (cells.fen, "8", 8),
        (cells.yes_no, "是", True),
        (cells.yes_no, " TRUE", True),
        (cells.yes_no, "１", True),
        (cells.yes_no, "否", False),
        (cells.yes_no, "False", False),
        (cells.yes_no, "0", False),
        (kind, "居民 ", "resident"),
        (kind, "快递员（骑手）", "courier"),
    ],
)
def test_a_cell_is_taken(parse, cell, value):
    assert parse(cell) == value


@pytest.mark.parametrize(
    "cell",
    [
        "2024-01-01 07:00",
        "2024-01-01T07:00",
        "2024-1-1 7:00",
        "2024/1/1 7:00",
        "2024/01/01  07:00:00",
        " ２０２４／０１／０１\u3000０７：００ ",
        "2024.1.1 7:00",
        "2024．01．01\u300007:00",
        "2024年1月1日 7:00",
        "2024年01月01日7:00:00",
        "2024 年 1 月 1 日 7时",
        "2024年1月1号 7点00分",
        "2024年1月1日 星期一 7:00",
        "2024/1/1(周一)7:00",
        "2024-1-1 上午7:00",
        "2024年1月1日上午 7:00",
        "2024/1/1 早上7点",
        "2024/1/1 7:00 AM",
        "2024/1/1 AM 7:00",
        "2024–1–1 7:00",
        "\ufeff2024-01-01 07:00\u200b",
        "2024-01-01\u00a007:00:00.000",
        "2024-01-01\n07:00",
        "2024/1/1\r\n7:00",
        "2024. 1. 1 7:00",
        "2024 - 01 - 01 07:00",
        "2024年1月1日 7點整",
        "45292.2916666667",
        "45292.29166666666",
    ],
)
def test_a_local_time_is_taken_however_it_is_written(cell):
    assert shanghai(cell) == datetime(2023, 12, 31, 23, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "hour", "minute"),
    [
        ("2024-03-01 下午3:30", 15, 30),
        ("2024年3月1日 下午3点30分", 15, 30),
        ("2024/3/1 3:30 PM", 15, 30),
        ("2024/3/1 下午15:30", 15, 30),
        ("2024/3/1 下午12:15", 12, 15),
        ("2024/3/1 中午12:15", 12, 15),
        ("2024/3/1 中午1:15", 13, 15),
        ("2024/3/1 晚上8:00", 20, 0),
        ("2024/3/1 凌晨12:30", 0, 30),
        ("2024/3/1 12:30 am", 0, 30),
        ("2024/3/1 0:00", 0, 0),
        ("2024/2/29 24:00", 0, 0),
        ("2024.2.29 24:00:00", 0, 0),
        ("45352.6458333333", 15, 30),
        ("2024年3月1日 下午3点半", 15, 30),
        ("2024-3-1 7时半", 7, 30),
        ("2024/3/1 下午3時", 15, 0),
    ],
)
def test_an_hour_is_told_in_words_and_the_day_ends_at_24(cell, hour, minute):
    local = shanghai(cell).astimezone(ZoneInfo("Asia/Shanghai"))
    assert local == datetime(2024, 3, 1, hour, minute, tzinfo=ZoneInfo("Asia/Shanghai"))


def test_of_a_time_that_happens_twice_the_first_is_taken():
    assert new_york("2024-11-03 01:30") == datetime(2024, 11, 3, 5, 30, tzinfo=UTC)


def test_the_minutes_between_two_local_times_are_real_ones():
    worked = new_york("2024-03-10 03:30") - new_york("2024-03-10 01:30")
    assert worked == timedelta(hours=1)


def test_the_29th_of_february_is_there_in_leap_years_only():
    assert shanghai("2024-02-29 08:00") == datetime(2024, 2, 29, tzinfo=UTC)
    with pytest.raises(CellError) as refused:
        shanghai("2023-2-29 07:00")
    assert refused.value.code == "date_invalid"
    assert "2023-02-29" in refused.value.reason


@pytest.mark.parametrize(
    ("parse", "cell", "code"),
    [
        (text, "=1+1", "formula"),
        (text, " +1", "formula"),
        (text, "-1", "formula"),
        (text, "@SUM(A1)", "formula"),
        (text, "\u3000＝1", "formula"),
        (text, "\n=1", "formula"),
        (text, "\tab", "formula"),
        (text, "\rab", "formula"),
        (text, "a\nb", "character_refused"),
        (text, "a\x07b", "character_refused"),
        (text, "a\x85b", "character_refused"),
        (text, "\u202eba", "character_refused"),
        (text, "a\u2028b", "character_refused"),
        (text, "a\u2066b\u2069", "character_refused"),
        (name, "王\U000e0041", "character_refused"),
        (text, "\u200b=1", "formula"),
        (text, "清?楼道", "character_lost"),
        (text, "清\ufffd楼道", "character_lost"),
        (text, "清□楼", "character_lost"),
        (text, "清\ue831", "character_lost"),
        (name, "王?", "character_lost"),
        (name, "王？", "character_lost"),
        (name, "?小明", "character_lost"),
        (name, "王\ufffd", "character_lost"),
        (name, "王〓", "character_lost"),
        (name, "王\ue000", "character_lost"),
        (name, "王&#172646;", "character_lost"),
        (name, "王&#x2CF29;明", "character_lost"),
        (name, "王\\u4dae", "character_lost"),
        (name, "王锟斤拷", "character_lost"),
        (text, "123456", "too_long"),
        (cells.phone, "1990000000", "phone_invalid"),
        (cells.phone, "199000000011", "phone_invalid"),
        (cells.phone, "29900000001", "phone_invalid"),
        (cells.phone, "+85219900000001", "phone_invalid"),
        (cells.phone, "１９９x0000001", "phone_invalid"),
        (cells.phone, "١٩٩٠٠٠٠٠٠٠١", "phone_invalid"),
        (cells.phone, "+4919900000001", "phone_invalid"),
        (cells.phone, "004919900000001", "phone_invalid"),
        (cells.phone, "+119900000001", "phone_invalid"),
        (cells.phone, "+1 990 000 0001", "phone_invalid"),
        (cells.phone, "(+49) 19900000001", "phone_invalid"),
        (cells.phone, "19900000001.5", "phone_invalid"),
        (cells.phone, "0271-9900000", "phone_invalid"),
        (cells.phone, "1.99E+10", "phone_scientific"),
        (cells.phone, "2e10", "phone_scientific"),
        (cells.phone, '="19900000001"', "formula"),
        (number, "0", "number_too_small"),
        (number, "-3", "number_too_small"),
        (number, "-" + "9" * 5000, "number_too_small"),
        (number, "1001", "number_too_large"),
        (number, "9" * 5000, "number_too_large"),
        (number, "1.0", "number_invalid"),
        (number, "1,000", "number_invalid"),
        (number, "1\n0", "number_invalid"),
        (number, "1\u20280", "number_invalid"),
        (number, "1e2", "number_invalid"),
        (number, "五", "number_invalid"),
        (number, "٥", "number_invalid"),
        (number, "=5", "formula"),
        (cells.whole_number(minimum=0), "2147483648", "number_too_large"),
        (cells.points, "0", "number_too_small"),
        (cells.fen, "0", "number_too_small"),
        (cells.yes_no, "也许", "yes_no_invalid"),
        (cells.yes_no, "2", "yes_no_invalid"),
        (cells.yes_no, "=TRUE()", "formula"),
        (kind, "保安", "choice_unknown"),
        (kind, "@居民", "formula"),
        (shanghai, "2024-01-01", "date_invalid"),
        (shanghai, "2024-01/01 07:00", "date_invalid"),
        (shanghai, "2024-01-01 07:00Z", "date_invalid"),
        (shanghai, "2024-01-0107:00", "date_invalid"),
        (shanghai, "2024-13-01 07:00", "date_invalid"),
        (shanghai, "2024-04-31 07:00", "date_invalid"),
        (shanghai, "0000-01-01 07:00", "date_invalid"),
        (shanghai, "2024-01-01 24:01", "date_invalid"),
        (shanghai, "2024-01-01 25:00", "date_invalid"),
        (shanghai, "2024-01-01 24:00:30", "date_seconds"),
        (shanghai, "2024-01-01 下午24:00", "date_invalid"),
        (shanghai, "2024-01-01 上午12:00", "date_invalid"),  # noon, say people; Excel: midnight
        (shanghai, "2024-01-01 上午13:00", "date_invalid"),
        (shanghai, "2024-01-01 晚上12:00", "date_invalid"),
        (shanghai, "2024-01-01 中午3:00", "date_invalid"),
        (shanghai, "2024-01-01 AM 7:00 PM", "date_invalid"),
        (shanghai, "2024年1月 07:00", "date_invalid"),
        (shanghai, "2024年2月30日 07:00", "date_invalid"),
        (shanghai, "2024.1.107:00", "date_invalid"),
        (shanghai, "9999-12-31 24:00", "date_out_of_range"),
        (shanghai, "99999.5", "date_out_of_range"),
        (shanghai, "45292.2917", "date_seconds"),
        (shanghai, "2024-01-01 07:60", "date_invalid"),
        (shanghai, "2024-01-01 07:00:30", "date_seconds"),
        (shanghai, "45292", "date_serial"),
        (shanghai, "1999-12-31 23:59", "date_out_of_range"),
        (shanghai, "2101-01-01 00:00", "date_out_of_range"),
        (shanghai, "=NOW()", "formula"),
        (new_york, "2024-03-10 02:30", "time_nonexistent"),
    ],
)
def test_a_cell_is_refused(parse, cell, code):
    with pytest.raises(CellError) as refused:
        parse(cell)
    assert refused.value.code == code


def test_an_unknown_choice_is_told_the_known_ones():
    with pytest.raises(CellError) as refused:
        kind("保安")
    assert refused.value.reason == "Must be one of: 居民, 快递员(骑手)."


# --- memory -----------------------------------------------------------------------------------


def peak_bytes(read) -> int:
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_reading_takes_no_more_memory_for_more_rows(file):
    def read_through(path):
        for _ in open_table(path, PEOPLE):
            pass

    row = "张三,19900000001,金域南外滩,备注" + "x" * 200 + "\n"
    header = "姓名,手机号,小区(必填否),备注\n"
    # Both longer than the pieces in which a file is read.
    short, long = (file(header + row * count, "gb18030") for count in (1000, 5_000))
    read_through(short)  # so that what is made once is there

    assert peak_bytes(lambda: read_through(long)) < 1.2 * peak_bytes(lambda: read_through(short))


@pytest.mark.parametrize("endless", ['"' + "x\n" * 2_000_000, "x" * 4_000_000, '"a\n",' * 800_000])
def test_a_row_without_an_end_does_not_fill_the_memory(file, endless):
    path = file("n\n1\n" + endless)

    def read():
        with pytest.raises(TableError):
            list(open_table(path, [COUNT]))

    assert peak_bytes(read) < 20 * MAX_ROW_CHARS


# --- an import is one piece -------------------------------------------------------------------


@pytest.fixture
def numbers(db):
    """A table of numbers, and a handler that writes to it and will not have the unlucky ones."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE numbers (n integer PRIMARY KEY) ON COMMIT DROP")
    return Numbers()


class Numbers:
    def __init__(self) -> None:
        self.batch_sizes: list[int] = []

    def handle(self, rows: list[Row]) -> tuple[int, int, list[RowError]]:
        self.batch_sizes.append(len(rows))
        created, unchanged = 0, 0
        errors: list[RowError] = []
        with connection.cursor() as cursor:
            for row in rows:
                n = row.values["n"]
                if n in (4, 13):
                    errors.append(RowError(row.line, "n", "unlucky", "Unlucky.", str(n)))
                    continue
                cursor.execute("INSERT INTO numbers VALUES (%s) ON CONFLICT DO NOTHING", [n])
                created += cursor.rowcount
                unchanged += 1 - cursor.rowcount
        return BatchOutcome(created, unchanged, errors)

    def stored(self) -> list[int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT n FROM numbers ORDER BY n")
            return [n for (n,) in cursor.fetchall()]


def lines(*items: object) -> str:
    return "n\n" + "".join(f"{item}\n" for item in items)


def run(numbers, path, *, dry_run=False, skip_bad=False):
    table = open_table(path, [COUNT])
    told: list[int] = []
    result = run_import(
        table,
        numbers.handle,
        batch_rows=3,
        dry_run=dry_run,
        skip_bad=skip_bad,
        progress=told.append,
    )
    assert sum(told) == table.size
    return result


def test_good_rows_are_imported_in_batches_and_once(numbers, file):
    path = file(lines(0, 1, 2, 3, 5, 6, 7, 7))
    first = run(numbers, path)
    again = run(numbers, path)

    assert (first.created, first.unchanged, first.skipped, first.kept) == (7, 1, 0, True)
    assert (again.created, again.unchanged, again.skipped, again.kept) == (0, 8, 0, True)
    assert numbers.batch_sizes == [3, 3, 2] * 2
    assert numbers.stored() == [0, 1, 2, 3, 5, 6, 7]


@pytest.mark.parametrize("bad", ["x", "4"])
def test_one_bad_row_and_nothing_is_imported_though_all_is_checked(numbers, file, bad):
    result = run(numbers, file(lines(0, bad, 1, 2, 3, 13, 5)))

    assert numbers.stored() == []
    assert not result.kept
    assert (result.created, result.skipped, result.errors_total) == (5, 2, 2)
    assert [error.line for error in result.errors] == [3, 7]


def test_bad_rows_can_be_skipped(numbers, file):
    result = run(numbers, file(lines(0, "x", 1, 2, 4, 3)), skip_bad=True)

    assert numbers.stored() == [0, 1, 2, 3]
    assert result.kept
    assert (result.created, result.skipped) == (4, 2)
    assert [(error.line, error.code) for error in result.errors] == [
        (3, "number_invalid"),
        (6, "unlucky"),
    ]


@pytest.mark.parametrize("skip_bad", [False, True])
def test_a_dry_run_checks_all_and_keeps_nothing(numbers, file, skip_bad):
    result = run(numbers, file(lines(0, 1, 13, 2)), dry_run=True, skip_bad=skip_bad)

    assert numbers.stored() == []
    assert not result.kept
    assert (result.created, result.errors_total) == (3, 1)


def test_a_file_that_breaks_off_imports_nothing(numbers, file):
    with pytest.raises(TableError):
        run(numbers, file(lines(0, 1, 2, 3, 5, '"6')), skip_bad=True)
    assert numbers.batch_sizes == [3]
    assert numbers.stored() == []


def test_a_row_with_several_bad_cells_is_one_row(numbers, file):
    twice = Column(header="m", name="m", parse=cells.whole_number(minimum=0))
    result = run_import(
        open_table(file("n,m\nx,y\nx,y\n1,2\n"), [COUNT, twice]),
        numbers.handle,
        dry_run=False,
        skip_bad=True,
        progress=lambda _: None,
    )
    assert (result.created, result.skipped, result.errors_total) == (1, 2, 4)


def test_only_so_many_errors_are_kept_and_all_are_counted(numbers, file):
    result = run(numbers, file(lines(*["x"] * 250, *[4] * 50)), skip_bad=True)

    assert len(result.errors) == MAX_ERRORS_KEPT
    assert (result.errors_total, result.skipped) == (300, 300)


@pytest.mark.slow
def test_importing_takes_no_more_memory_for_more_bad_rows(db, file):
    def import_all(path):
        run_import(
            open_table(path, [COUNT]),
            lambda rows: BatchOutcome(
                0, 0, [RowError(row.line, "n", "unlucky", "Unlucky.") for row in rows]
            ),
            batch_rows=100,
            dry_run=False,
            skip_bad=True,
            progress=lambda _: None,
        )

    short, long = (file(lines(*["1", "x" * 200] * count)) for count in (800, 3200))
    import_all(short)

    assert peak_bytes(lambda: import_all(long)) < 1.2 * peak_bytes(lambda: import_all(short))


# --- the command ------------------------------------------------------------------------------


class NumbersSheet(Sheet):
    """The smallest sheet there can be: it checks numbers and stores none."""

    @property
    def columns(self):
        when = cells.local_datetime(self.community.timezone)
        return [COUNT, Column(header="at", name="at", parse=when, required=False)]

    def take(self, rows):
        errors = [
            RowError(row.line, "n", "unlucky", f"Not in {self.community.name}.", excerpt("13"))
            for row in rows
            if row.values["n"] == 13
        ]
        return BatchOutcome(len(rows) - len(errors), 0, errors)


class ImportNumbers(ImportCommand):
    def sheet(self, community, options):
        return NumbersSheet(community)


@pytest.fixture
def street(db):
    return Community.objects.create(kind=Community.Kind.STREET, code="street", name="东街")


@pytest.fixture
def community(street):
    return Community.objects.create(
        kind=Community.Kind.COMMUNITY, code="lake", name="碧湖", parent=street
    )


def command(path, *arguments) -> tuple[str, str, str]:
    """Return the command's output, on standard output and error, and why it failed."""
    out, err, failure = StringIO(), StringIO(), ""
    try:
        call_command(ImportNumbers(), str(path), *arguments, stdout=out, stderr=err, no_color=True)
    except CommandError as error:
        failure = str(error)
    return out.getvalue(), err.getvalue(), failure


def test_the_command_tells_what_it_ignored_and_what_it_did(community, file):
    assert command(file("n,备注\n1,\n2,\n"), "--community", "lake") == (
        "Ignored columns: 备注\nRows created: 2, unchanged: 0, skipped: 0.\n",
        "",
        "",
    )


def test_the_command_fails_telling_each_error(community, file):
    path = file("n,at\n1,2023-02-29 07:00\nx,\n13,\n")
    assert command(path, "--community", "lake") == (
        "",
        "line 2, at: date_invalid: There is no day 2023-02-29 in the calendar."
        " [2023-02-29 07:00]\n"
        "line 3, n: number_invalid: Write a whole number in digits, without separators or a unit."
        " [x]\n"
        "line 4, n: unlucky: Not in 碧湖. [13]\n",
        "Nothing was imported. Rows good and new: 0, good and already there: 0, bad: 3.",
    )


def test_the_command_skips_bad_rows_when_told_to(community, file):
    out, err, failure = command(
        file(lines(1, *["x"] * (MAX_ERRORS_KEPT + 7))), "--community", "lake", "--skip-bad"
    )
    assert out == f"Rows created: 1, unchanged: 0, skipped: {MAX_ERRORS_KEPT + 7}.\n"
    assert err.splitlines()[-1] == "and 7 more"
    assert len(err.splitlines()) == MAX_ERRORS_KEPT + 1
    assert failure == ""


def test_a_dry_run_of_the_command_fails_as_the_real_run_would(community, file):
    good, bad = file(lines(1, 2)), file(lines(1, 13))
    nothing = "Nothing was imported. Rows good and new: {}, good and already there: 0, bad: {}."

    assert command(good, "--community", "lake", "--dry-run")[::2] == (
        nothing.format(2, 0) + "\n",
        "",
    )
    assert command(bad, "--community", "lake", "--dry-run")[::2] == ("", nothing.format(1, 1))
    assert command(bad, "--community", "lake", "--dry-run", "--skip-bad")[::2] == (
        nothing.format(1, 1) + "\n",
        "",
    )


@pytest.mark.parametrize("code", ["nowhere", "street"])
def test_the_command_wants_a_community_that_keeps_a_ledger(community, file, code):
    _, _, failure = command(file(lines(1)), "--community", code)
    assert failure == f"There is no community with the code {code}."


def test_the_command_fails_on_a_file_it_can_not_read(community, file):
    path = file('n\n1\n"2\n')
    _, _, failure = command(path, "--community", "lake")
    assert failure == (
        f"{path}, line 3: quote_unclosed: "
        "A quotation mark is not closed in the row that begins here."
    )
    missing = path.with_name("none.csv")
    _, _, failure = command(missing, "--community", "lake")
    assert failure == f"{missing}: file_missing: There is no such file."
