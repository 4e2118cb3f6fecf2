"""Staff give an e-mail address, verify it, and are told things there."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone, translation

from backend.audit.models import OwnAct
from backend.communities.models import Membership, Role
from backend.communities.services import roles
from backend.notices import kinds, mailboxes, targets
from backend.notices.channels import email
from backend.notices.errors import EmailForStaffOnly
from backend.notices.models import Channel, Mailbox, Message, Notice, NoticeText
from backend.outbox import services as outbox
from backend.outbox.kinds import Done, Failed
from tests.standins.smtp import Server

ME = "/api/v1/me/email"
ADDRESS = {"email": "zhao@example.cn"}


@pytest.fixture(scope="module")
def running():
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def mails(running, settings):
    """The mail server that we hand over to; ``mails.journal`` has what arrived there."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = running.hostname, running.port
    settings.DEFAULT_FROM_EMAIL = "邻里 <linli@example.cn>"
    settings.CONSOLE_URL = "https://console.example.cn"
    for kept in (running.journal, running.recipients, running.data):
        kept.clear()
    return running


def send_code(user):
    return outbox.attempt("email_code", user_id=user.pk)


@pytest.fixture
def verified(zhao):
    mailbox = mailboxes.give(user=zhao, address=ADDRESS["email"])
    return mailboxes.verify(user=zhao, code=mailbox.code)


@pytest.fixture
def message(lake, zhao, monkeypatch):
    """A notice that 赵社工 was told of, on its way by e-mail; a tap opens a report."""
    opens = replace(kinds.registered["report_assigned"], opens="a_report")
    monkeypatch.setitem(kinds.registered, "report_assigned", opens)
    monkeypatch.setitem(targets.registered, "a_report", "reports/{id}")
    notice = Notice.objects.create(
        community=lake,
        key="k",
        recipient=zhao,
        kind="report_assigned",
        facts={"starts_at": "2024-03-01T00:00:00+00:00", "timezone": "Asia/Shanghai"},
        target_id="01900000-0000-7000-8000-000000000000",
        due_at=timezone.now(),
        delivered_at=timezone.now(),
        next_at=None,
    )
    return Message.objects.create(
        community=lake, notice=notice, channel=Channel.EMAIL, language="zh-hans"
    )


def iso(moment):
    return moment and moment.isoformat().replace("+00:00", "Z")


# --- giving an address ------------------------------------------------------------------------
def test_an_address_is_given_verified_and_removed(zhao, mails, logged_in):
    client = logged_in(zhao)

    given = client.put(ME, ADDRESS)

    mailbox = Mailbox.objects.get()
    told = {
        "email": "zhao@example.cn",
        "given_at": iso(mailbox.given_at),
        "code_expires_at": iso(mailbox.code_expires_at),
        "verified_at": None,
    }
    assert (given.status_code, given.json()) == (200, told)
    assert client.get(ME).json() == told

    assert send_code(zhao)
    assert not send_code(zhao)
    ((sender, to, mail),) = mails.journal
    assert (sender, to) == ("linli@example.cn", ["zhao@example.cn"])
    chinese, english = mail.get_content().strip().split("\n\n")
    assert mailbox.code in chinese
    assert english == (
        f"Your code is {mailbox.code}. Enter it within 30 minutes to be told things by e-mail."
        " If you did not ask for it, ignore this mail."
    )

    answer = client.post(f"{ME}/verify", {"code": f" {mailbox.code.lower()} "})
    mailbox.refresh_from_db()
    told |= {"verified_at": iso(mailbox.verified_at)}
    assert (answer.status_code, answer.json()) == (200, told)
    assert mailbox.verified_at is not None
    again = client.post(f"{ME}/verify", {"code": "ABCD2345"})
    assert again.json() == told

    assert client.delete(ME).status_code == 204
    assert client.delete(ME).status_code == 204
    gone = client.get(ME)
    assert (gone.status_code, gone.json()["code"]) == (404, "email_unknown")
    acts = OwnAct.objects.filter(target_type="person", target_id=str(zhao.pk)).order_by("pk")
    assert [one.action for one in acts] == [
        "person.give_email",
        "person.verify_email",
        "person.remove_email",
    ]


def test_neither_address_nor_code_can_be_read_in_the_database(zhao):
    mailbox = mailboxes.give(user=zhao, address=ADDRESS["email"])

    with connection.cursor() as cursor:
        cursor.execute("SELECT m::text FROM notices_mailbox m")
        (row,) = cursor.fetchone()
    assert "zhao@" not in row
    assert mailbox.code not in row


