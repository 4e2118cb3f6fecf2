"""A stand-in for WeChat's server: ``python -m backend.standins.wechat``.

It speaks sections 1 and 4 of shared/WECHAT.md for the calls we make. Where WeChat would know who
holds the phone, its page of web authorisation lets one choose a person of the demo, or a newcomer.
What a phone would get from WeChat itself or do there is asked for below ``/_standin/``: codes for a
log-in or a phone number, and taps on a subscription. Its events are in a journal, and pushed to our
server once that is known (``/_standin/push-to``). Where shared/WECHAT.md is silent, an error is
WeChat's own for the case. Tests make it fail, and add calls that nothing of ours makes yet
(tests/standins/wechat.py).
"""

import hashlib
import html
import json
import secrets
import threading
import time
import urllib.request
import uuid
from contextlib import suppress
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from backend.standins import serving
from backend.standins.wechat_values import first_wrong

CODE_SECONDS = 300
TOKEN_SECONDS = 7200
ACTIVE_SECONDS = 7200  # of whom something may be checked
OVERLAP_SECONDS = 300  # an old token is good for so long after the next was made
FORCED_RENEWALS_A_DAY = 20
FORCED_RENEWAL_EVERY_SECONDS = 30
MINUTE, DAY = 60, 86_400

SESSION, STABLE_TOKEN = "/sns/jscode2session", "/cgi-bin/stable_token"
PHONE = "/wxa/business/getuserphonenumber"
CHECK_TEXT, CHECK_MEDIA = "/wxa/msg_sec_check", "/wxa/media_check_async"
SEND = "/cgi-bin/message/subscribe/send"
EXCHANGE, PROFILE = "/sns/oauth2/access_token", "/sns/userinfo"
PUSH_TOKEN = "standin"
INDEX = "pages/index/index"

# Our apps that log people in on pages: the secret, WeChat's page, and what may be asked there.
ACCOUNT, SITE = "wx-standin-account", "wx-standin-site"
PAGE_APPS = {
    ACCOUNT: ("standin-account", "/connect/oauth2/authorize", ("snsapi_base", "snsapi_userinfo")),
    SITE: ("standin-site", "/connect/qrconnect", ("snsapi_login",)),
}
AUTHORISE = {path for _, path, _ in PAGE_APPS.values()}
ASKED = ["appid", "redirect_uri", "response_type", "scope", "state"]  # WeChat wants this order
DEMO = ("volunteer", "rider", "clerk", "owner", "staff", "manager", "auditor")

# What an operator would have chosen in WeChat's catalogue, by our families of notices.
FIELDS = {"thing1": "{title}", "thing2": "{body}", "time3": "{told_at}", "thing4": "{community}"}
FAMILIES = (
    *("shift", "hours", "membership", "duty", "report", "reward", "points", "month", "wish"),
    *("voucher", "merchant", "statement", "fair", "payout", "file", "security"),
)
TEMPLATES = {
    family: {"id": f"standin-{family}", "page": f"{INDEX}?notice={{notice}}", "fields": FIELDS}
    for family in FAMILIES
}


def wrong(errcode, errmsg):
    return {"errcode": errcode, "errmsg": f"{errmsg} rid: {uuid.uuid4()}"}


def union_of(person):
    return f"union-{person}"


def call(url, query, data=None):
    """Call our server, and return what it says."""
    kind = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"{url}?{urlencode(query)}", data, kind)
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return answer.read().decode()


