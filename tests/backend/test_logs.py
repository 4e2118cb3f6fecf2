"""The log as JSON: each line says which request or task it is of, and tells of nobody."""

import json
import logging

import pytest
from django.test import Client

from backend import logs
from backend.celery import app
from backend.request_id import HEADER, follow


@pytest.fixture
def written():
    """The lines that are logged from now on, as JSON."""
    lines = []
    handler = logging.Handler()
    handler.setFormatter(logs.Json())
    handler.emit = lambda record: lines.append(json.loads(handler.format(record)))
    root = logging.getLogger()
    root.addHandler(handler)
    yield lines
    root.removeHandler(handler)
    follow("")


def test_a_line_of_a_request_has_its_id_and_not_its_query(written):
    answer = Client().get("/there/is/nothing?phone=13800000001")

    (line,) = [one for one in written if one["logger"] == "django.request"]
    assert line.keys() == {"time", "level", "logger", "message", "request_id"}
    assert line["request_id"] == answer[HEADER]
    assert line["level"] == "WARNING"
    assert "13800000001" not in json.dumps(line)


@pytest.mark.usefixtures("_tasks_run_at_once")
def test_a_line_of_a_task_has_its_id_and_name_and_not_its_arguments(written):
    logger = logging.getLogger("linli")

    @app.task(name="says")
    def says(whom):
        logger.warning("was told")

    told = says.apply(["王小明"])

    (line,) = [one for one in written if one["logger"] == "linli"]
    assert (line["task_id"], line["task"]) == (told.id, "says")
    assert "request_id" not in line
    assert "王小明" not in json.dumps(written, ensure_ascii=False)
    logger.warning("afterwards")
    assert not {"task", "task_id", "request_id"} & written[-1].keys()


def test_what_was_raised_stands_in_the_line(written):
    try:
        raise ValueError("wrong")
    except ValueError:
        logging.getLogger("linli").exception("It 失败 failed")

    assert written[-1]["message"] == "It 失败 failed"
    assert written[-1]["exc_info"].endswith("ValueError: wrong")


def test_a_line_of_the_access_log_has_fields_of_its_own():
    args = {"{x-request-id}o": "0190", "m": "GET", "U": "/healthz", "s": "200", "B": 15, "M": 3}
    said = "%(m)s %(U)s %(s)s"
    record = logging.LogRecord("gunicorn.access", 20, "", 0, said, (args,), None)

    line = json.loads(logs.JsonAccess().format(record))

    assert line.pop("time")
    assert line == {
        "level": "INFO",
        "logger": "gunicorn.access",
        "message": "GET /healthz 200",
        "request_id": "0190",
        "method": "GET",
        "path": "/healthz",
        "status": 200,
        "bytes": 15,
        "milliseconds": 3,
    }


def test_another_format_is_refused(monkeypatch):
    monkeypatch.setenv("LINLI_LOG_FORMAT", "xml")

    with pytest.raises(ValueError, match="line or json"):
        logs.is_json()
