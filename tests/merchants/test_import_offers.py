"""``manage.py import_offers``: the real file, and files that staff get wrong."""

from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.utils import translation

from merchants.catalogue.services import offers as catalogue
from merchants.models import Offer, Partnership
from merchants.partners.services import partnerships as partners
from merchants.redemption.services import vouchers as redemption

BISHAHU = settings.BASE_DIR / "backend" / "top" / "scenarios" / "bishahu"
REAL = BISHAHU / "offers.csv"
HEADER = "编号,商户,商品,积分,库存\n"
TEA = "TEA,茶馆,一壶茶,30,5\n"


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
            path = tmp_path / "offers.csv"
            path.write_text(HEADER + what)
        out, err, failure = StringIO(), StringIO(), ""
        try:
            call_command(
                "import_offers",
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


@pytest.fixture
def merchants(lake):
    """The nineteen partners of 碧沙湖."""
    call_command(
        "import_merchants", BISHAHU / "merchants.csv", "--community=lake", stdout=StringIO()
    )


def listed() -> list[str]:
    """Every offer as the spreadsheet writes it, in its order."""
    return [
        f"{o.code},{o.partnership.name},{o.title},{o.price_points},{o.stock}\n"
        for o in Offer.objects.select_related("partnership").order_by("id")
    ]


@pytest.mark.usefixtures("merchants")
def test_the_real_file_is_imported_once(take):
    real = REAL.read_text().removeprefix(HEADER).splitlines(keepends=True)

    assert take(REAL, "--dry-run") == (
        "Nothing was imported. Rows good and new: 32, good and already there: 0, bad: 0.",
        [],
        "",
    )
    assert listed() == []

    assert take(REAL) == ("Rows created: 32, unchanged: 0, skipped: 0.", [], "")
    assert listed() == real
    assert Offer.objects.filter(status="listed").count() == 32

    assert take(REAL) == ("Rows created: 0, unchanged: 32, skipped: 0.", [], "")
    assert listed() == real


@pytest.mark.usefixtures("merchants")
def test_excel_in_china_writes_gb18030_which_is_imported_alike(take, tmp_path):
    copy = tmp_path / "导出.csv"
    copy.write_bytes(REAL.read_text().encode("gb18030"))

    assert take(copy) == ("Rows created: 32, unchanged: 0, skipped: 0.", [], "")
    assert take(REAL) == ("Rows created: 0, unchanged: 32, skipped: 0.", [], "")


def test_stock_is_what_it_begins_with_and_not_set_again(take, tea, wang, grant_points):
    grant_points(wang, 60)
    redemption.take(offer=tea, volunteer=wang, quantity=2)

    assert take(TEA) == ("Rows created: 0, unchanged: 1, skipped: 0.", [], "")

    tea.refresh_from_db()
    assert tea.stock == 3


def test_a_file_without_its_columns_is_refused_whole(take, tea_house, tmp_path):
    file = tmp_path / "wrong.csv"
    file.write_text("编号,商户,商品,价格,库存\nTEA,茶馆,一壶茶,30,5\n")

    out, err, failure = take(file, "--skip-bad")

    assert failure == (
        f"{file}: columns_missing: Missing columns: 积分. Found: 编号, 商户, 商品, 价格, 库存."
    )
    assert (out, err, Offer.objects.count()) == ("", [], 0)


UNKNOWN = "商户: merchant_unknown: No merchant of this name is a partner of this community."
DIFFERS = "编号: offer_differs: This code is on offer already, as something else."


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("CAKE,蜂场,蛋糕,10,1", UNKNOWN),
        ("CAKE,甜品店,蛋糕,10,1", UNKNOWN),
        ("TEA,茶馆,一壶茶,31,5", DIFFERS),
        ("TEA,茶馆,两壶茶,30,5", DIFFERS),
        ("TEA,面馆,一壶茶,30,5", DIFFERS),
        ("CAKE,茶馆,蛋糕,0,1", "积分: number_too_small: The number must be at least 1."),
        ("CAKE,茶馆,蛋糕,-10,1", "积分: number_too_small: The number must be at least 1."),
        ("CAKE,茶馆,蛋糕,2147483648,1", "积分: number_too_large: "),
        (f"CAKE,茶馆,蛋糕,{'9' * 5000},1", "积分: number_too_large: "),
        ("CAKE,茶馆,蛋糕,9.5,1", "积分: number_invalid: "),
        ("CAKE,茶馆,蛋糕,十,1", "积分: number_invalid: "),
        ("CAKE,茶馆,蛋糕,10,-1", "库存: number_too_small: The number must be at least 0."),
        ("CAKE,茶馆,蛋糕,10,2147483648", "库存: number_too_large: "),
        ("CAKE,茶馆,蛋糕,10,", "库存: missing: The cell is empty."),
        ("CAKE,茶馆,=1+1,10,1", "商品: formula: "),
        ("+CAKE,茶馆,蛋糕,10,1", "编号: formula: "),
        (f"{'C' * 31},茶馆,蛋糕,10,1", "编号: too_long: "),
    ],
)
def test_a_bad_row_is_named_and_nothing_is_imported_unless_told_to(
    take, lake, hill, tea, line, error
):
    for community, name in ((lake, "面馆"), (hill, "蜂场")):
        partners.sign_contract(
            community=community, name=name, trade="餐饮", fen_per_point=10, is_donated=False
        )
    good = ["NOODLES,面馆,一碗面,60,0\n", "POT,茶馆,茶具,2147483647,2147483647\n"]
    lines = f"{good[0]}{line}\n{good[1]}{TEA}"

    out, err, failure = take(lines)

    assert (out, len(err)) == ("", 1)
    assert err[0].startswith(f"line 3, {error}")
    assert failure == (
        "Nothing was imported. Rows good and new: 2, good and already there: 1, bad: 1."
    )
    assert listed() == [TEA]

    out, err, failure = take(lines, "--skip-bad")

    assert (out, len(err), failure) == ("Rows created: 2, unchanged: 1, skipped: 1.", 1, "")
    assert listed() == [TEA, *good]


