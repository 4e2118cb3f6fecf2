"""An example of each operation, made of the fields it reads, or else of those it answers with.

A field's example is the first of: its ``example`` or ``default``, the first of its choices, what a
field of its name holds, what its type and bounds allow. tests/backend/test_api_schema.py checks
each against its schema.
"""

import re
from typing import Any

JSON = "application/json"
# By the end of a field's name, what such a field holds; else the type decides.
BY_NAME = {
    "phone": "13800138000",
    "name": "王小明",
    "title": "一壶茶",
    "address": "湖滨路 2 号",
    "reason": "志愿者没有到场",
    "category": "探访",
    "place": "西门",
    "description": "每周一次",
    "trade": "餐饮",
    "holder": "周老板",
    "bank": "农商行",
    "nonce": "lift-1",
    "average_hours": "269.3",
    "average_score": "4.5",
    "hours": "周一至周日 9:00–21:00",
    "from_time": "09:00",
    "office_from": "09:00",
    "office_until": "18:00",
    "until_time": "11:30",
    "quiet_from": "22:00",
    "quiet_until": "08:00",
    "ends_at": "2026-03-01T10:00:00+08:00",
    "period_end": "2026-04-01",
    "valid_until": "2026-12-31",
    "valid_to": "2026-12-31",
    "url": "https://shop.example/hook",
    "latitude": 28.23,
    "longitude": 112.94,
    "number": "62220001",
    "pin": "493016",
    "minutes": 120,
    "points": 30,
    "fen": 1800,
    "version": 1,
    "community": "lake",
}
FORMATS = {
    "uuid": "0197f3a0-5c1e-7d2b-9a4f-3b6c8d1e2f40",
    "date": "2026-03-01",
    "date-time": "2026-03-01T08:00:00+08:00",
    "uri": "https://linli.example/",
    "binary": "…",
    "email": "wang@linli.example",
}
PLAIN = "文字"
SLUG = "hazard"
CODE = "7KM4XQ9TRWHP"  # backend/codes.py, as long as is asked for


def give_examples(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Give every operation an example: a hook of drf-spectacular's."""
    schemas = result["components"]["schemas"]
    for methods in result["paths"].values():
        for operation in methods.values():
            bodies = [
                operation.get("requestBody", {}),
                *(told for status, told in operation["responses"].items() if status[0] == "2"),
            ]
            for body in bodies:
                if content := body.get("content", {}).get(JSON):
                    content["example"] = example_of(content["schema"], schemas)
                    break
    return result


def example_of(schema: dict[str, Any], schemas: dict[str, Any], name: str = "") -> Any:
    """Return a value of ``schema``, for a field called ``name``."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, name)
    if known := schema.get("example") or schema.get("default"):
        return known
    if "enum" in schema:
        return schema["enum"][0]
    for several in ("allOf", "oneOf", "anyOf"):
        if several in schema:
            return example_of(schema[several][0], schemas, name)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {key: example_of(field, schemas, key) for key, field in fields.items()}
        case "array":
            return [example_of(schema["items"], schemas, name)]
        case "boolean":
            return True
        case "integer" | "number":
            return _number(schema, name)
        case "string":
            return _text(schema, name)
    return {}


def _named(name: str, kind: type | tuple[type, ...]) -> Any:
    known = (value for end, value in BY_NAME.items() if name.endswith(end))
    return next((value for value in known if isinstance(value, kind)), None)


def _number(schema: dict[str, Any], name: str) -> float:
    number: float = _named(name, (int, float)) or 1
    fitting: float = min(max(number, schema.get("minimum", number)), schema.get("maximum", number))
    return fitting


def _text(schema: dict[str, Any], name: str) -> str:
    pattern = schema.get("pattern", "")
    usual = FORMATS.get(schema.get("format", "")) or (SLUG if pattern else PLAIN)
    text: str = CODE if name.endswith("code") else _named(name, str) or usual
    return (text if re.search(pattern, text) else usual)[: schema.get("maxLength")]