class WeChat:
    appid, secret = "wx-standin", "standin"
    READS = (SESSION, EXCHANGE, PROFILE)  # with GET; the others are POST
    WITHOUT_TOKEN = (SESSION, STABLE_TOKEN, EXCHANGE, PROFILE)
    # Calls in so many seconds; those of jscode2session for each person.
    LIMITS = {
        SESSION: {MINUTE: 100},
        STABLE_TOKEN: {MINUTE: 10_000, DAY: 500_000},
        CHECK_TEXT: {MINUTE: 4_000, DAY: 2_000_000},
        CHECK_MEDIA: {MINUTE: 2_000, DAY: 200_000},
    }

    def __init__(self, is_bound=False):
        self.is_bound = is_bound  # our apps, to one account of the open platform
        self.holder = ""  # who holds the phone that opens WeChat's page, if a test says so
        self.profiles = {}  # access token of a page's log-in → (person, appid)
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
        self.limits = {path: dict(limits) for path, limits in self.LIMITS.items()}
        self.calls = {}  # (path, who) → moments
        self.words = {}  # word → (suggest, label)
        self.pages = {INDEX}  # what is published
        # Template id → its fields.
        self.templates = {one["id"]: [*one["fields"]] for one in TEMPLATES.values()}
        self.quota = {}  # (openid, template id) → messages that they still accept; None: banned
        self.sending = {}  # openid → the thread that is at it
        self.journal = []  # the events that WeChat tells our server
        self.pushed_to = ""  # its address for them
        self.sent = 0

    def now(self):
        return time.time() + self.ahead

    def new_code(self, stands_for, country="86"):
        code = secrets.token_urlsafe(24)
        self.countries[code] = country
        self.codes[code] = (stands_for, self.now())
        return code

    def spend(self, code):
        """Return the person or number of a code, once; or WeChat's error."""
        if code in self.used:
            return None, wrong(40163, "code been used")
        stands_for, made_at = self.codes.get(code, (None, 0))
        if stands_for is None or self.now() >= made_at + CODE_SECONDS:
            return None, wrong(40029, "invalid code")
        if self.codes_work_once:
            self.used.add(code)
        return stands_for, None

    def answer(self, method, path, query, body):
        """Perform one call and return WeChat's answer."""
        if (method == "GET") != (path in self.READS):
            return wrong(43001 if path in self.READS else 43002, "require another method")
        if not isinstance(body, dict):
            return wrong(47001, "data format error")
        if path not in self.WITHOUT_TOKEN:
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
        told = {"openid": openid, "session_key": secrets.token_urlsafe(16)}
        return told | self.union_of(openid)

    def union_of(self, person):
        """Return the unionid of a person, whom we call by their openid in the mini-program."""
        return {"unionid": union_of(person)} if self.is_bound else {}

    # --- who it is, on a page -------------------------------------------------------------
    def authorise(self, path, asked):
        """Return the status, the address to go on to, and the page that WeChat shows."""
        query = dict(asked)
        _, there, scopes = PAGE_APPS.get(query.get("appid"), ("", "", ()))
        is_sound = [name for name, _ in asked] == ASKED and query["response_type"] == "code"
        if not is_sound or there != path or query["scope"] not in scopes:
            return 200, "", "Scope 参数错误或没有 Scope 权限"

        def back(person):
            code = self.new_code((person, query["appid"], query["scope"]))
            return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

        if self.holder:
            return 302, back(self.holder), ""
        people = {name: f"o6_demo_{name}" for name in DEMO}
        people["somebody new"] = f"o6_{secrets.token_urlsafe(16)}"
        links = "".join(
            f'<p><a href="{html.escape(back(person))}">{name}</a></p>'
            for name, person in people.items()
        )
        return 200, "", f"<h1>WeChat's stand-in</h1><p>Who holds the phone?</p>{links}"

    def access_token_of_page(self, query, _):
        secret, _, _ = PAGE_APPS.get(query.get("appid"), ("", "", ()))
        if not secret:
            return wrong(40013, "invalid appid")
        if query.get("secret") != secret:
            return wrong(40125, "invalid appsecret")
        if query.get("grant_type") != "authorization_code":
            return wrong(40002, "invalid grant_type")
        told, error = self.spend(query.get("code", ""))
        if error or not isinstance(told, tuple) or told[1] != query["appid"]:
            return error or wrong(40029, "invalid code")
        person, appid, scope = told
        token = secrets.token_urlsafe(24)
        self.profiles[token] = (person, appid, scope)
        return {
            "access_token": token,
            "expires_in": TOKEN_SECONDS,
            "refresh_token": secrets.token_urlsafe(24),
            "openid": f"{appid}-{person}",
            "scope": scope,
            **(self.union_of(person) if scope != "snsapi_userinfo" else {}),
        }

    def userinfo(self, query, _):
        person, appid, scope = self.profiles.get(query.get("access_token"), ("", "", ""))
        if not person:
            return wrong(40001, "invalid credential")
        if scope == "snsapi_base":
            return wrong(48001, "api unauthorized")
        if query.get("openid") != f"{appid}-{person}":
            return wrong(40003, "invalid openid")
        told = {"openid": query["openid"], "nickname": person, "headimgurl": ""}
        return told | self.union_of(person)

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

    # --- what others may not read -----------------------------------------------------------
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
        who = body["openid"]
        self.happened("wxa_media_check", openid=who, trace_id=trace, result=result)
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

    # --- subscribe messages ---------------------------------------------------------------
    def send(self, _, body):
        to, template = body.get("touser"), body.get("template_id")
        if to not in self.active:
            return wrong(40003, "invalid openid")
        if template not in self.templates:
            return wrong(40037, "invalid template_id")
        if body.get("page", INDEX).partition("?")[0] not in self.pages:
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
        self.sent += 1
        self.happened(
            "subscribe_msg_sent_event",
            openid=to,
            template_id=template,
            data=body["data"],
            page=body.get("page", ""),
            lang=body.get("lang", "zh_CN"),
            msg_id=self.sent,
        )
        return {"errcode": 0, "errmsg": "ok"}

    def finish_sending(self):
        """Mark this thread's request as answered, however slowly."""
        me = threading.get_ident()
        with self.lock:
            self.sending = {to: thread for to, thread in self.sending.items() if thread != me}

    # --- what our server is told ------------------------------------------------------------
    def happened(self, event, **facts):
        """Write an event into the journal, and push it if somebody is to hear of it."""
        self.journal.append({"event": event, "at": int(self.now()), **facts})
        if self.pushed_to:
            sent = self.push(self.journal[-1])
            threading.Thread(target=self.tell, args=sent, daemon=True).start()

    def signed(self):
        """Return the query by which our server, whose clock is the machine's, knows WeChat."""
        timestamp, nonce = str(int(time.time())), secrets.token_hex(5)
        parts = "".join(sorted((PUSH_TOKEN, timestamp, nonce)))
        signature = hashlib.sha1(parts.encode()).hexdigest()  # noqa: S324  # WeChat's choice
        return {"signature": signature, "timestamp": timestamp, "nonce": nonce}

    def push(self, event):
        """Return the query and the body by which WeChat tells our server of an event."""
        return self.signed(), {
            "ToUserName": "gh_standin",
            "FromUserName": event.get("openid") or next(iter(self.active), ""),
            "CreateTime": event.get("at", int(self.now())),
            "MsgType": "event",
            "Event": event["event"],
            **self.EVENTS[event["event"]](self, event),
        }

    def checked(self, event):
        return {
            "appid": self.appid,
            "trace_id": event["trace_id"],
            "version": 2,
            "detail": [{"strategy": "content_model", "errcode": 0, **event["result"]}],
            "errcode": 0,
            "errmsg": "ok",
            "result": event["result"],
        }

    def tapped(self, event):
        """Return what was chosen: a list, or, as the real one was seen to do, the only one."""
        told = [
            {"TemplateId": one, "SubscribeStatusString": event["status"], "PopupScene": "0"}
            for one in event["template_ids"]
        ]
        return {"List": told if len(told) > 1 else told[0]}

    def arrived(self, event):
        told = {"TemplateId": event["template_id"], "MsgID": str(event["msg_id"])}
        return {"List": told | {"ErrorCode": "0", "ErrorStatus": "success"}}

    EVENTS = {
        "wxa_media_check": checked,
        "subscribe_msg_popup_event": tapped,
        "subscribe_msg_change_event": tapped,
        "subscribe_msg_sent_event": arrived,
    }

    def tell(self, query, body):
        with suppress(OSError):  # WeChat tells it three times; here the journal keeps it
            call(self.pushed_to, query, json.dumps(body).encode())

    CALLS = {
        SESSION: jscode2session,
        EXCHANGE: access_token_of_page,
        PROFILE: userinfo,
        STABLE_TOKEN: stable_token,
        PHONE: getuserphonenumber,
        CHECK_TEXT: msg_sec_check,
        CHECK_MEDIA: media_check_async,
        SEND: send,
    }

    # --- what a tour may ask: POST /_standin/… ------------------------------------
    def hand_out_code(self, body):
        """Return a code for ``openid``, or for ``phone`` of a ``country`` ("86")."""
        stands_for = body.get("openid") or body["phone"]
        return {"code": self.new_code(stands_for, body.get("country", "86"))}

    def subscribe(self, body):
        """Tap on a subscription to ``template_ids``: accept (one message more), reject or ban."""
        for template in body["template_ids"]:
            key = (body["openid"], template)
            if body["status"] == "accept":
                self.quota[key] = (self.quota.get(key) or 0) + 1
            elif body["status"] == "ban":
                self.quota[key] = None
        self.happened("subscribe_msg_popup_event", **body)

    def unsubscribe(self, body):
        """Refuse all messages of ``template_ids`` from now on, in WeChat's own settings."""
        for template in body["template_ids"]:
            self.quota[body["openid"], template] = 0
        self.happened("subscribe_msg_change_event", status="reject", **body)

    def push_to(self, body):
        """Tell events to the server at ``url`` from now on, if it says an echo back."""
        echo = secrets.token_hex(8)
        if call(body["url"], self.signed() | {"echostr": echo}) == echo:
            self.pushed_to = body["url"]
        return {"pushed_to": self.pushed_to}

    def read_journal(self, _):
        return {"journal": self.journal}

    CONTROLS = {
        "codes": hand_out_code,
        "subscriptions": subscribe,
        "refusals": unsubscribe,
        "push-to": push_to,
        "journal": read_journal,
    }