def test_only_staff_managers_and_auditors_give_an_address(lake, wang, person, logged_in):
    answer = logged_in(wang).put(ME, ADDRESS)

    assert (answer.status_code, answer.json()["code"]) == (403, "email_for_staff_only")
    for role in (Role.STAFF, Role.MANAGER, Role.AUDITOR):
        user = person(role.value)
        membership, _ = roles.give(user=user, community=lake, role=role)
        assert mailboxes.give(user=user, address=ADDRESS["email"])
        roles.end(membership=membership, ended_by=None)
        with pytest.raises(EmailForStaffOnly):
            mailboxes.give(user=user, address="other@example.cn")
    assert Membership.objects.filter(ended_at__isnull=False).count() == 3


@pytest.mark.parametrize("address", ["zhao", "zhao@", "a@b.cn, c@d.cn", "Zhao <zhao@b.cn>", ""])
def test_what_is_no_address_is_refused_by_the_name_of_its_field(zhao, logged_in, address):
    answer = logged_in(zhao).put(ME, {"email": address})

    assert answer.status_code == 400
    assert [*answer.json()["errors"]] == ["email"]


def test_a_wrong_code_is_refused_and_counted(zhao, logged_in, since_tried):
    client, code = logged_in(zhao), mailboxes.give(user=zhao, address=ADDRESS["email"]).code
    wrong = "ABCD2345" if code != "ABCD2345" else "ABCD2346"

    for _ in range(20):
        answer = client.post(f"{ME}/verify", {"code": wrong})
        assert (answer.status_code, answer.json()["code"]) == (400, "email_code_wrong")
    locked_out = client.post(f"{ME}/verify", {"code": code})
    assert locked_out.status_code == 429
    since_tried(timedelta(hours=1))
    assert client.post(f"{ME}/verify", {"code": code}).status_code == 200


def test_a_code_is_good_for_half_an_hour(zhao, logged_in, mails):
    code = mailboxes.give(user=zhao, address=ADDRESS["email"]).code
    Mailbox.objects.update(code_expires_at=timezone.now())

    answer = logged_in(zhao).post(f"{ME}/verify", {"code": code})

    assert (answer.status_code, answer.json()["code"]) == (409, "email_code_expired")
    assert send_code(zhao)  # too late to be of use
    assert mails.journal == []


def test_another_address_is_to_be_verified_anew(zhao, verified, logged_in):
    answer = logged_in(zhao).put(ME, {"email": "other@example.cn"})

    assert (answer.json()["email"], answer.json()["verified_at"]) == ("other@example.cn", None)
    assert email.reaches("report_assigned", [zhao.pk]) == set()


def test_a_code_is_sent_again_a_few_times_and_a_verified_address_stays(
    zhao, logged_in, mails, since_tried
):
    client, codes = logged_in(zhao), []
    for _ in range(5):
        assert client.put(ME, ADDRESS).status_code == 200
        assert send_code(zhao)
        codes.append(Mailbox.objects.get().code)
    assert client.put(ME, ADDRESS).status_code == 429

    assert len({mail["Message-ID"] for _, _, mail in mails.journal}) == 5
    assert client.post(f"{ME}/verify", {"code": codes[-1]}).status_code == 200
    before = Mailbox.objects.values().get()
    assert client.put(ME, ADDRESS).status_code == 200
    assert Mailbox.objects.values().get() == before


def test_without_an_address_there_is_nothing_to_verify(zhao, logged_in):
    answer = logged_in(zhao).post(f"{ME}/verify", {"code": "ABCD2345"})

    assert (answer.status_code, answer.json()["code"]) == (404, "email_unknown")


@pytest.mark.django_db(transaction=True)
def test_of_many_taps_at_one_moment_one_address_and_one_code_remain(zhao, at_once):
    given = at_once(5, lambda number: mailboxes.give(user=zhao, address=f"zhao{number}@example.cn"))

    mailbox = Mailbox.objects.get()
    assert (mailbox.address, mailbox.code) in {(one.address, one.code) for one in given}
    verified = at_once(5, lambda number: mailboxes.verify(user=zhao, code=mailbox.code))
    assert len({one.verified_at for one in verified}) == 1
    assert OwnAct.objects.filter(action="person.verify_email").count() == 1


