"""WeChat's mini-program server, as far as ours can tell: ``python -m backend.standins.wechat``.

It speaks section 1 of shared/WECHAT.md for the calls we make, keeps time of its own (``POST
/_standin/clock`` moves it), and fails when told to. What a phone would get from WeChat itself, a
log-in code or a phone-number code, is handed out at ``/_standin/codes``; ``WeChat.CONTROLS`` names
what else may be asked. Where shared/WECHAT.md is silent, an error is WeChat's own for the case.
"""

import argparse
import io
import json
import re
import secrets
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from PIL import Image

from backend.standins.wechat_values import first_wrong

CODE_SECONDS = 300
TOKEN_SECONDS = 7200
OVERLAP_SECONDS = 300  # an old token is good for so long after the next was made
FORCED_RENEWALS_A_DAY = 20
FORCED_RENEWAL_EVERY_SECONDS = 30
ACTIVE_SECONDS = 7200  # of whom a text may be checked
UNCHECKED_PAGES = 60_000  # mini-program codes with check_path=false, ever
MINUTE, DAY = 60, 86_400

SESSION, OLD_TOKEN = "/sns/jscode2session", "/cgi-bin/token"
STABLE_TOKEN = "/cgi-bin/stable_token"
PHONE = "/wxa/business/getuserphonenumber"
MINI_PROGRAM_CODE = "/wxa/getwxacodeunlimit"
SEND = "/cgi-bin/message/subscribe/send"
CHECK_TEXT, CHECK_MEDIA = "/wxa/msg_sec_check", "/wxa/media_check_async"

READS = (SESSION, OLD_TOKEN)  # with GET; the others are POST
WITHOUT_TOKEN = (SESSION, OLD_TOKEN, STABLE_TOKEN)
# Calls in so many seconds; those of jscode2session for each person.
LIMITS = {
    SESSION: {MINUTE: 100},
    STABLE_TOKEN: {MINUTE: 10_000, DAY: 500_000},
    MINI_PROGRAM_CODE: {MINUTE: 5_000},
    CHECK_TEXT: {MINUTE: 4_000, DAY: 2_000_000},
    CHECK_MEDIA: {MINUTE: 2_000, DAY: 200_000},
}


def wrong(errcode, errmsg):
    return {"errcode": errcode, "errmsg": f"{errmsg} rid: {uuid.uuid4()}"}