class Handler(serving.Handler):
    def answer(self, raw):
        try:
            body = json.loads(raw or b"{}")
        except ValueError:
            body = None
        wechat, url = self.server.wechat, urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        if control := wechat.CONTROLS.get(url.path.removeprefix("/_standin/")):
            with wechat.lock:
                self.say(control(wechat, body))
        elif url.path in AUTHORISE:
            with wechat.lock:
                status, then, page = wechat.authorise(url.path, parse_qsl(url.query))
            head = {"Content-Type": "text/html; charset=utf-8", "Location": then}
            self.write(page.encode(), status, **{name: told for name, told in head.items() if told})
        elif url.path in wechat.CALLS:
            self.call(wechat, url.path, query, body)
        else:
            self.say({"errcode": 404, "errmsg": "no such call"}, 404)

    def call(self, wechat, path, query, body):
        with wechat.lock:
            told = wechat.answer(self.command, path, query, body)
        wechat.finish_sending()  # before it is sent: whoever has the answer may send the next
        self.say(told)

    def say(self, told, status=200):
        kind = {"Content-Type": "application/json; charset=utf-8"}
        self.write(json.dumps(told).encode(), status, **kind)


class Server(serving.Server):
    def __init__(self, wechat=None, handler=Handler):
        self.wechat = wechat or WeChat()
        super().__init__(handler)

    def told(self):
        """Our settings, for whoever is to ask this server."""
        return {
            "LINLI_WECHAT_API_BASE": self.url,
            "LINLI_WECHAT_APP_ID": self.wechat.appid,
            "LINLI_WECHAT_SECRET": self.wechat.secret,
            "LINLI_WECHAT_OPEN_BASE": self.url,
            "LINLI_WECHAT_ACCOUNT_APP_ID": ACCOUNT,
            "LINLI_WECHAT_ACCOUNT_SECRET": PAGE_APPS[ACCOUNT][0],
            "LINLI_WECHAT_SITE_APP_ID": SITE,
            "LINLI_WECHAT_SITE_SECRET": PAGE_APPS[SITE][0],
            "LINLI_WECHAT_PUSH_TOKEN": PUSH_TOKEN,
            "LINLI_WECHAT_TEMPLATES": json.dumps(TEMPLATES),
        }


if __name__ == "__main__":
    Server(WeChat(is_bound=True)).serve()
