"""Formats of the log: ``line`` for people, ``json`` (an object a line) for machines.

``LINLI_LOG_FORMAT`` chooses one for web, workers and beat. Only the fields named here are written:
what libraries attach to a record besides (the request with its query, a task's arguments) may tell
of a person.
"""

import logging
import os
from datetime import UTC, datetime
from typing import Any

from pythonjsonlogger.json import JsonFormatter

from backend.request_id import current_request_id, current_task

LINE = "%(asctime)s %(levelname)s %(request_id)s %(name)s %(message)s"


def is_json() -> bool:
    """Tell whether the log is JSON. Raises ValueError for a format that there is none of."""
    chosen = os.environ.get("LINLI_LOG_FORMAT") or "line"
    if chosen not in ("line", "json"):
        raise ValueError("LINLI_LOG_FORMAT is line or json.")
    return chosen == "json"


class Json(JsonFormatter):
    """Formatter of an object with ``request_id``, or ``task_id`` and ``task`` within a task."""

    def __init__(self) -> None:
        super().__init__(json_ensure_ascii=False)

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        log_data |= {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **self.where(record),
            **{name: message_dict[name] for name in ("exc_info",) if message_dict.get(name)},
        }

    def where(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the fields that tell what ``record`` belongs to."""
        if task := current_task():
            return {"task_id": current_request_id(), "task": task}
        return {"request_id": current_request_id()} if current_request_id() else {}


class JsonAccess(Json):
    """Formatter of gunicorn's access log; its thread no longer knows which request it was."""

    def where(self, record: logging.LogRecord) -> dict[str, Any]:
        told: Any = record.args
        return {
            "request_id": told["{x-request-id}o"],
            "method": told["m"],
            "path": told["U"],
            "status": int(told["s"]),
            "bytes": int(told["B"] or 0),
            "milliseconds": told["M"],
        }
