"""Values that fields of a subscription message may hold. Source: shared/WECHAT.md, section 1."""

import re

DAY = r"\d{4}(年\d{1,2}月\d{1,2}日|-\d{1,2}-\d{1,2})"
HOUR = r"\d{1,2}:\d{2}(:\d{2})?"
TIME = rf"({DAY} ?)?{HOUR}"
DATE = rf"{DAY}( ?{HOUR})?"
HAN = "[\u4e00-\u9fff]"

# By the kind that a field's name begins with: ``thing3`` is a thing.
MAY_HOLD = {
    "thing": r".{1,20}",
    "number": r"\d{1,32}(\.\d+)?",
    "letter": r"[A-Za-z]{1,32}",
    "symbol": r"[^\w\s]{1,5}",
    "character_string": r"[\x20-\x7e]{1,32}",
    "time": rf"{TIME}( ?~ ?{TIME})?",
    "date": rf"{DATE}( ?~ ?{DATE})?",
    "amount": r"[¥￥$€£]?\d{1,10}(\.\d+)?元?",
    "phone_number": r"[\d+ ()-]{1,17}",
    "car_number": rf"({HAN}|[0-9A-Z]){{1,8}}",
    "name": rf"({HAN}{{1,10}}|[A-Za-z .·'-]{{1,20}})",
    "phrase": rf"{HAN}{{1,5}}",
}


def first_wrong(data, fields):
    """The first of ``fields`` that ``data`` lacks or fills wrongly, or None."""
    for field in fields:
        kind = re.fullmatch(r"([a-z_]+)\d+", field)[1]
        told = data.get(field) if isinstance(data, dict) else None
        value = told.get("value") if isinstance(told, dict) else None
        if not isinstance(value, str) or not re.fullmatch(MAY_HOLD[kind], value, re.DOTALL):
            return field
    return None
