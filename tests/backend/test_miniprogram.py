"""docs/miniprogram.md: every request that it shows is sent, and answered as it says.

In its blocks of HTTP a ``{name}`` of a request is filled in, and one of an answer is kept for later
requests, or compared if it is known. Answers may have more fields than are shown.
"""

import io
import json
import re
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.utils import timezone
from PIL import Image

from backend.communities.models import Role
from backend.communities.services import places, roles
from backend.outbox import services as outbox
from backend.payouts.models import Payout
from backend.standins.wechat import PUSH_TOKEN, TEMPLATES
from points.funds import services as funds
from points.kinds import Unit
from tests.browser import needs_chromium
from volunteers.attendance import codes
from volunteers.models import Attendance, ReportPhoto
from volunteers.reports.services import red_packets

PAGE = (Path(__file__).parents[2] / "docs" / "miniprogram.md").read_text("utf-8")
SHOWN = re.findall(r"^```http\n(.*?)^```", PAGE, re.M | re.S)
SCRIPTS = "".join(re.findall(r"^```js\n(.*?)^```", PAGE, re.M | re.S))
NAME = re.compile(r"\{(\w+)\}")
WANG, CHEN = "o6_wang", "o6_chen"
BINARY = "(the picture)"


class Story:
    """What is known so far by the names of the page, and what comes of its requests."""

    def __init__(self, **known):
        self.known = known

    def value_of(self, name):
        known = self.known[name]
        return str(known() if callable(known) else known)

    def filled_in(self, text):
        return NAME.sub(lambda found: self.value_of(found[1]), text)

    def play(self, block):
        request, answer = block.split("\nHTTP/1.1 ")
        (first, *headers), body = parts(request.strip("\n"))
        method, address = self.filled_in(first).split(" ", 1)
        parsed = urlsplit(address)
        sent = Client().generic(
            method,
            f"{parsed.path}?{parsed.query}" if parsed.query else parsed.path,
            self.body_of(body),
            headers=dict(self.filled_in(line).split(": ", 1) for line in headers)
            | ({"Content-Type": "application/json"} if body.startswith("{") else {}),
        )
        (first, *headers), body = parts(answer)
        told = sent.content.decode("utf-8", "replace")
        assert f"{sent.status_code} {sent.reason_phrase}" == first, f"{block}\n{told}"
        for line in headers:
            name, value = line.split(": ", 1)
            assert sent[name].partition(";")[0] == value, name
        if body not in ("", BINARY):
            self.compare(sent.json(), json.loads(body), block)

    def body_of(self, body):
        if not body.startswith("--"):
            return self.filled_in(body).encode()
        before, after = body.replace("\n", "\r\n").split(BINARY)
        return before.encode() + picture() + f"{after}\r\n".encode()

    def compare(self, told, shown, where):
        if isinstance(shown, dict):
            assert shown.keys() <= told.keys(), where
            for name in shown:
                self.compare(told[name], shown[name], f"{where}: {name}")
        elif isinstance(shown, list):
            assert len(told) == len(shown), f"{where}: {told}"
            for one, other in zip(told, shown, strict=True):
                self.compare(one, other, where)
        elif isinstance(shown, str) and (name := NAME.fullmatch(shown)):
            if name[1] in self.known:
                assert str(told) == self.value_of(name[1]), where
            else:
                assert told, where
                self.known[name[1]] = told
        else:
            assert told == shown, where


def parts(text):
    """The lines of a head, and what follows it."""
    head, _, body = text.partition("\n\n")
    return head.splitlines(), body.strip("\n")


def picture():
    jpeg = io.BytesIO()
    Image.new("RGB", (8, 8), "grey").save(jpeg, "JPEG")
    return jpeg.getvalue()


@pytest.fixture
def story(
    settings, lake, hill, wang, zhao, chen, tea, patrol, person, wechat, wechat_pay, grant_points
):
    """王小明, whom the lake has as a volunteer, and 陈店员: both open the mini-program."""
    settings.WECHAT_TEMPLATES = {"shift": TEMPLATES["shift"]}
    settings.WECHAT_PUSH_TOKEN = PUSH_TOKEN
    for user, openid in ((wang, WANG), (chen, CHEN)):
        SocialAccount.objects.create(user=user, provider="wechat", uid=openid)
    for points in (40, 60):
        grant_points(wang, points)
    manager = person("qian", "钱书记")
    roles.give(user=manager, community=lake, role=Role.MANAGER)
    packet_on_its_way(lake, manager, zhao, wang)
    return Story(
        code=lambda: wechat.new_code(WANG),
        code_of_the_clerk=lambda: wechat.new_code(CHEN),
        join_code=places.make_join_code(community=hill, made_by=manager).join_code,
        venue_code=lambda: codes.code_of(codes.Kind.VENUE, patrol, at=timezone.now()),
        noted_at=lambda: timezone.now().isoformat(),
    )


