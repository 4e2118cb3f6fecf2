"""``manage.py import_merchants``: the real file, and files that staff get wrong."""

from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import translation

from merchants.models import Merchant, Partnership, Terms
from merchants.partners.errors import PartnerNameTaken
from merchants.partners.services import partnerships as partners

REAL = settings.BASE_DIR / "backend" / "top" / "scenarios" / "bishahu" / "merchants.csv"
HEADER = "商户,行业,每积分结算(分),公益捐赠不结算\n"


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
            path = tmp_path / "merchants.csv"
            path.write_text(HEADER + what)
        out, err, failure = StringIO(), StringIO(), ""
        try:
            call_command(
                "import_merchants",
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


def contracts() -> list[str]:
    """Every contract as the spreadsheet writes it, in its order."""
    return [
        f"{terms.partnership.name},{terms.partnership.merchant.trade},{terms.fen_per_point},"
        f"{'是' if terms.kind == Terms.Kind.DONATED else '否'}\n"
        for terms in Terms.objects.select_related("partnership__merchant").order_by("partnership")
    ]


def test_the_real_file_is_imported_once(take):
    real = REAL.read_text().removeprefix(HEADER).splitlines(keepends=True)

    assert take(REAL, "--dry-run") == (
        "Nothing was imported. Rows good and new: 19, good and already there: 0, bad: 0.",
        [],
        "",
    )
    assert (contracts(), Merchant.objects.count()) == ([], 0)

    assert take(REAL) == ("Rows created: 19, unchanged: 0, skipped: 0.", [], "")
    assert contracts() == real

    assert take(REAL) == ("Rows created: 0, unchanged: 19, skipped: 0.", [], "")
    assert (contracts(), Merchant.objects.count()) == (real, 19)


def test_excel_in_china_writes_gb18030_which_is_imported_alike(take, tmp_path):
    copy = tmp_path / "导出.csv"
    # The brackets of the heading are full-width when they are typed with a Chinese keyboard.
    copy.write_bytes(REAL.read_text().replace("(分)", "（分）").encode("gb18030"))

    assert take(copy) == ("Rows created: 19, unchanged: 0, skipped: 0.", [], "")
    assert take(REAL) == ("Rows created: 0, unchanged: 19, skipped: 0.", [], "")


def test_a_file_without_its_columns_is_refused_whole(take, tmp_path):
    file = tmp_path / "wrong.csv"
    file.write_text("商户,行业\n茶馆,餐饮\n")

    out, err, failure = take(file, "--skip-bad")

    assert failure == (
        f"{file}: columns_missing: Missing columns: 每积分结算(分), 公益捐赠不结算. "
        "Found: 商户, 行业."
    )
    assert (out, err, Partnership.objects.count()) == ("", [], 0)


DIFFERS = "商户: merchant_differs: This merchant is a partner already, on other terms."


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("茶馆,餐饮,11,否", DIFFERS),
        ("茶馆,零售,10,否", DIFFERS),
        ("茶馆,餐饮,10,是", DIFFERS),
        ("书店,文化,6,是", DIFFERS),
        ("面馆,餐饮,-1,否", "每积分结算(分): number_too_small: The number must be at least 0."),
        ("面馆,餐饮,1000001,否", "每积分结算(分): number_too_large: "),
        (f"面馆,餐饮,{'9' * 5000},否", "每积分结算(分): number_too_large: "),
        ("面馆,餐饮,0.08,否", "每积分结算(分): number_invalid: "),
        ("面馆,餐饮,=8,否", "每积分结算(分): formula: "),
        ("面馆,餐饮,8,也许", "公益捐赠不结算: yes_no_invalid: "),
        ("=面馆,餐饮,8,否", "商户: formula: "),
        (f"{'面' * 61},餐饮,8,否", "商户: too_long: "),
        ("面馆,,8,否", "行业: missing: The cell is empty."),
        ("面馆,餐饮,8", "公益捐赠不结算: missing: The cell is empty."),
        ("面馆,餐饮,8,否,x", ": cell_count: The row has 5 cells, the header has 4."),
        ("面?,餐饮,8,否", "商户: character_lost: "),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_imported_unless_told_to(take, tea_house, line, error):
    lines = f"书店,文化,5,是\n{line}\n健身房,体育,0,否\n茶馆,餐饮,10,否\n"

    out, err, failure = take(lines)

    assert (out, len(err)) == ("", 1)
    assert err[0].startswith(f"line 3{error}" if error[0] == ":" else f"line 3, {error}")
    assert failure == (
        "Nothing was imported. Rows good and new: 2, good and already there: 1, bad: 1."
    )
    assert contracts() == ["茶馆,餐饮,10,否\n"]

    out, err, failure = take(lines, "--skip-bad")

    assert (out, len(err), failure) == ("Rows created: 2, unchanged: 1, skipped: 1.", 1, "")
    assert contracts() == ["茶馆,餐饮,10,否\n", "书店,文化,5,是\n", "健身房,体育,0,否\n"]


def test_a_partner_of_another_community_is_signed_here_anew(take, hill):
    partners.sign_contract(
        community=hill, name="茶馆", trade="餐饮", fen_per_point=10, is_donated=False
    )

    assert take("茶馆,零售,3,否\n") == ("Rows created: 1, unchanged: 0, skipped: 0.", [], "")


def test_whom_staff_only_talk_to_is_not_signed_by_a_file(take, lake, zhao):
    partners.consider(community=lake, name="面馆", trade="餐饮", by=zhao)

    _, err, _ = take("面馆,餐饮,8,否\n")

    assert err == [f"line 2, {DIFFERS}"]
    assert Partnership.objects.get().status == Partnership.Status.CANDIDATE


def test_who_donates_is_settled_at_nothing(take):
    take("书店,文化,5,是\n")

    assert Terms.objects.get().kind == Terms.Kind.DONATED


@pytest.mark.parametrize(
    "name",
    [
        "永辉(一店)",
        " 永辉（一店）",
        "永辉 【一店】",
        "永\u200b辉(一店）",
        "永辉⟨一店⟩",
        "永辉\u200e︵一店︶",
    ],
)
def test_another_width_or_bracket_is_no_other_merchant(take, lake, zhao, name):
    take("永辉（一店）,零售,10,否\n")

    assert take(f"{name},零售,10,否\n") == ("Rows created: 0, unchanged: 1, skipped: 0.", [], "")
    with pytest.raises(PartnerNameTaken):
        partners.consider(community=lake, name=name, trade="零售", by=zhao)
    assert Partnership.objects.get().name == "永辉（一店）"


def test_the_database_knows_no_two_merchants_of_one_name(lake):
    for name in ("ABC超市", "ＡＢＣ 超市"):
        with suppress(IntegrityError), transaction.atomic():
            partners.sign_contract(
                community=lake, name=name, trade="零售", fen_per_point=1, is_donated=False
            )

    assert Partnership.objects.count() == 1


@pytest.mark.parametrize("name", ["永辉(二店)", "永辉一店"])
def test_other_words_are_another_merchant(take, name):
    take("永辉（一店）,零售,10,否\n")

    assert take(f"{name},零售,10,否\n")[0] == "Rows created: 1, unchanged: 0, skipped: 0."


def test_a_list_does_not_take_up_again_what_was_ended(take, tea_house, zhao):
    partners.move(partnership=tea_house, status=Partnership.Status.ENDED, by=zhao)

    out, err, failure = take("书店,文化,5,是\n茶馆,餐饮,10,否\n")

    assert err == ["line 3, 商户: partner_ended: This partnership has ended."]
    assert (out, failure) == ("Rows created: 1, unchanged: 0, skipped: 1.", "")
    tea_house.refresh_from_db()
    assert tea_house.status == Partnership.Status.ENDED