# --- telling ----------------------------------------------------------------------------------
def test_only_verified_addresses_are_reached(zhao, wang):
    mailbox = mailboxes.give(user=zhao, address=ADDRESS["email"])
    assert email.reaches("report_assigned", [zhao.pk, wang.pk]) == set()

    mailboxes.verify(user=zhao, code=mailbox.code)

    assert email.reaches("report_assigned", [zhao.pk, wang.pk]) == {zhao.pk}


@pytest.mark.parametrize(
    ("language", "subject", "body", "end"),
    [
        ("zh-hans", "有上报交由您处理", "2024-03-01 08:00", "您可以在通知设置里关闭这类邮件。"),
        (
            "en",
            "A report is yours to deal with",
            "The report of 2024-03-01 08:00 was given to you.",
            "You can switch such mails off in the settings of your notices.",
        ),
    ],
)
@pytest.mark.usefixtures("verified")
def test_a_mail_tells_the_notice_and_links_to_what_it_is_about(
    message, mails, monkeypatch, language, subject, body, end
):
    kind = kinds.registered["report_assigned"]
    monkeypatch.setitem(kinds.registered, "report_assigned", replace(kind, is_required=False))
    with translation.override(language):
        outcome = email.send(message)

    assert isinstance(outcome, Done)
    assert [*outcome.values] == ["sent_at"]
    ((sender, to, mail),) = mails.journal
    assert (sender, to, mail["From"]) == (
        "linli@example.cn",
        ["zhao@example.cn"],
        "邻里 <linli@example.cn>",
    )
    assert mail["Subject"] == subject
    assert mail["Message-ID"] == f"<{message.pk}@example.cn>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    told, link, community, last = mail.get_content().strip().split("\n\n")
    assert body in told
    assert link == "https://console.example.cn/reports/01900000-0000-7000-8000-000000000000"
    assert (community, last) == ("碧沙湖社区", end)


@pytest.mark.parametrize(
    ("recipients", "data", "reason", "for_good", "arrived"),
    [
        (["550 unknown"], [], "smtp_550", True, 0),
        (["450 busy"], [], "smtp_450", False, 0),
        ([], ["554 spam"], "smtp_554", True, 0),
        ([], ["451 later"], "smtp_451", False, 0),
        ([], ["cut"], "smtp_SMTPServerDisconnected", False, 1),
    ],
)
@pytest.mark.usefixtures("verified")
def test_a_mail_that_is_refused_for_good_is_not_tried_again(
    message, mails, recipients, data, reason, for_good, arrived
):
    mails.recipients += recipients
    mails.data += data

    outcome = email.send(message)

    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.for_good) == (reason, for_good)
    assert len(mails.journal) == arrived


@pytest.mark.usefixtures("verified")
def test_a_mail_whose_answer_was_lost_comes_twice_as_one(message, mails):
    mails.data += ["cut"]

    email.send(message)
    assert isinstance(email.send(message), Done)

    assert {mail["Message-ID"] for _, _, mail in mails.journal} == {f"<{message.pk}@example.cn>"}
    assert len(mails.journal) == 2


@pytest.mark.usefixtures("verified", "mails")
def test_a_server_that_is_away_is_tried_again(message, settings):
    settings.EMAIL_PORT = 1

    outcome = email.send(message)

    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.for_good) == ("smtp_ConnectionRefusedError", False)


def test_an_address_that_was_removed_meanwhile_is_told_nothing(message, zhao, verified, mails):
    mailboxes.remove(user=zhao)

    outcome = email.send(message)

    assert isinstance(outcome, Done)
    assert outcome.values["reason"] == "no_address"
    assert "skipped_at" in outcome.values
    assert mails.journal == []


@pytest.mark.usefixtures("verified")
def test_a_fact_cannot_add_a_header(message, mails):
    message.notice.kind = "team_accepted"
    NoticeText.objects.create(
        community=message.community,
        kind="team_accepted",
        language="zh-hans",
        title="{team}",
        body="好",
    )
    message.notice.facts = {"team": "绿丝带\r\nBcc: everybody@example.cn"}

    assert isinstance(email.send(message), Done)

    ((_, to, mail),) = mails.journal
    assert (to, mail["Bcc"]) == (["zhao@example.cn"], None)
    assert "绿丝带 Bcc:" in mail["Subject"]


def test_without_a_server_and_a_sender_nothing_is_mailed(settings):
    assert not email.is_ready()
    settings.DEFAULT_FROM_EMAIL = "linli@example.cn"
    assert email.is_ready()
