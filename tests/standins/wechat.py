"""WeChat's stand-in as tests meet it: it fails when told to, and plays calls we do not make yet.

Keeps time of its own (``POST /_standin/clock`` moves it); ``WeChat.CONTROLS`` names what else may
be asked. Source: shared/WECHAT.md, section 1.
"""

import io
import re

from PIL import Image

from backend.standins import wechat
from backend.standins.wechat import INDEX, MINUTE, wrong

UNCHECKED_PAGES = 60_000  # mini-program codes with check_path=false, ever

OLD_TOKEN = "/cgi-bin/token"
MINI_PROGRAM_CODE = "/wxa/getwxacodeunlimit"


class WeChat(wechat.WeChat):
    """``fail_next`` holds what is to go wrong with the next calls."""

    READS = (*wechat.WeChat.READS, OLD_TOKEN)
    WITHOUT_TOKEN = (*wechat.WeChat.WITHOUT_TOKEN, OLD_TOKEN)
    LIMITS = wechat.WeChat.LIMITS | {
        MINI_PROGRAM_CODE: {MINUTE: 5_000},
    }

    def __init__(self):
        super().__init__()
        self.unchecked_pages = 0
        self.fail_next = []  # {"path", "how", …}, taken in their order

    def old_token(self, query, _):
        """Make a new token with each call; a stable token is separate and stays as it is."""
        if error := self.wrong_app(query):
            return error
        self.renew(OLD_TOKEN)
        return self.token_of(OLD_TOKEN)

    # --- mini-program codes ---------------------------------------------------------------
    def getwxacodeunlimit(self, _, body):
        """The picture of a mini-program code, as (bytes, content type)."""
        scene, page = body.get("scene"), body.get("page", INDEX)
        width, checked = body.get("width", 430), body.get("check_path", True)
        if not isinstance(scene, str) or not 1 <= len(scene) <= 32:
            return wrong(40169, "invalid length for scene, or the data is not json string")
        if not re.fullmatch(r"[0-9A-Za-z!#$&'()*+,/:;=?@\-._~]+", scene):
            return wrong(40129, "invalid scene")
        if "scancode_time" in scene:
            return wrong(85096, "scancode_time is reserved")
        versions = ("release", "trial", "develop")
        if body.get("env_version", "release") not in versions or width not in range(280, 1281):
            return wrong(40097, "invalid args")
        if page.startswith("/") or "?" in page or (checked and page not in self.pages):
            return wrong(41030, "invalid page")
        if not checked:
            if self.unchecked_pages >= UNCHECKED_PAGES:
                return wrong(45009, "reach max api quota limit")
            self.unchecked_pages += 1
        kind = "png" if body.get("is_hyaline") else "jpeg"
        picture = io.BytesIO()
        Image.new("L", (width, width), 255).save(picture, kind)
        return picture.getvalue(), f"image/{kind}"

    CALLS = wechat.WeChat.CALLS | {
        OLD_TOKEN: old_token,
        MINI_PROGRAM_CODE: getwxacodeunlimit,
    }

    # --- what a test may ask: POST /_standin/… ----------------------------------------------
    def move_clock(self, body):
        self.ahead += body["seconds"]

    def fail(self, body):
        self.fail_next.append(body)

    def forget_tokens(self, _):
        self.tokens.clear()

    def limit(self, body):
        """From now on ``path`` takes ``most`` calls in ``seconds`` (60 or 86,400)."""
        self.limits.setdefault(body["path"], {})[body["seconds"]] = body["most"]

    def publish(self, body):
        """A ``page``, or a ``template_id`` with its ``fields``."""
        if "page" in body:
            self.pages.add(body["page"])
        else:
            self.templates[body["template_id"]] = body["fields"]

    def word(self, body):
        """Texts and addresses with ``word`` in them are ``suggest`` (risky, review)."""
        self.words[body["word"]] = (body["suggest"], body["label"])

    CONTROLS = wechat.WeChat.CONTROLS | {
        "clock": move_clock,
        "failures": fail,
        "forget-tokens": forget_tokens,
        "limits": limit,
        "published": publish,
        "words": word,
    }


class Handler(wechat.Handler):
    def call(self, wechat, path, query, body):
        try:
            answer = self.fail_or_answer(wechat, path, query, body)
        finally:  # before it is sent: whoever has the answer may send the next message
            wechat.finish_sending()
        if answer is not None:
            self.say(*answer)

    def fail_or_answer(self, wechat, path, query, body):
        """What to say and the status, or None for no answer at all."""
        with wechat.lock:
            waiting = wechat.fail_next
            failure = next((one for one in waiting if one["path"] == path), {})
            if failure:
                waiting.remove(failure)
            before = failure.get("how") in ("before", "errcode", "garbage", "status")
            told = None if before else wechat.answer(self.command, path, query, body)
            code = failure.get("errcode") or (told.get("errcode", 0) if _is_json(told) else 0)
            wechat.journal.append({"path": path, "errcode": code, "failure": failure})
        how = failure.get("how")
        if how in ("before", "after"):  # the effect, or not, and no answer
            self.close_connection = True
            return None
        if how == "slow":
            self.server.hurry.wait(failure["seconds"])
        elif how == "errcode":
            told = {"errcode": failure["errcode"], "errmsg": "as told"}
        elif how == "garbage":
            told = b"<html>", "text/html"
        elif how == "status":
            return {}, failure["status"]
        return told, 200

    def say(self, told, status=200):
        if isinstance(told, tuple):
            self.write(told[0], status, **{"Content-Type": told[1]})
        else:
            super().say(told, status)


def _is_json(told):
    return isinstance(told, dict)


class Server(wechat.Server):
    def __init__(self):
        super().__init__(WeChat(), Handler)


if __name__ == "__main__":
    Server().serve()