def packet_on_its_way(lake, manager, zhao, wang):
    """Have WeChat hold 20 yuan for Wang until he takes them."""
    fund = funds.open_fund(
        community=lake,
        name="红包",
        year=lake.today.year,
        unit=Unit.FEN,
        opened_by=manager,
        approval_above=9_000,
    )
    funds.top_up(fund=fund, amount=10_000, reason="街道拨款", topped_up_by=manager)
    funds.claim(
        fund=fund,
        subject=f"report:{uuid4()}",
        payee=f"person:{wang.pk}",
        amount=2_000,
        closed_at=timezone.now(),
        reason="report",
        asked_by=zhao,
    )
    red_packets.order_due(community=lake)
    outbox.attempt(
        "payout", is_due=False, community_id=lake.pk, pk=Payout.objects.get(community=lake).pk
    )


def test_every_request_of_the_page_is_answered_as_it_says(story):
    assert len(SHOWN) > 20
    for block in SHOWN:
        story.play(block)


# WeChat, as far as the page's scripts know it. What is asked of it is noted.
WX = """
const kept = {}, asked = [];
const wx = {
  getStorageSync: (name) => kept[name] ?? "",
  setStorageSync: (name, value) => { kept[name] = value; },
  login: async () => ({ code: codes.shift() }),
  scanCode: async () => ({ result: scanned }),
  requestSubscribeMessage: async ({ tmplIds }) => asked.push(...tmplIds),
  requestMerchantTransfer: async (told) => asked.push(told.package),
  request: ({ url, method, data, header, success, fail }) => {
    if (!["GET", "POST", "PUT", "DELETE"].includes(method)) throw new Error(method);
    const headers = { ...header, ...(data && { "Content-Type": "application/json" }) };
    const asking = fetch(url, { method, headers, body: data && JSON.stringify(data) });
    if (lost.length && url.endsWith(lost[0])) {
      lost.shift();
      asking.then(() => fail({ errMsg: "request:fail timeout" }));
      return;
    }
    asking
      .then(async (answer) => success({ statusCode: answer.status, data: await answer.json() }))
      .catch(fail);
  },
  uploadFile: ({ url, filePath, name, header, success, fail }) => {
    const form = new FormData();
    form.append(name, new Blob([Uint8Array.from(photo)], { type: "image/jpeg" }), filePath);
    fetch(url, { method: "POST", headers: header, body: form })
      .then(async (answer) => success({ statusCode: answer.status, data: await answer.text() }))
      .catch(fail);
  },
};
"""
PLAYED = """
await call("PATCH", "me", { name: "王小明" });
const [shift] = (await call("GET", "shifts?community=lake")).results;
lost.push("/attendances");
await call("POST", `shifts/${shift.id}/attendances`, { waits: true });
access = "over";
const [door] = await scanAtTheDoor("check_in");
await acceptMessages(await templates(), ["shift"]);
await report("lake", { category: "hazard", text: "井盖松动" }, ["photo.jpg"]);
const lines = [];
for await (const line of all("me/wallets/lake/transfers?page_size=1")) lines.push(line.amount);
await new Promise((show) => showPayCode("lake", show));
await takeRedPacket("1900000001", "wx-standin");
const [offer] = (await call("GET", "offers?community=lake")).results;
scanned = (await call("POST", `offers/${offer.id}/vouchers`, {})).code;
kept.refresh = access = "";
const [shop] = (await call("GET", "merchants")).results;
const scans = [await scanAtTheCounter(shop.id), await scanAtTheCounter(shop.id)];
return {
  door: door.status, lines, asked, noted: kept.noted, codes, lost,
  scans: scans.map((one) => one.colour),
};
"""


@pytest.mark.slow
@needs_chromium
def test_its_scripts_do_what_the_page_says(story, look, site, wechat):
    """In Chromium, with a ``wx`` that asks our server; one answer is lost on its way."""
    window = look()
    window.goto("/healthz")

    told = window.page.evaluate(
        f"async ({{codes, scanned, photo, lost}}) => {{ {WX} {SCRIPTS} {PLAYED} }}".replace(
            "https://linli.example.cn", site
        ),
        {
            "codes": [wechat.new_code(WANG), wechat.new_code(CHEN)],
            "scanned": story.value_of("venue_code"),
            "photo": list(picture()),
            "lost": [],
        },
    )

    packet = Payout.objects.get(community__code="lake").package_info
    assert told == {
        "door": "checked_in",
        "lines": [60, 40],
        "asked": ["standin-shift", packet],
        "noted": [],
        "scans": ["green", "red"],
        "codes": [],
        "lost": [],
    }
    (attendance,) = Attendance.objects.filter(community__code="lake")
    assert attendance.status == "checked_in"
    assert ReportPhoto.objects.filter(community__code="lake").count() == 1


@pytest.mark.parametrize(
    ("method", "override", "status"),
    [("post", "PATCH", 200), ("post", "DELETE", 405), ("post", "", 405), ("put", "PATCH", 405)],
)
def test_a_post_is_taken_for_the_patch_that_it_says_it_is(
    wang, logged_in, method, override, status
):
    phone = logged_in(wang)

    answer = getattr(phone, method)(
        "/api/v1/me", {"name": "王明"}, headers={"X-HTTP-Method-Override": override}
    )

    assert answer.status_code == status
