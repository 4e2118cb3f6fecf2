"""A repeated request is answered under today's rights.

The walk of test_api_fuzz.py does every operation, and sends it again as is told here.
"""

import json
import re

import pytest
from django.core.cache import cache
from django.db import connection
from django.urls import URLResolver, get_resolver
from django.utils import timezone

from backend.accounts.models import User
from backend.api.idempotency import idempotency_of
from backend.communities.models import Membership
from merchants.models import MerchantMember
from tests.backend.town import Form, undone
from tests.backend.walks import document, send, ways
from tests.long import IS_LONG
from volunteers.models import Volunteer

pytestmark = pytest.mark.plain  # the statistics of one transaction tell what was written

METHODS = ("post", "put", "patch")
# Log-in, and what others' protocols call: they have rules of their own.
TAKE_NO_KEY = {
    "put api/v1/me/phone": "WeChat's code works once, and may close the log-in that sent it",
    "post api/v1/wechatpay/callback/<uuid:community_id>": (
        "WeChat Pay signs it and repeats it until it is taken"
    ),
    "post api/v1/invitations/accept-as-new": "nobody is logged in; a code works once",
    "post api/v1/invitations/look": "nobody is logged in, and nothing changes",
    "post api/v1/role-invitations/accept-as-new": "nobody is logged in; a code works once",
    "post api/v1/role-invitations/look": "nobody is logged in, and nothing changes",
    "post api/v1/setup": "nobody is logged in; a code works once",
    "post api/v1/wechat/push": "WeChat signs it and repeats it until it is taken",
}
# Nothing is looked up: run again they change nothing.
RUN_AGAIN = {
    "communities_people_search_create": "reads",
    "communities_notice_texts_preview_create": "reads",
    "communities_rules_tryout_create": "reads",
    "communities_rules_example_create": "reads",
    "invitations_look_create": "reads",
    "invitations_accept_as_new_create": "a code works once, and nobody is logged in",
    "role_invitations_look_create": "reads",
    "role_invitations_accept_as_new_create": "a code works once, and nobody is logged in",
    "setup_create": "a code works once, and nobody is logged in",
    "merchants_offline_scans_create": "each scan has its nonce",
    "communities_hours_to_verify_create": "what was decided on is told as decided",
    "me_attendances_create": "each scan has its nonce",
    "me_attendance_sync_create": "each item has its nonce",
    "shifts_attendance_sync_create": "each item has its nonce",
}
# Made without a key as well: there is one of each whoever asks how often.
ONCE_BY_ITSELF = {
    "communities_join_create": "one request of a person for a community",
    "invitations_accept_create": "one job of a person at a merchant, by one code",
    "role_invitations_accept_create": "one role of a person in a place, by one code",
    "invitations_accept_as_new_create": "one person, by one code",
    "role_invitations_accept_as_new_create": "one person, by one code",
    "setup_create": "one operator, by one code",
    "me_children_create": "one guardianship of a pair, by one code",
    "merchants_offline_scans_create": "one scan of a nonce",
    "merchants_webhooks_ping_create": "nothing but a message to the owner's own system",
    "offers_picture_create": "an offer has one picture",
    "shifts_attendances_create": "one attendance of a person at a shift",
    "shifts_gate_create": "one page at the door of a shift",
    "teams_members_create": "one place of a person in a team",
}
ENDS_THE_LOG_IN = {"me_log_out_everywhere_create"}  # it is sent again by whoever logged in anew
# Who may do it depends on what is asked, so whoever asks wrongly is told.
ANYBODY = {"places_create"}
# What is one's own stays readable when one has left: it is what GET shows of it.
ONES_OWN = {
    "attendances_appeal_create",
    "attendances_object_create",
    "teams_members_create",
    "teams_members_leave_create",
    "attendances_cancel_create",
    "attendances_check_in_create",
    "attendances_check_out_create",
    "bulletins_comments_create",
    "campaigns_donations_create",
    "communities_join_create",
    "communities_leave_create",
    "communities_patrols_create",
    "communities_reports_confirm_create",
    "communities_reports_create",
    "invitations_accept_create",
    "role_invitations_accept_create",
    "join_requests_withdraw_create",
    "offers_vouchers_create",
    "patrols_end_create",
    "patrols_photos_create",
    "patrols_reports_create",
    "reports_comments_create",
    "reports_partial_update",
    "reports_photos_create",
    "reports_redactions_create",
    "reports_reopen_create",
    "reports_withdraw_create",
    "shifts_attendances_create",
    "surveys_answer_create",
    "waiting_places_leave_create",
    "wishes_adopt_create",
    "wishes_release_create",
}


