"""Forms of pages as a browser sends them: with the keys and versions that the page wrote."""

import html
import re
from typing import Any

from django.test import Client


def sent(page: str, act: str, **fields: Any) -> dict[str, Any]:
    """What the form of a page sends for ``act``."""
    hidden = rf'name="act" value="{act}"><input type="hidden" name="key" value="(.+?)"'
    key = re.search(hidden, page)
    assert key is not None, f"The page has no form for {act!r}."
    match = re.search(r'name="match" value="(.*?)"', page)
    version = {"match": html.unescape(match[1])} if match else {}
    return {"act": act, "key": key[1]} | version | fields


def do(client: Client, address: str, act: str, **fields: Any) -> Any:
    """Send a form of the page at ``address``. Answers with the page to which that leads."""
    page = client.get(address).content.decode()
    return client.post(address, sent(page, act, **fields), follow=True)
