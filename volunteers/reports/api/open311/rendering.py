"""Answers of Open311 GeoReport v2, in JSON or XML."""

import json
from typing import Any
from xml.etree.ElementTree import Element, tostring

from django.http import HttpResponse

FORMATS = {"json": "application/json", "xml": "text/xml"}
# What an element of a list is called in XML.
_ONE = {
    "services": "service",
    "service_requests": "request",
    "attributes": "attribute",
    "values": "value",
    "errors": "error",
    "endpoints": "endpoint",
    "formats": "format",
}


class Refused(Exception):
    """A request that the specification answers with errors of one ``code``, an HTTP status."""

    def __init__(self, code: int, *descriptions: str) -> None:
        super().__init__(code, *descriptions)
        self.code, self.descriptions = code, descriptions


def answer(form: str, root: str, told: Any, *, status: int = 200) -> HttpResponse:
    """Return ``told`` in the format ``form``; ``root`` names it in XML."""
    if form == "xml":
        content = b'<?xml version="1.0" encoding="utf-8"?>\n' + tostring(
            _element(root, told), encoding="utf-8"
        )
    else:
        content = json.dumps(told, ensure_ascii=False).encode()
    return HttpResponse(
        content, status=status, content_type=f"{FORMATS.get(form, FORMATS['json'])}; charset=utf-8"
    )


def refusal(form: str, refused: Refused) -> HttpResponse:
    """Return the errors as the specification writes them."""
    told = [{"code": refused.code, "description": one} for one in refused.descriptions]
    return answer(form, "errors", told, status=refused.code)


def _element(name: str, told: Any) -> Element:
    element = Element(name)
    if isinstance(told, list):
        element.extend([_element(_ONE[name], one) for one in told])
    elif isinstance(told, dict):
        for key, value in told.items():
            element.append(_element(key, value))
    elif told is not None:
        text = str(told).lower() if isinstance(told, bool) else str(told)
        element.text = "".join(one for one in text if one.isprintable() or one in "\n\t")
    return element
