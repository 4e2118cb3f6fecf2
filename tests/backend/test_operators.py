"""The first operator of an installation, and links by which somebody becomes one."""

import io

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from backend.accounts.models import SetupCode, User
from backend.accounts.services import attempts, operators
from backend.audit.models import OwnAct
from tests.cast import PASSWORD

WHO = {"name": "周运维", "username": "zhou", "password": PASSWORD}


@pytest.fixture
def stranger():
    return APIClient()


def setup_link(*options):
    out = io.StringIO()
    call_command("setup_link", *options, stdout=out)
    return out.getvalue()


def code_in(told):
    return told.partition("?code=")[2].strip()


def set_up(client, code, **facts):
    return client.post("/api/v1/setup", WHO | {"code": code} | facts)


def refusal(answer):
    return answer.status_code, answer.json()["code"]


def test_whoever_has_the_link_becomes_the_operator_with_a_password_of_their_own(db, stranger):
    told = setup_link("--first", "--console", "https://linli.example.cn/console")

    answer = set_up(stranger, code_in(told))

    operator = User.objects.get()
    assert "https://linli.example.cn/console/setup?code=" in told
    assert answer.status_code == 201
    assert answer.json() == {"id": str(operator.pk), "username": "zhou", "name": "周运维"}
    assert operator.check_password(PASSWORD)
    assert (operator.is_superuser, operator.second_factor_required) == (True, True)
    assert OwnAct.objects.get().action == "operator.appoint"
    assert code_in(told) not in str(SetupCode.objects.values().get())


def test_the_first_link_is_shown_once(db, stranger):
    first = setup_link("--first")
    again = setup_link("--first")

    assert code_in(first)
    assert "manage.py setup_link" in again
    assert not code_in(again)
    set_up(stranger, code_in(first))
    assert setup_link("--first") == ""


def test_a_new_link_ends_the_one_before(db, stranger):
    old, new = code_in(setup_link("--first")), code_in(setup_link())

    assert refusal(set_up(stranger, old)) == (404, "setup_code_unknown")
    assert set_up(stranger, new).status_code == 201


def test_an_operator_can_let_a_second_one_in(db, stranger):
    for username in ("zhou", "wu"):
        assert set_up(stranger, code_in(setup_link()), username=username).status_code == 201

    assert User.objects.filter(is_superuser=True).count() == 2


@pytest.mark.parametrize(
    ("facts", "refused"),
    [
        ({"code": "2" * 24}, (404, "setup_code_unknown")),
        ({"code": "used"}, (409, "setup_code_used")),
        ({"code": "0"}, (400, "invalid_input")),
        ({"username": "WANG"}, (409, "username_taken")),
        ({"username": "a b"}, (400, "invalid_input")),
        ({"password": "123"}, (400, "invalid_input")),
        ({"password": "zhou-zhou"}, (400, "invalid_input")),
        ({"name": ""}, (400, "invalid_input")),
    ],
)
def test_a_refused_setup_makes_nobody_an_operator(db, stranger, wang, facts, refused):
    used, good = operators.fresh_setup_code(), None
    set_up(stranger, used, username="first")
    good = operators.fresh_setup_code()
    code = {"used": used}.get(facts.get("code"), facts.get("code", good))

    answer = set_up(stranger, code, **{k: v for k, v in facts.items() if k != "code"})

    assert refusal(answer) == refused
    assert list(User.objects.filter(is_superuser=True).values_list("username", flat=True)) == [
        "first"
    ]


def test_a_weak_password_is_told_by_its_field(db, stranger):
    answer = set_up(stranger, code_in(setup_link()), password="123")

    assert list(answer.json()["errors"]) == ["password"]


def test_wrong_links_are_counted_as_guesses_of_their_address(db, stranger):
    good = operators.fresh_setup_code()
    for _ in range(attempts.CODES.limit):
        set_up(stranger, "2" * 24)

    assert refusal(set_up(stranger, good)) == (429, "throttled")
    elsewhere = APIClient(REMOTE_ADDR="198.51.100.7")
    assert set_up(elsewhere, good).status_code == 201