def test_one_code_twice_in_a_file_is_one_offer(take, tea_house):
    assert take(TEA + TEA)[0] == "Rows created: 1, unchanged: 1, skipped: 0."

    _, err, failure = take(TEA + TEA.replace("30", "40"))
    assert err == [f"line 3, {DIFFERS}"]
    assert failure
    assert listed() == [TEA]


def test_codes_are_each_communitys_own(take, hill, tea, lake):
    elsewhere = partners.sign_contract(
        community=hill, name="蜂场", trade="农产", fen_per_point=10, is_donated=False
    )
    catalogue.offer(partnership=elsewhere, code="HONEY", title="蜂蜜", price_points=9, stock=9)

    assert take("HONEY,茶馆,蜂蜜茶,40,2\n") == (
        "Rows created: 1, unchanged: 0, skipped: 0.",
        [],
        "",
    )


@pytest.mark.parametrize(
    "row",
    [
        "TEA,茶馆,一壶茶,30,5",
        "ＴＥＡ,茶 馆,一壶\u3000茶,３０,5",
        "\ufeffTEA\u200b,茶馆,一壶茶,30,5",
    ],
)
def test_another_width_is_no_other_offer(take, tea, row):
    out, _, failure = take(row)

    assert (out, failure) == ("Rows created: 0, unchanged: 1, skipped: 0.", "")
    assert Offer.objects.get() == tea


def test_nothing_is_offered_by_who_is_a_partner_no_more(take, tea_house, zhao):
    partners.move(partnership=tea_house, status=Partnership.Status.ENDED, by=zhao)

    out, err, failure = take("CAKE,茶馆,蛋糕,10,1\n")

    assert err == ["line 2, 商户: partner_ended: This partnership has ended."]
    assert (out, failure) == ("Rows created: 0, unchanged: 0, skipped: 1.", "")
    assert not Offer.objects.exists()