class WeChat:
    """What WeChat knows. ``fail_next`` holds what is to go wrong with the next calls."""

    def __init__(self, appid="wx-standin", secret="standin"):  # noqa: S107
        self.appid, self.secret = appid, secret
        self.lock = threading.Lock()
        self.ahead = 0  # seconds by which our clock is ahead of the machine's
        self.codes = {}  # code → (openid or phone, made at)
        self.countries = {}  # code → the calling code that is told beside its phone
        self.used = set()
        self.codes_work_once = True
        self.active = {}  # openid → when they were last in the mini-program
        self.tokens = {}  # token → expires at
        self.current = {}  # by the call that made it: (token, made at)
        self.forced = []
        self.limits = {path: dict(limits) for path, limits in LIMITS.items()}
        self.calls = {}  # (path, who) → moments
        self.pages = {"pages/index/index"}  # what is published
        self.unchecked_pages = 0
        self.templates = {}  # template id → its fields
        self.quota = {}  # (openid, template id) → messages that they still accept; None: banned
        self.sending = {}  # openid → the thread that is at it
        self.words = {}  # word → (suggest, label)
        self.fail_next = []  # {"path", "how", …}, taken in their order
        self.journal = []  # calls, and the events that WeChat would tell our server

    def now(self):
        return time.time() + self.ahead

    def new_code(self, stands_for, country="86"):
        code = secrets.token_urlsafe(24)
        self.countries[code] = country
        self.codes[code] = (stands_for, self.now())
        return code

    def spend(self, code):
        """Return who or what a code stands for, once; or WeChat's error."""
        if code in self.used:
            return None, wrong(40163, "code been used")
        stands_for, made_at = self.codes.get(code, (None, 0))
        if stands_for is None or self.now() >= made_at + CODE_SECONDS:
            return None, wrong(40029, "invalid code")
        if self.codes_work_once:
            self.used.add(code)
        return stands_for, None

    def answer(self, method, path, query, body):
        """What WeChat says to one call, and does."""
        if (method == "GET") != (path in READS):
            return wrong(43001 if path in READS else 43002, "require another method")
        if not isinstance(body, dict):
            return wrong(47001, "data format error")
        if path not in WITHOUT_TOKEN:
            expires_at = self.tokens.get(query.get("access_token"))
            if expires_at is None:
                return wrong(40001, "invalid credential, access_token is invalid or not latest")
            if expires_at <= self.now():
                return wrong(42001, "access_token expired")
        who = self.codes.get(query.get("js_code"), ("",))[0] if path == SESSION else ""
        return self.over_limit(path, who) or self.CALLS[path](self, query, body)

    def over_limit(self, path, who):
        now = self.now()
        moments = self.calls[path, who] = [
            at for at in self.calls.get((path, who), []) if at > now - DAY
        ]
        for seconds, most in self.limits.get(path, {}).items():
            if sum(at > now - seconds for at in moments) >= most:
                if seconds == DAY:
                    return wrong(45009, "reach max api daily quota limit")
                return wrong(45011, "api minute-quota reach limit")
        moments.append(now)
        return None

    def wrong_app(self, told, grant_type="client_credential"):
        if told.get("grant_type") != grant_type:
            return wrong(40002, "invalid grant_type")
        for name, missing in (("appid", 41002), ("secret", 41004)):
            if not told.get(name):
                return wrong(missing, f"{name} missing")
        if told["appid"] != self.appid:
            return wrong(40013, "invalid appid")
        return None if told["secret"] == self.secret else wrong(40125, "invalid appsecret")

    # --- who it is ------------------------------------------------------------------------
    def jscode2session(self, query, _):
        if error := self.wrong_app(query, "authorization_code"):
            return error
        if not query.get("js_code"):
            return wrong(41008, "missing code")
        openid, error = self.spend(query["js_code"])
        if error:
            return error
        self.active[openid] = self.now()
        return {"openid": openid, "session_key": secrets.token_urlsafe(16)}

    def getuserphonenumber(self, _, body):
        phone, error = self.spend(body.get("code", ""))
        country = self.countries.get(body.get("code"))
        whole = phone if str(country) == "86" else f"+{country}{phone}"
        told = {"phoneNumber": whole, "purePhoneNumber": phone, "countryCode": country}
        told["watermark"] = {"timestamp": int(self.now()), "appid": self.appid}
        return error or {"errcode": 0, "errmsg": "ok", "phone_info": told}

    # --- access tokens --------------------------------------------------------------------
    def stable_token(self, _, body):
        if error := self.wrong_app(body):
            return error
        now = self.now()
        current = self.current.get(STABLE_TOKEN)
        if body.get("force_refresh"):
            self.forced = [at for at in self.forced if at > now - DAY]
            too_soon = self.forced and self.forced[-1] > now - FORCED_RENEWAL_EVERY_SECONDS
            if too_soon or len(self.forced) >= FORCED_RENEWALS_A_DAY:
                return wrong(45009, "reach max api daily quota limit")
            self.forced.append(now)
            self.renew(STABLE_TOKEN)
        elif current is None or now >= current[1] + TOKEN_SECONDS - OVERLAP_SECONDS:
            self.renew(STABLE_TOKEN)
        return self.token_of(STABLE_TOKEN)

    def old_token(self, query, _):
        """Each call makes a new one; a stable token is another and stays as it is."""
        if error := self.wrong_app(query):
            return error
        self.renew(OLD_TOKEN)
        return self.token_of(OLD_TOKEN)

    def renew(self, path):
        now = self.now()
        if path in self.current:
            old = self.current[path][0]
            self.tokens[old] = min(self.tokens.get(old, now), now + OVERLAP_SECONDS)
        self.current[path] = (secrets.token_urlsafe(400), now)
        self.tokens[self.current[path][0]] = now + TOKEN_SECONDS

    def token_of(self, path):
        token, made_at = self.current[path]
        return {"access_token": token, "expires_in": int(made_at + TOKEN_SECONDS - self.now())}

    # --- mini-program codes ---------------------------------------------------------------
    def getwxacodeunlimit(self, _, body):
        """The picture of a mini-program code, as (bytes, content type)."""
        scene, page = body.get("scene"), body.get("page", "pages/index/index")
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

    # --- subscription messages ------------------------------------------------------------
    def send(self, _, body):
        to, template = body.get("touser"), body.get("template_id")
        if to not in self.active:
            return wrong(40003, "invalid openid")
        if template not in self.templates:
            return wrong(40037, "invalid template_id")
        if body.get("page", "pages/index/index").partition("?")[0] not in self.pages:
            return wrong(41030, "invalid page")
        if field := first_wrong(body.get("data"), self.templates[template]):
            return wrong(47003, f"argument invalid! data.{field}.value invalid")
        if to in self.sending:
            return wrong(43108, "concurrent sending to one user")
        left = self.quota.get((to, template), 0)
        if left is None:
            return wrong(43107, "user banned the subscription")
        if left == 0:
            return wrong(43101, "user refuse to accept the msg")
        self.quota[to, template] = left - 1
        self.sending[to] = threading.get_ident()
        self.journal.append(
            {"event": "subscribe_msg_sent_event", "openid": to, "template_id": template}
            | {"data": body["data"], "page": body.get("page", "")}
        )
        return {"errcode": 0, "errmsg": "ok"}

    def finish_sending(self):
        """What this thread was at is answered, however slowly."""
        me = threading.get_ident()
        with self.lock:
            self.sending = {to: thread for to, thread in self.sending.items() if thread != me}

    # --- whether a text or a picture may be shown -----------------------------------------
    def msg_sec_check(self, _, body):
        content = body.get("content")
        if error := self.wrong_check(body):
            return error
        if not isinstance(content, str) or not 1 <= len(content) <= 2500:
            return wrong(40097, "invalid args")
        result = self.verdict(content)
        detail = [{"strategy": "content_model", "errcode": 0, "prob": 90, **result}]
        return {"errcode": 0, "errmsg": "ok", "result": result, "detail": detail} | {
            "trace_id": uuid.uuid4().hex
        }

    def media_check_async(self, _, body):
        """The verdict comes later, as an event: it is in the journal."""
        if error := self.wrong_check(body):
            return error
        if body.get("media_type") not in (1, 2) or not body.get("media_url"):
            return wrong(40097, "invalid args")
        trace = uuid.uuid4().hex
        result = self.verdict(body["media_url"])
        self.journal.append({"event": "wxa_media_check", "trace_id": trace, "result": result})
        return {"errcode": 0, "errmsg": "ok", "trace_id": trace}

    def wrong_check(self, body):
        if body.get("version") != 2 or body.get("scene") not in (1, 2, 3, 4):
            return wrong(40097, "invalid args")
        if body.get("openid") not in self.active:
            return wrong(40003, "invalid openid")
        if self.active[body["openid"]] < self.now() - ACTIVE_SECONDS:
            return wrong(61010, "code is expired")
        return None

    def verdict(self, content):
        found = [verdict for word, verdict in self.words.items() if word in content]
        suggest, label = found[0] if found else ("pass", 100)
        return {"suggest": suggest, "label": label}

    CALLS = {
        SESSION: jscode2session,
        OLD_TOKEN: old_token,
        STABLE_TOKEN: stable_token,
        PHONE: getuserphonenumber,
        MINI_PROGRAM_CODE: getwxacodeunlimit,
        SEND: send,
        CHECK_TEXT: msg_sec_check,
        CHECK_MEDIA: media_check_async,
    }

    # --- what a test or a tour may ask: POST /_standin/… ------------------------------------
    def hand_out_code(self, body):
        """``openid``, or ``phone`` of a ``country`` ("86"): a code that stands for it."""
        stands_for = body.get("openid") or body["phone"]
        return {"code": self.new_code(stands_for, body.get("country", "86"))}

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

    def subscribe(self, body):
        """Somebody taps: ``status`` is accept (one message more), reject or ban."""
        key = (body["openid"], body["template_id"])
        if body["status"] == "accept":
            self.quota[key] = (self.quota.get(key) or 0) + 1
        elif body["status"] == "ban":
            self.quota[key] = None
        self.journal.append({"event": "subscribe_msg_popup_event", **body})

    def word(self, body):
        """Texts and addresses with ``word`` in them are ``suggest`` (risky, review)."""
        self.words[body["word"]] = (body["suggest"], body["label"])

    CONTROLS = {
        "codes": hand_out_code,
        "clock": move_clock,
        "failures": fail,
        "forget-tokens": forget_tokens,
        "limits": limit,
        "published": publish,
        "subscriptions": subscribe,
        "words": word,
        "journal": lambda *_: None,
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = None
        self.answer(body)

    def answer(self, body):
        try:
            self.say_and_do(body)
        finally:
            self.server.wechat.finish_sending()

    def say_and_do(self, body):
        wechat, url = self.server.wechat, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.startswith("/_standin/"):
            control = wechat.CONTROLS.get(url.path.removeprefix("/_standin/"))
            if control is None:
                return self.say({"errmsg": "no such control"}, 404)
            with wechat.lock:
                return self.say(control(wechat, body) or {"journal": wechat.journal}, 200)
        if url.path not in wechat.CALLS:
            return self.say({"errcode": 404, "errmsg": "no such call"}, 404)
        with wechat.lock:
            waiting = wechat.fail_next
            mine = next((number for number, f in enumerate(waiting) if f["path"] == url.path), None)
            failure = waiting.pop(mine) if mine is not None else {}
            before = failure.get("how") in ("before", "errcode", "garbage", "status")
            told = None if before else wechat.answer(self.command, url.path, query, body)
            code = failure.get("errcode") or (told.get("errcode", 0) if _is_json(told) else 0)
            wechat.journal.append({"path": url.path, "errcode": code, "failure": failure})
        how = failure.get("how")
        if how in ("before", "after"):  # the effect, or not, and no answer
            self.close_connection = True
            return None
        if how == "slow":
            self.server.hurry.wait(failure["seconds"])
        elif how == "errcode":
            told = {"errcode": failure["errcode"], "errmsg": "as told"}
        elif how == "garbage":
            return self.write(b"<html>", 200, "text/html")
        elif how == "status":
            return self.say({}, failure["status"])
        return self.say(told, 200) if _is_json(told) else self.write(told[0], 200, told[1])

    def say(self, told, status):
        self.write(json.dumps(told).encode(), status, "application/json; charset=utf-8")

    def write(self, body, status, content_type):
        try:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # whoever asked did not wait

    def log_message(self, *args):
        pass  # the path holds secrets and codes


def _is_json(told):
    return isinstance(told, dict)


class Server(ThreadingHTTPServer):
    """Serves ``wechat`` on a free port of this machine; ``url`` is where."""

    daemon_threads = True

    def __init__(self, wechat=None, port=0):
        self.wechat = wechat or WeChat()
        self.hurry = threading.Event()  # set: whoever is slow answers now
        super().__init__(("127.0.0.1", port), Handler)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        pass  # connections that were closed on purpose


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--url-file", type=Path, required=True, help="where to write our address")
    server = Server()
    unfinished = (path := parser.parse_args().url_file).with_suffix(".unfinished")
    unfinished.write_text(server.url)
    unfinished.rename(path)
    server.serve_forever()


if __name__ == "__main__":
    main()
