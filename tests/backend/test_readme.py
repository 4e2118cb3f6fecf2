"""The README's configuration is the one the code reads."""

import re
from pathlib import Path

from backend.urls import LOG_IN
from tests.backend.walks import document

# ``GET me`` and ``GET /api/v1/me``, with or without a query and a body.
ADDRESS = re.compile(
    r"`(GET|POST|PUT|PATCH|DELETE) (?:/api/v1/)?([a-z][\w{}/.-]*)(?:\?\S*| {.*?})?`"
)

ROOT = Path(__file__).parents[2]
READS = re.compile(r"""(?:env\.\w+|os\.environ\.get|os\.environ)[\[(]\s*["']([A-Z][A-Z_]+)["']""")
NOT_OURS = {"PATH", "HOME", "DJANGO_SETTINGS_MODULE"}


def read_by_the_code() -> set[str]:
    names = ("settings.py", "run.py", "embedded.py", "logs.py", "gunicorn_config.py")
    files = [ROOT / "backend" / name for name in names]
    return {
        name for file in files for name in READS.findall(file.read_text(encoding="utf-8"))
    } - NOT_OURS


def test_every_environment_variable_is_in_the_readme_and_no_other():
    rows = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(rows) == sorted(read_by_the_code())


def test_the_map_names_what_is_there():
    text = (ROOT / "README.md").read_text("utf-8")
    for place in re.findall(r"(\w+)/ ", text.split("## The house")[1].split("Inside each app")[0]):
        assert (
            (ROOT / place).is_dir()
            or (ROOT / "backend" / place).is_dir()
            or (ROOT / "tests" / place).is_dir()
        ), place


def test_every_place_that_the_architecture_names_exists():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    places = re.findall(r"`((?:backend|tests|points)/[\w/.]+)`", text)
    assert len(places) > 10
    for place in places:
        assert (ROOT / place).exists(), place


def test_every_file_a_docstring_sends_the_reader_to_exists():
    for source in ROOT.glob("[bpvmt]*/**/*.py"):
        for name in re.findall(r"docs/[\w.-]+\.md", source.read_text("utf-8")):
            assert (ROOT / name).is_file(), f"{source}: {name}"


def test_every_address_that_a_page_names_with_its_method_exists():
    known = {
        (method.upper(), re.sub(r"{\w+}", "{}", path.removeprefix("/api/v1/")))
        for path, methods in document()["paths"].items()
        for method in methods
    }
    log_in = {str(one.pattern).removeprefix("app/v1/") for one in LOG_IN}
    named = [
        (page.name, *words)
        for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md"))
        for words in ADDRESS.findall(re.sub(r"\s+", " ", page.read_text("utf-8")))
    ]

    assert len(named) > 40
    for page, method, path in named:
        address = re.sub(r"{\w+}", "{}", path.replace("{format}", "csv"))
        assert (method, address) in known or path in log_in, f"{page}: {method} {path}"
