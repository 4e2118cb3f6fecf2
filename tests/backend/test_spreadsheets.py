"""Exported files: names that every machine takes, and cells that say what they are."""

import csv
import io
import sys
import unicodedata
from datetime import datetime
from decimal import Decimal

import pytest
from django.http import FileResponse
from python_calamine import CalamineWorkbook

from backend.api.files import named
from backend.files.spreadsheets import Sheet, write_csv, write_xlsx

RIGHT_TO_LEFT = "\u202e"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("结算单 2026-0001 茶/咖 2026-03-01", "结算单 2026-0001 茶_咖 2026-03-01.csv"),
        ("茶\\咖", "茶_咖.csv"),
        ('a:b*c?d"e<f>g|h', "a_b_c_d_e_f_g_h.csv"),
        ("../../etc/passwd", "_.._etc_passwd.csv"),
        ("茶馆\r\nSet-Cookie: a=b", "茶馆 Set-Cookie_ a=b.csv"),
        (f"茶馆{RIGHT_TO_LEFT}vsc.exe", "茶馆vsc.exe.csv"),
        ("茶\u200b\ufeff馆\x00\x7f", "茶馆.csv"),
        ("茶　\u00a0馆 ", "茶 馆.csv"),
        ("茶馆...", "茶馆.csv"),
        ("con", "_con.csv"),
        ("LPT1.xlsx", "_LPT1.xlsx.csv"),
        ("COM¹", "_COM¹.csv"),
        ("contract", "contract.csv"),
        ("", "_.csv"),
        (" . ", "_.csv"),
        ("e\u0301", "é.csv"),
        ("𬭩𠮷䶮", "𬭩𠮷䶮.csv"),
    ],
)
def test_a_files_name_is_the_whole_title_as_every_machine_takes_it(title, name):
    assert named(title, "csv") == name


@pytest.mark.parametrize("letter", ["a", "茶", "𠮷", "茶."])
def test_a_files_name_is_cut_where_no_file_system_takes_more(letter):
    name = named(letter * 300, "xlsx")

    assert 240 < len(name.encode()) <= 255
    assert name.endswith(f"{letter[0]}.xlsx")


@pytest.mark.slow
def test_whatever_the_title_the_header_has_one_line_and_one_name():
    every = "".join(map(chr, range(sys.maxunicode + 1)))
    for start in range(0, len(every), 60):
        name = named(every[start : start + 60], "pdf")

        header = FileResponse(io.BytesIO(), as_attachment=True, filename=name).headers
        assert header["Content-Disposition"].isascii()
        assert header["Content-Disposition"].isprintable()
        assert header["Content-Disposition"].startswith("attachment; filename")
        assert not set(name) & set('/\\:*?"<>|')
        assert not [c for c in name if unicodedata.category(c).startswith("C")]


def as_xlsx(*row):
    file = io.BytesIO()
    write_xlsx(Sheet("", ["a"] * len(row), [row]), file)
    file.seek(0)
    return CalamineWorkbook.from_filelike(file).get_sheet_by_index(0).to_python()[1]


def as_csv(*row):
    file = io.BytesIO()
    write_csv(Sheet("", ["a"] * len(row), [row]), file)
    text = file.getvalue().decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))[1]


def test_cells_are_what_they_say():
    moment = datetime(2024, 3, 5, 10, 0)
    row = [moment, -3, Decimal("12.05"), "6222020000000001234", "007"]

    assert as_xlsx(*row) == [moment, -3.0, 12.05, "6222020000000001234", "007"]
    assert as_csv(*row) == [
        "2024-03-05 10:00:00", "-3", "12.05", "6222020000000001234", "007",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [10**15, -(10**15), Decimal("12345678901234.56")])
def test_a_number_that_a_spreadsheet_would_round_is_text(number):
    assert as_xlsx(number) == [str(number)]


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "＝1", "\t=1", " =1", "{=1}", "\n=1"])
def test_no_text_is_a_formula(text):
    assert as_xlsx(text) == [text]
    assert as_csv(text) == [f"'{text}"] or text.startswith("{")


def test_every_character_survives_in_a_cell():
    every = [
        chr(point)
        for point in range(0x20, sys.maxunicode + 1)
        if unicodedata.category(chr(point)) not in ("Cs", "Cn", "Co")
    ]
    texts = ["·" + "".join(every[i : i + 1000]) for i in range(0, len(every), 1000)]

    assert as_csv(*texts) == texts
    assert as_xlsx(*texts) == texts


@pytest.mark.parametrize("write", [write_csv, write_xlsx])
def test_a_head_stands_above_the_columns_with_an_empty_line_between(write):
    file = io.BytesIO()
    head = [("期间", "2024-03"), ("总体", 3), ("公式", "=1+1")]

    write(Sheet("抽样", ["编号", "积分"], [["一", 5], ["二", 6]], head=head), file)
    file.seek(0)

    if write is write_csv:
        lines = list(csv.reader(file.getvalue().decode("utf-8-sig").splitlines()))
        assert lines == [
            *(["期间", "2024-03"], ["总体", "3"], ["公式", "'=1+1"], []),
            *(["编号", "积分"], ["一", "5"], ["二", "6"]),
        ]
    else:
        lines = CalamineWorkbook.from_filelike(file).get_sheet_by_index(0).to_python()
        assert lines == [
            *(["期间", "2024-03"], ["总体", 3], ["公式", "=1+1"], ["", ""]),
            *(["编号", "积分"], ["一", 5], ["二", 6]),
        ]
