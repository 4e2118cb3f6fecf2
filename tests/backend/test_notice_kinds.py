"""Every kind of notice has words in both languages, opens something, and has a journey.

The journey begins with its cause: a function of its name in ``tests/*/causes.py`` that takes
fixtures, goes through services or the API, and returns who is told.
"""

import re
from importlib import import_module
from inspect import getmembers, isfunction, signature
from pathlib import Path
from string import Formatter

import pytest

from backend.notices import kinds, targets
from backend.notices.models import Notice
from tests.cast import tell

pytestmark = pytest.mark.django_db  # fixtures that a cause needs are asked for too late for it

TESTS = Path(__file__).parents[1]
CHINESE = re.compile("[\u4e00-\u9fff]")


def causes():
    """What stands in ``causes.py`` of each folder, but for private helpers: by name."""
    for file in sorted(TESTS.glob("*/causes.py")):
        module = import_module(f"tests.{file.parent.name}.causes")
        for name, function in getmembers(module, isfunction):
            if function.__module__ == module.__name__ and not name.startswith("_"):
                yield name, function


CAUSES = dict(causes())


def test_every_cause_is_of_a_kind_and_stands_once():
    assert sorted(name for name, _ in causes()) == sorted(CAUSES)
    assert CAUSES.keys() <= kinds.registered.keys()


@pytest.mark.parametrize("name", sorted(kinds.registered))
def test_a_kind_opens_a_target_that_is_registered(name):
    address = targets.registered[kinds.registered[name].opens]

    assert {field for _, field, _, _ in Formatter().parse(address)} <= {"id", "community", None}


@pytest.mark.parametrize("name", sorted(kinds.registered))
def test_what_causes_a_kind_puts_it_into_the_inbox_in_both_languages_and_a_tap_opens_it(
    name, request, logged_in
):
    cause = CAUSES[name]  # a kind without one belongs into causes.py
    person = cause(**{one: request.getfixturevalue(one) for one in signature(cause).parameters})
    owed = Notice.objects.filter(recipient=person, kind=name, withdrawn_at=None)
    (notice,) = [one for one in owed if tell(one)]

    client = logged_in(person)
    address = f"/api/v1/me/notices/{notice.pk}"
    chinese = client.get(address, headers={"Accept-Language": "zh-hans"}).json()
    english = client.get(address, headers={"Accept-Language": "en"}).json()
    assert chinese["kind"] == english["kind"] == name
    for part in ("title", "body"):
        assert CHINESE.search(chinese[part]), part
        assert chinese[part] != english[part]
        assert "%(" not in chinese[part] + english[part]
    assert not CHINESE.search(english["title"])

    opened = client.get(f"/api/v1/{address_of(notice)}")
    assert opened.status_code == 200, opened.content.decode()


def address_of(notice):
    address = targets.registered[kinds.registered[notice.kind].opens]
    assert ("{id}" in address) == (notice.target_id is not None)
    return address.format(id=notice.target_id, community=notice.community.code)
