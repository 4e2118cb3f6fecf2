"""Errors told to Sentry, where a DSN is set: of what kind, where, in which request or task.

Whatever may tell of a person stays: messages of exceptions (PostgreSQL's name the row), values of
variables, and all of the request but its route. The log on the machine has the messages.
"""

from typing import Any

import sentry_sdk

from backend.request_id import current_request_id, current_task

KEPT = ("event_id", "timestamp", "platform", "level", "logger", "environment", "sdk")
KEPT_OF_FRAMES = (
    "module",
    "function",
    "filename",
    "lineno",
    "in_app",
    "pre_context",
    "context_line",
    "post_context",
)


def watch(dsn: str) -> None:
    """Tell errors that are logged, or raised in a request or task, to Sentry."""
    sentry_sdk.init(
        dsn=dsn,
        before_send=_without_people,
        before_breadcrumb=lambda *_: None,
        send_default_pii=False,
        include_local_variables=False,
        max_request_body_size="never",
        auto_session_tracking=False,
    )


def _without_people(event: Any, hint: Any) -> Any:
    """Return of ``event`` what is known to tell of nobody."""
    told = {name: event[name] for name in KEPT if name in event}
    told["tags"] = {"request_id": current_request_id(), "task": current_task()}
    if event.get("transaction_info", {}).get("source") in ("route", "task"):  # else an address
        told["transaction"] = event["transaction"]
    if message := event.get("logentry", {}).get("message"):
        told["logentry"] = {"message": message}  # as it stands in the code, without its values
    if raised := event.get("exception", {}).get("values"):
        told["exception"] = {"values": [_raised(one) for one in raised]}
    return told


def _raised(one: dict[str, Any]) -> dict[str, Any]:
    frames = (one.get("stacktrace") or {}).get("frames", [])
    kept = [{name: frame.get(name) for name in KEPT_OF_FRAMES} for frame in frames]
    return {"type": one["type"], "module": one.get("module"), "stacktrace": {"frames": kept}}
