"""Logging in, in our OpenAPI document: django-allauth's own description, as we serve it."""

import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from allauth.headless import spec
from allauth.headless.spec.internal import schema

from backend.api.log_in import WeChatLogInView

PREFIX = "LogIn"  # before the names of allauth's components: some are called as ours are
TAG = "log-in"
LOG_IN, WECHAT = "/_allauth/app/v1/auth/login", "/_allauth/app/v1/auth/wechat"
_REF = re.compile(r"#/components/(\w+)/(\w+)")


def add_log_in(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Add django-allauth's operations that backend/urls.py serves: a hook of drf-spectacular's."""
    for section, named in _document()["components"].items():
        result["components"].setdefault(section, {}).update(named)
    result["paths"] |= _document()["paths"]
    return result


@cache
def _document() -> dict[str, Any]:
    """Return the part of django-allauth's document that we serve, its components renamed."""
    text = (Path(spec.__file__).parent / "doc/openapi.yaml").read_text("utf-8")
    theirs = yaml.load(text, yaml.CSafeLoader)  # a safe one
    for prepare in (
        schema.specify_user,
        schema.pin_client,
        schema.drop_unused_client_parameter,
        schema.drop_unused_paths,
    ):
        prepare(theirs)
    theirs["paths"][WECHAT] = {"post": _by_wechat(theirs["paths"][LOG_IN]["post"])}
    for path, methods in theirs["paths"].items():
        for method, operation in methods.items():
            words = re.findall(r"\w+", path.partition("/v1/")[2])
            operation |= {
                "operationId": "_".join(["log_in", *words, method]),
                "summary": operation["summary"].strip(),
                "tags": [TAG],
            }
    ours: dict[str, Any] = {"paths": _renamed(theirs["paths"]), "components": defaultdict(dict)}
    _add_components(ours["components"], theirs, theirs["paths"])
    return ours


def _by_wechat(operation: dict[str, Any]) -> dict[str, Any]:
    """Return the log-in operation with ``wx.login``'s code instead of a password."""
    summary, _, description = str(WeChatLogInView.__doc__).partition("\n\n")
    fields = WeChatLogInView.input_class.base_fields
    return operation | {
        "summary": summary.partition(":")[0],
        "description": " ".join(description.split()),
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": list(fields),
                        "properties": {
                            name: {"type": "string", "maxLength": field.max_length}
                            for name, field in fields.items()
                        },
                    },
                    "example": dict.fromkeys(fields, "0a3Kxl"),
                }
            },
        },
    }


def _add_components(ours: dict[str, Any], theirs: dict[str, Any], part: Any) -> None:
    """Add the components that ``part`` refers to, and those that they refer to."""
    for kind, name in _REF.findall(str(part)):
        if PREFIX + name not in ours[kind]:
            component = theirs["components"][kind][name]
            ours[kind][PREFIX + name] = _renamed(component)
            _add_components(ours, theirs, component)


def _renamed(part: Any) -> Any:
    if isinstance(part, dict):
        return {
            name: _REF.sub(rf"#/components/\1/{PREFIX}\2", inner)
            if name == "$ref"
            else _renamed(inner)
            for name, inner in part.items()
        }
    return [_renamed(inner) for inner in part] if isinstance(part, list) else part