def handlers(patterns, address=""):
    """(method and address, handler) of all that writes below ``/api/``."""
    for pattern in patterns:
        here = address + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from handlers(pattern.url_patterns, here)
        elif view := getattr(pattern.callback, "cls", None):
            for method in METHODS:
                if handler := getattr(view, method, None):
                    yield f"{method} {here}", handler


def test_whatever_writes_takes_a_key():
    found = dict(handlers(get_resolver().url_patterns))

    assert {name for name, handler in found.items() if not idempotency_of(handler)} == set(
        TAKE_NO_KEY
    )


def test_whatever_makes_something_requires_a_key():
    makes_without = {
        operation["operationId"]
        for methods in document()["paths"].values()
        for operation in methods.values()
        if "201" in operation["responses"]
        and not any(
            parameter["name"] == "Idempotency-Key" and parameter.get("required")
            for parameter in operation.get("parameters", ())
        )
    }

    assert makes_without == set(ONCE_BY_ITSELF)


def keeps(way):
    """Whether the operation keeps its answer."""
    method, *_ = way.request
    is_phone = way.label == "PUT /api/v1/me/phone"
    return method.lower() in METHODS and way.operation_id not in RUN_AGAIN and not is_phone


def writes(town):
    """(operationId, request) of all that keeps an answer, as whoever succeeds with it."""
    for way in filter(keeps, ways(town).values()):
        cache.clear()  # of how often they asked
        yield way.operation_id, way.request


# What somebody looked at is written down each time, and waits to be sealed.
WRITTEN = """
    SELECT relname, n_tup_ins, n_tup_del FROM pg_stat_xact_user_tables
    WHERE n_tup_ins + n_tup_del > 0
        AND relname NOT IN ('audit_auditentry', 'points_unsealed')
    UNION ALL
    SELECT 'acts', count(*), 0 FROM audit_auditentry WHERE action NOT LIKE '%.view'
"""


def everything():
    """Return how many rows of each table this transaction has made and taken away so far."""
    with connection.cursor() as cursor:
        cursor.execute(WRITTEN)
        return sorted(cursor.fetchall())


def told(answer):
    """The body of ``answer``, without a link's token, which says when it was told."""
    return answer.content and json.loads(re.sub(r"[?]token=[^\"]+", "", answer.content.decode()))


def take_away():
    """Take every role of everybody away."""
    now = timezone.now()
    Membership.objects.filter(ended_at=None).update(ended_at=now)
    MerchantMember.objects.filter(ended_at=None).update(ended_at=now)
    Volunteer.objects.filter(left_at=None).update(left_at=now)
    User.objects.filter(is_superuser=True).update(is_superuser=False)


def is_shut_out(operation_id, answer):
    """404 or 403 and nothing else; what is one's own may still be seen."""
    if answer.status_code in (403, 404):
        return answer.json().keys() <= {"type", "title", "status", "code"}
    return operation_id.startswith("me_") or operation_id in ONES_OWN


def is_done_once_and_shown_to_who_may_see_it(operation_id, first, send):
    """Check what ``send`` is answered, which sends again what was answered with ``first``."""
    before = everything()

    again = send()

    assert again.status_code == first.status_code
    assert again.headers["idempotency-replayed"] == ["true"]
    assert told(again) == told(first)
    assert everything() == before, "It was done twice."
    take_away()
    assert is_shut_out(operation_id, send())


@pytest.mark.slow
def test_a_refusal_is_told_again_to_who_may_ask_and_to_nobody_else(town, subtests):
    for number, (operation_id, (method, address, body, headers)) in enumerate(writes(town)):
        # A refusal is kept in one place for all: a few will do.
        if body is None or isinstance(body, Form) or not (IS_LONG or number % 5 == 0):
            continue
        request = (method, address, {**body, next(iter(body)): {"not": "this"}}, headers)
        with subtests.test(operation_id), undone():
            first = send(*request)
            assert first.status_code == 400

            again = send(*request)

            assert again["Idempotency-Replayed"] == "true"
            assert told(again) == told(first)
            take_away()
            assert operation_id in ANYBODY or is_shut_out(operation_id, send(*request))
