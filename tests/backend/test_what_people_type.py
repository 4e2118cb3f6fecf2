"""Words, numbers, days and moments: each field that reads them has its bounds, and says so.

Serializers and filters are walked where they are defined, and the document where it is served;
then each field of each operation is sent the mean values of its kind.
"""

import copy
import itertools
import re
from collections.abc import Iterator
from datetime import date, timedelta
from importlib import import_module

import django_filters
import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from rest_framework import serializers

from backend import days
from backend.accounts.api import fields as typed
from backend.api import fields, filters
from backend.api.throttling import UserThrottle
from tests.backend.town import Form, undone
from tests.backend.walks import CLIENT, LOG_IN, ask, document, ways
from tests.cast import PASSWORD
from tests.long import IS_LONG

OURS = ("backend.", "points.", "volunteers.", "merchants.")
# What the framework reads, and what of it is ours.
INSTEAD = {
    serializers.CharField: fields.CharField,
    serializers.IntegerField: fields.IntegerField,
    serializers.DateField: fields.DateField,
    serializers.DateTimeField: fields.DateTimeField,
}
# Their own shape leaves room for nothing else.
SHAPED = (
    serializers.RegexField,
    serializers.SlugField,
    serializers.UUIDField,
    typed.CodeField,
    typed.DialledField,
    typed.DigitsField,
    typed.MobileField,
    typed.PasswordField,
)
NEVER = (serializers.TimeField, serializers.DurationField, serializers.JSONField)


# --- where they are defined -------------------------------------------------------------------
def descendants(cls):
    for child in cls.__subclasses__():
        if hasattr(child, "Meta") or not issubclass(child, serializers.ModelSerializer):
            yield child  # a model's without one is only built upon
        yield from descendants(child)


def inputs(field, path=""):
    """Every field of a serializer that reads something, those inside others too."""
    if field.read_only:
        return
    if isinstance(field, serializers.ListField | serializers.ListSerializer):
        yield from inputs(field.child, f"{path}[]")
    elif isinstance(field, serializers.BaseSerializer):
        for name, inner in field.fields.items():
            yield from inputs(inner, f"{path}.{name}")
    else:
        yield path, field


def test_every_serializer_reads_with_the_fields_that_have_bounds():
    import_module("backend.urls")
    found = {
        f"{cls.__module__}.{cls.__name__}{path}": field
        for cls in descendants(serializers.Serializer)
        if cls.__module__.startswith(OURS)
        # One without a model is there for others to be made of.
        and (hasattr(cls, "Meta") or not issubclass(cls, serializers.ModelSerializer))
        for path, field in inputs(cls())
    }

    strangers = {
        name: type(field).__name__
        for name, field in found.items()
        if isinstance(field, NEVER)
        or any(
            isinstance(field, theirs) and not isinstance(field, (ours, *SHAPED))
            for theirs, ours in INSTEAD.items()
        )
    }

    assert len(found) > 100
    assert strangers == {}


@pytest.mark.parametrize("slug", ["^1[0-9]{10}$", r"^\+?[0-9][0-9 -]*$", "^[0-9]{8,32}$"])
def test_a_shape_has_no_room_for_what_nobody_sees(slug):
    assert not re.search(slug, "138\u200b0001\u202e0000")


def test_every_filter_reads_with_the_fields_that_have_bounds():
    import_module("backend.urls")
    strangers = [
        f"{cls.__module__}.{cls.__name__}.{name}"
        for cls in descendants(django_filters.FilterSet)
        if cls.__module__.startswith(OURS)
        for name, one in cls.base_filters.items()
        if not isinstance(
            one,
            filters.CharFilter
            | filters.DayFilter
            | filters.BooleanFilter
            | filters.PointsFilter
            | filters.YearFilter
            | django_filters.UUIDFilter
            | django_filters.ChoiceFilter,
        )
    ]

    assert strangers == []


