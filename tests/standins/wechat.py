"""WeChat's mini-program server, as far as ours can tell: ``python -m tests.standins.wechat``.

It speaks section 1 of shared/WECHAT.md for the calls we make, keeps time of its own (``POST
/_standin/clock`` moves it), and fails when told to. What a phone would get from WeChat itself, a
log-in code or a phone-number code, is handed out at ``/_standin/codes``.
"""

import argparse
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

CODE_SECONDS = 300
TOKEN_SECONDS = 7200
OVERLAP_SECONDS = 300  # an old token is good for so long after the next was made
FORCED_RENEWALS_A_DAY = 20
FORCED_RENEWAL_EVERY_SECONDS = 30


class WeChat:
    """What WeChat knows. ``fail_next`` holds what is to go wrong with the next calls."""

    def __init__(self, appid="wx-standin", secret="standin"):  # noqa: S107
        self.appid, self.secret = appid, secret
        self.lock = threading.Lock()
        self.ahead = 0  # seconds by which our clock is ahead of the machine's
        self.codes = {}  # code → (openid or phone, made at)
        self.used = set()
        self.codes_work_once = True
        self.tokens = {}  # token → expires at
        self.current = None  # (token, made at)
        self.forced = []
        self.fail_next = []  # {"path", "how", …}, taken in their order
        self.journal = []

    def now(self):
        return time.time() + self.ahead

    def new_code(self, stands_for):
        code = secrets.token_urlsafe(24)
        self.codes[code] = (stands_for, self.now())
        return code

    def spend(self, code):
        """Who or what a code stands for, once; or WeChat's error."""
        if code in self.used:
            return None, {"errcode": 40163, "errmsg": "code been used"}
        stands_for, made_at = self.codes.get(code, (None, 0))
        if stands_for is None or self.now() >= made_at + CODE_SECONDS:
            return None, {"errcode": 40029, "errmsg": "invalid code"}
        if self.codes_work_once:
            self.used.add(code)
        return stands_for, None

    # --- the calls ------------------------------------------------------------------------
    def jscode2session(self, query, _):
        if error := self.wrong_app(query.get("appid"), query.get("secret")):
            return error
        openid, error = self.spend(query.get("js_code", ""))
        return error or {"openid": openid, "session_key": secrets.token_urlsafe(16)}

    def stable_token(self, _, body):
        if error := self.wrong_app(body.get("appid"), body.get("secret")):
            return error
        now = self.now()
        if body.get("force_refresh"):
            self.forced = [at for at in self.forced if at > now - 86_400]
            too_soon = self.forced and self.forced[-1] > now - FORCED_RENEWAL_EVERY_SECONDS
            if too_soon or len(self.forced) >= FORCED_RENEWALS_A_DAY:
                return {"errcode": 45009, "errmsg": "reach max api daily quota limit"}
            self.forced.append(now)
            self.renew(now)
        elif self.current is None or now >= self.current[1] + TOKEN_SECONDS - OVERLAP_SECONDS:
            self.renew(now)
        token, made_at = self.current
        return {"access_token": token, "expires_in": int(made_at + TOKEN_SECONDS - now)}

    def renew(self, now):
        if self.current:
            self.tokens[self.current[0]] = now + OVERLAP_SECONDS
        self.current = (secrets.token_urlsafe(400), now)
        self.tokens[self.current[0]] = now + TOKEN_SECONDS

    def getuserphonenumber(self, query, body):
        if self.tokens.get(query.get("access_token"), 0) <= self.now():
            return {"errcode": 40001, "errmsg": "invalid credential"}
        phone, error = self.spend(body.get("code", ""))
        told = {"phoneNumber": phone, "purePhoneNumber": phone, "countryCode": "86"}
        return error or {"errcode": 0, "errmsg": "ok", "phone_info": told}

    def wrong_app(self, appid, secret):
        if appid != self.appid:
            return {"errcode": 40013, "errmsg": "invalid appid"}
        return None if secret == self.secret else {"errcode": 40125, "errmsg": "invalid secret"}

    CALLS = {
        "/sns/jscode2session": jscode2session,
        "/cgi-bin/stable_token": stable_token,
        "/wxa/business/getuserphonenumber": getuserphonenumber,
    }

    # --- what a test or a tour may ask ----------------------------------------------------
    def control(self, path, body):
        if path == "/_standin/codes":
            return {"code": self.new_code(body.get("openid") or body["phone"])}
        if path == "/_standin/clock":
            self.ahead += body["seconds"]
        elif path == "/_standin/failures":
            self.fail_next.append(body)
        elif path == "/_standin/forget-tokens":
            self.tokens.clear()
        elif path != "/_standin/journal":
            return None
        return {"journal": self.journal}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer({})

    def do_POST(self):
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(json.loads(raw or b"{}"))

    def answer(self, body):
        wechat, url = self.server.wechat, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if url.path.startswith("/_standin/"):
            with wechat.lock:
                told = wechat.control(url.path, body)
            return self.say(told, 200 if told is not None else 404)
        call = wechat.CALLS.get(url.path)
        if call is None:
            return self.say({"errcode": 404, "errmsg": "no such call"}, 404)
        with wechat.lock:
            waiting = wechat.fail_next
            mine = next((number for number, f in enumerate(waiting) if f["path"] == url.path), None)
            failure = waiting.pop(mine) if mine is not None else {}
            before = failure.get("how") in ("before", "errcode", "garbage", "status")
            told = None if before else call(wechat, query, body)
            code = failure.get("errcode") or (told or {}).get("errcode", 0)
            wechat.journal.append({"path": url.path, "errcode": code, "failure": failure})
        how = failure.get("how")
        if how in ("before", "after"):  # the effect, or not, and no answer
            return self.connection.close()
        if how == "slow":
            self.server.hurry.wait(failure["seconds"])
        elif how == "errcode":
            told = {"errcode": failure["errcode"], "errmsg": "as told"}
        elif how == "garbage":
            return self.write(b"<html>", 200)
        elif how == "status":
            return self.say({}, failure["status"])
        return self.say(told, 200)

    def say(self, told, status):
        self.write(json.dumps(told).encode(), status)

    def write(self, body, status):
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass  # whoever asked did not wait

    def log_message(self, *args):
        pass  # the path holds secrets and codes


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
