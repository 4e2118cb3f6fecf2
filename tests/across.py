"""Places that may leave the community out of a statement on a tenant's table, and why.

A place is ``file:function`` of the project, the innermost that the statement comes from. With a
table's name behind it, it may leave out the community of that table alone. Even here, tables of one
statement are joined on their communities.
"""

BY_ID = "An address without a community names a row by its id; whoever goes on names the community."
SWEEP = "A sweep reads, or removes what is old, in all communities; each then gets its own task."
MERCHANT = "It finds out in which communities a merchant is a partner."
ENDPOINT = "An endpoint is told of what happens in all communities of its owner."
MINE = "A list of what is mine, wherever it came from."
ERASURE = "An erasure or export of a person goes wherever they left a trace."

ACROSS = {
    "backend/api/views.py:below.<locals>.find": BY_ID,
    "backend/api/idempotency.py:Operation.again": BY_ID,  # what the first answer was about
    "backend/api/tasks.py:forget_old_idempotency_keys": SWEEP,
    "backend/notices/selectors.py:notice_of": BY_ID,
    "backend/notices/selectors.py:count_unread": MINE,
    "backend/notices/services.py:mark_all_read": MINE,
    "merchants/catalogue/api/pictures.py:OfferPictureView.get": BY_ID,
    "points/ledger/selectors.py:transfer_of": BY_ID,
    "volunteers/attendance/api/figures.py:TeamFiguresView.get": BY_ID,
    # People are told things by communities of which they are no volunteer, and ask to join those.
    "backend/api/paging.py:CursorPagination.paginate_queryset notices_notice": MINE,
    "backend/api/paging.py:CursorPagination.paginate_queryset volunteers_joinrequest": MINE,
    "merchants/partners/selectors.py:communities_with": MERCHANT,
    "merchants/partners/selectors.py:communities_told_of": MERCHANT,
    "merchants/partners/selectors.py:first_community_of": MERCHANT,
    "backend/api/paging.py:CursorPagination.paginate_queryset webhooks_delivery": ENDPOINT,
    "backend/webhooks/services.py:_switch_off_what_fails": ENDPOINT,
    "backend/webhooks/services.py:redeliver_since": ENDPOINT,
    "merchants/webhooks/api.py:_redelivered": ENDPOINT,
    "backend/events/tasks.py:sweep_series": SWEEP,
    "backend/outbox/services.py:shares": SWEEP,
    "backend/outbox/selectors.py:oldest": "An operator's figures are those of all communities.",
    "backend/outbox/metrics.py:owed": "An operator's figures are those of all communities.",
    "backend/outbox/selectors.py:_figures": "An operator's figures are those of all communities.",
    "merchants/redemption/services/cards.py:forget_pins": SWEEP,
    "merchants/redemption/services/pay_codes.py:forget_old": SWEEP,
    "merchants/redemption/tasks.py:sweep_expired_vouchers": SWEEP,
    "merchants/redemption/tasks.py:sweep_expiring_vouchers": SWEEP,
    "merchants/giving/tasks.py:sweep_lapsed_wishes": SWEEP,
    "points/seals/tasks.py:sweep_unsealed": SWEEP,
    "points/seals/metrics.py:ledger": "An operator's figures are those of all communities.",
    "points/funds/tasks.py:sweep_waiting_claims": SWEEP,
    "volunteers/attendance/services/closing.py:due": SWEEP,
    "volunteers/attendance/selectors.py:communities_to_look_at": SWEEP,
    "volunteers/attendance/selectors.py:communities_with_hours_to_finalise": SWEEP,
    "volunteers/attendance/selectors.py:communities_with_hours_to_verify": SWEEP,
    "volunteers/reports/tasks.py:sweep_tallies": SWEEP,
    "volunteers/reports/services/reading.py:drop_old_coordinates": SWEEP,
    "volunteers/reports/tasks.py:sweep_rewards": SWEEP,
    "backend/payouts/tasks.py:sweep_differences": SWEEP,
    "volunteers/reports/tasks.py:sweep_overdue_reports": SWEEP,
    "volunteers/reports/services/mediating.py:forget_old": SWEEP,
    "volunteers/reports/services/inspecting.py:communities_to_see_to": SWEEP,
    "volunteers/reports/services/surveying.py:communities_to_ask": SWEEP,
    "backend/accounts/services/keys.py:_apart": "An operator's keys are those of everybody.",
    "backend/accounts/services/phone.py:has_done_something": "Whoever did a thing anywhere stays.",
    "backend/documents/services.py:remove_expired": SWEEP,
    "backend/imports/services/steps.py:remove_old_files": SWEEP,
    "backend/documents/services.py:discard": ERASURE,
    "backend/privacy/held.py:_forget.<locals>.forget": ERASURE,
    "backend/privacy/held.py:pages": ERASURE,
    "merchants/privacy.py:_discard_files_that_name": ERASURE,
    "volunteers/reports/services/screening.py:hear": "WeChat names a photo by an id of its own.",
    "volunteers/privacy.py:_finish": ERASURE,
    "volunteers/people/services/joining.py:take_all_back": ERASURE,
    "volunteers/privacy.py:remove_photos": ERASURE,
}

# Where several tables are asked at once that are not tied to one another: what was done to things
# of a person is found in the audit trail by the ids of their things of every kind.
UNTIED = {"backend/privacy/held.py:pages"}

# Where rows are locked of which every node has a copy, and so, on a cluster, the whole table.
RECOVERY_CODES = "django-allauth locks whoever makes recovery codes, which they do seldom."
LOCKS_COPIES = {
    "backend/accounts/services/keys.py:_rotate": "An operator runs it, seldom.",
    "backend/api/log_in.py:with_sound_body.<locals>.checked": RECOVERY_CODES,
    "backend/top/console/account/guard.py:let_in.<locals>.led": RECOVERY_CODES,
}