# --- where they are documented ----------------------------------------------------------------
def leaves(schema, path=()) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Yield the values in a body with their place, ``("items", 0, "quantity")``, and schema."""
    if "$ref" in schema:
        schema = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "allOf" in schema:
        (inner,) = schema["allOf"]
        yield from leaves(inner, path)
    elif schema.get("type") == "object":
        for name, inner in schema.get("properties", {}).items():
            yield from leaves(inner, (*path, name))
    elif schema.get("type") == "array":
        yield from leaves(schema["items"], (*path, 0))
    else:
        yield path, schema


def read_by():
    """(operation, where, schema) of all that a request may say: in its body or its query."""
    for path, methods in document()["paths"].items():
        if path.startswith(LOG_IN):
            continue
        for method, operation in methods.items():
            label = f"{method.upper()} {path}"
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query":
                    yield label, ("?", parameter["name"]), parameter["schema"]
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for where, schema in leaves(content["schema"]):
                    yield label, where, schema


def test_the_document_states_the_bounds_of_every_number_and_day_that_is_read():
    read = list(read_by())
    unbound = [
        (label, where)
        for label, where, schema in read
        if schema.get("type") in ("integer", "number")
        and not schema.keys() >= {"minimum", "maximum"}
    ]
    undated = [
        (label, where)
        for label, where, schema in read
        if where[0] != "?"
        and schema.get("format") in ("date", "date-time")
        and not schema.keys() >= {"x-minimum", "x-maximum"}
    ]

    assert len(read) > 200
    assert (unbound, undated) == ([], [])


# --- where they are sent ----------------------------------------------------------------------
DAYS = {
    "9999-12-31": "date_out_of_range",
    "0001-01-01": "date_out_of_range",
    (days.LATEST + timedelta(1)).isoformat(): "date_out_of_range",
    (days.EARLIEST - timedelta(1)).isoformat(): "date_out_of_range",
    days.LATEST.isoformat(): None,
    days.EARLIEST.isoformat(): None,
    "1900-02-29": "invalid",
    "2024-06-31": "invalid",
    "10000-01-01": "invalid",
}
MOMENTS = {
    "2024-03-01T08:00:00": "naive",
    "2024-03-01 08:00": "naive",
    "2024-03-01T08:00:00.5": "naive",
    "2024-03-01": "naive",
    "9999-12-31T23:59:59.999999-12:00": "date_out_of_range",
    "9999-12-31T23:59:59Z": "date_out_of_range",
    "0001-01-01T00:00:00+14:00": "date_out_of_range",
    f"{days.LATEST}T23:59:59-14:00": None,
    f"{days.EARLIEST}T00:00:00+14:00": None,
    "2024-03-01T24:00:00Z": "invalid",
    "2016-12-31T23:59:60Z": "invalid",
    "2024-03-01T08:00:00+14:01": "invalid",
    "2024-03-01T08:00:00-99:00": "invalid",
    "2024-03-01T08:00:00+08:00:30": "invalid",
    "2024-W09-5T08:00:00Z": "invalid",
    "20240301T080000Z": "invalid",
    "２０２４-03-01T08:00:00Z": "invalid",
}
WORDS = {
    "茶\u202e馆": "character_refused",
    "茶\u2067馆": "character_refused",
    "茶\U000e0041馆": "character_refused",
    "茶\ue863": "character_refused",
    "\u0007茶": "character_refused",
    "\u200b": "blank",
    "\ufeff\u2060\u3164": "blank",
}
# What fields of codes, numbers and passwords answer, which are no words
# (backend/accounts/api/fields.py).
NO_WORDS = {"not_a_code", "phone_unsupported", "password_too_short", "invalid"}


def numbers(schema):
    low, high = schema["minimum"], schema["maximum"]
    beyond = {low - 1: "min_value", high + 1: "max_value", -(10**30): "min_value"}
    within = {number: None for number in (low, high, -1, 0, 1) if low <= number <= high}
    return beyond | {10**30: "max_value"} | within


def meanings(schema, is_query):
    """Yield values for ``schema`` and the code each is refused with; None: maybe not refused."""
    match schema.get("type"), schema.get("format"):
        case (("integer" | "number"), _):
            return numbers(schema)
        case "string", "date":
            return DAYS
        case "string", "date-time":
            return MOMENTS
        case "string", None if not schema.keys() & {"enum", "pattern"}:
            # An empty query asks for nothing.
            return {word: code for word, code in WORDS.items() if not is_query or code != "blank"}
    return {}


def some(mean, turn):
    """An eighth of what is sent, another one to each field: the same classes read many fields."""
    everything = list(mean.items())
    return everything if IS_LONG else everything[turn % 8 :: 8]


def spoilt(body, where, value):
    """``body`` with ``value`` there; None if it has nothing there to be spoilt."""
    body = copy.deepcopy(body)
    inner = body
    for step in where[:-1]:
        if not (inner := inner[step] if step == 0 or step in inner else None):
            return None
    inner[where[-1]] = value
    return body


@pytest.fixture
def _nobody_asks_too_often(monkeypatch):
    for throttle in UserThrottle.__subclasses__():
        monkeypatch.setattr(throttle, "rate", "1000000/hour")


def get(address, params, headers):
    with undone():
        return CLIENT.get(address, params, headers=headers)


@pytest.mark.slow
@pytest.mark.usefixtures("_nobody_asks_too_often")
def test_whatever_is_out_of_bounds_is_refused_by_the_name_of_its_field(town, subtests):
    read = {}
    for label, where, schema in read_by():
        if mean := meanings(schema, where[0] == "?"):
            read.setdefault(label, []).append((where, mean, schema))
    asked, turns = 0, itertools.count()
    for way in ways(town).values():
        method, address, body, headers = way.request
        if way.label not in read or isinstance(body, Form):
            continue
        cache.clear()  # of how often they asked
        for where, mean, schema in read[way.label]:
            is_query = where[0] == "?"
            name = where[1] if is_query else ".".join(map(str, where))
            if name in ("cursor", "token"):  # ours, and made of nothing that is typed
                continue
            turn = next(turns)
            if turn % 6 and not IS_LONG:  # all are of the classes that were looked at above
                continue
            with subtests.test(way.label, field=name):
                for value, code in some(mean, turn // 6):
                    if is_query:
                        answer = get(address, {name: value}, headers)
                    elif (sent := spoilt(body, where, value)) is not None:
                        answer = ask(method, address, sent, headers)
                    else:
                        continue
                    asked += 1
                    assert answer.status_code < 500, value
                    if code == "blank":
                        # Where nothing need be said, it says nothing, unless a service asks for it.
                        is_said = schema.get("minLength", 0) or b'"errors"' in answer.content
                        code = code if is_said else None
                    if code:
                        errors = answer.json().get("errors", {}).get(name, [])
                        (told,) = [one["code"] for one in errors]
                        fitting = {code} | (NO_WORDS if value in WORDS else set())
                        assert told in fitting, (value, answer.json())
    assert asked > 100


@pytest.mark.parametrize(
    ("username", "status", "codes"),
    [
        ("\ufeffwang\u200b ", 200, []),
        ("wa\u202eng", 400, ["character_refused"]),
        ("wa\u2068ng", 400, ["character_refused"]),
        ("\u3164", 400, ["required"]),
    ],
)
def test_a_username_is_read_as_it_was_pasted(wang, username, status, codes):
    answer = CLIENT.post(
        "/_allauth/app/v1/auth/login",
        {"username": username, "password": PASSWORD},
        content_type="application/json",
    )

    assert answer.status_code == status
    assert [one["code"] for one in answer.json().get("errors", [])] == codes


def test_a_command_refuses_such_days_as_well(lake):
    for command, *arguments in (
        ("set_expiry", "never", "--community", "lake", "--valid-from"),
        ("publish_rules", "rules.json", "--community", "lake", "--valid-from"),
        ("expire_points", "--community", "lake", "--preview", "--on"),
    ):
        for day in ("9999-12-31", "0001-01-01", "2100-02-29", "tomorrow"):
            with pytest.raises(CommandError, match=day):
                call_command(command, *arguments, day)


def test_the_bounds_leave_room_for_what_is_reckoned():
    assert days.EARLIEST - timedelta(days=366) > date.min
    assert days.LATEST + timedelta(days=366 * 20) < date.max
