"""Money: statements, questions, payouts, the bank's batches, funds, claims, rewards, increases."""

from collections.abc import Mapping
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.top.calls import Caller
from backend.top.console.pages import (
    Action,
    Choices,
    Facts,
    Group,
    Page,
    Related,
    Section,
    add,
    has_status,
)
from backend.top.console.values import yuan

STATEMENT = "statements/<uuid:statement_id>"
FUND = "communities/<str:code>/funds/<uuid:fund_id>"
REWARD = "communities/<str:code>/rewards/<uuid:reward_id>"

# --- statements -------------------------------------------------------------------------------
APPROVES = _(
    "From then on the figures never change, and somebody else pays it. Whoever drafted it cannot"
    " approve it."
)
PAYS = _(
    "This records that the merchant has the money: it pays nobody. It cannot be taken back, and"
    " whoever approved the statement cannot do it."
)

add(
    Page(
        route="communities/<slug:code>/statements",
        title=_("Statements"),
        group=Group.MONEY,
        icon="receipt_long",
        rank=1,
        columns=("merchant", "period_start", "period_end", "status", "number", "points", "due_fen"),
        filters=("status", "text", "since", "until"),
        opens="statements/{id}",
        actions=(
            Action(
                address="communities/{code}/statements",
                title=_("Draft a period"),
                icon="add",
                style="primary",
                confirm=_(
                    "Each merchant with something unsettled in the period gets a draft. The end is"
                    " not part of the period: a month ends on the first day of the next."
                ),
                opens="communities/{code}/statements",
            ),
            Action(
                address="statements/{id}/approve",
                title=_("Approve"),
                style="primary",
                when=has_status("draft"),
                batch=True,
                confirm=APPROVES,
            ),
        ),
    ),
    Page(
        route=STATEMENT,
        title=_("Statement"),
        named="merchant.name",
        sections=(
            Section(
                _("Period"),
                ("merchant", "period_start", "period_end", "status", "number", "digest"),
            ),
            Section(
                _("Figures"),
                (
                    "redemptions_count",
                    "refunds_count",
                    "points",
                    "amount_fen",
                    "carried_fen",
                    "due_fen",
                ),
            ),
            Section(
                _("Who did it"),
                (
                    "drafted_by",
                    "drafted_at",
                    "approved_by",
                    "approved_at",
                    "paid_by",
                    "paid_at",
                    "payment_reference",
                ),
            ),
            Section(_("Services received from volunteers"), ("services",), if_told=True),
        ),
        actions=(
            Action(
                address="statements/{id}/approve",
                title=_("Approve"),
                icon="check",
                style="primary",
                when=has_status("draft"),
                confirm=APPROVES,
            ),
            Action(
                address="statements/{id}/payouts",
                title=_("Pay by WeChat"),
                icon="send",
                when=has_status("approved"),
                confirm=_(
                    "The money is sent by WeChat, and the owner has to confirm it on the phone"
                    " within 24 hours."
                ),
            ),
            Action(
                address="statements/{id}/pay",
                title=_("Mark as paid"),
                icon="payments",
                style="primary",
                when=has_status("approved"),
                confirm=PAYS,
            ),
        ),
        files={
            "statements/{id}/lines.pdf": _("PDF"),
            "statements/{id}/lines.html": _("Page to print"),
            "statements/{id}/lines.xlsx": _("Spreadsheet"),
            "statements/{id}/lines.csv": _("CSV"),
        },
        related=(
            Related("statements/{id}/questions"),
            Related("statements/{id}/redemptions"),
            Related("statements/{id}/refunds", if_any=True),
            Related("statements/{id}/payouts"),
        ),
    ),
    Page(
        route=f"{STATEMENT}/redemptions",
        title=_("Redemption records"),
        columns=(
            "redeemed_at",
            "offer_title",
            "quantity",
            "price_points",
            "fen_per_point",
            "amount_fen",
            "redeemed_by",
        ),
        opens="redemptions/{id}",
    ),
    Page(
        route=f"{STATEMENT}/refunds",
        title=_("Refunds deducted"),
        columns=(
            "refunded_at",
            "offer_title",
            "quantity",
            "points",
            "amount_fen",
            "reason",
            "refunded_by",
        ),
        opens="redemptions/{redemption_id}",
    ),
    Page(
        route=f"{STATEMENT}/questions",
        title=_("Questions"),
        columns=("reason", "asked_by", "asked_by_merchant", "asked_at", "answer", "answered_by"),
        opens="statements/{statement_id}/questions/{id}",
        actions=(
            Action(
                address="statements/{statement_id}/questions",
                title=_("Question a line"),
                icon="help",
                choices={
                    "line_id": Choices(
                        "statements/{statement_id}/redemptions",
                        label="redeemed_at offer_title quantity",
                    )
                },
                confirm=_("The statement cannot be approved until the merchant has answered."),
            ),
        ),
    ),
    Page(
        route=f"{STATEMENT}/questions/<uuid:question_id>",
        title=_("Question about a statement"),
        sections=(
            Section(
                _("Question"),
                ("reason", "line_id", "asked_by", "asked_by_merchant", "asked_at"),
            ),
            Section(_("Answer"), ("answer", "answered_by", "answered_at")),
        ),
        actions=(
            Action(
                address="statements/{statement_id}/questions/{id}/answer",
                title=_("Answer"),
                icon="reply",
                style="primary",
                when=lambda facts: not facts.get("answer"),
                confirm=_(
                    "The figures stay. What was wrong is refunded, as a line of the next statement."
                ),
            ),
        ),
        files={
            "statements/{statement_id}": _("The statement"),
            "redemptions/{line_id}": _("The line"),
        },
    ),
    Page(
        route="communities/<slug:code>/statement-questions",
        title=_("Questions on statements"),
        group=Group.MONEY,
        icon="help",
        rank=2,
        columns=(
            "merchant",
            "period_start",
            "reason",
            "asked_by",
            "asked_by_merchant",
            "asked_at",
            "answer",
        ),
        filters=("is_open", "asked_by_merchant"),
        defaults={"is_open": "true"},
        opens="statements/{statement_id}/questions/{id}",
    ),
)

# --- payouts and the bank ---------------------------------------------------------------------
add(
    Page(
        route="communities/<slug:code>/payouts",
        title=_("Payouts by WeChat"),
        group=Group.MONEY,
        icon="send_money",
        rank=3,
        columns=(
            "title",
            "amount_fen",
            "status",
            "reason",
            "difference",
            "ordered_by",
            "ordered_at",
        ),
        filters=("is_unclear", "status", "text", "since", "until"),
        opens="payouts/{id}",
        first={"is_unclear": "true"},
    ),
    Page(
        route=f"{STATEMENT}/payouts",
        title=_("Payouts by WeChat"),
        columns=("amount_fen", "status", "reason", "ordered_by", "ordered_at", "finished_at"),
        opens="payouts/{id}",
    ),
    Page(
        route="payouts/<uuid:payout_id>",
        title=_("Payout by WeChat"),
        named="title",
        sections=(
            Section(_("Payout"), ("title", "amount_fen", "status", "reason", "subject", "holder")),
            Section(
                _("At WeChat"),
                ("wechat_status", "out_bill_no", "transfer_bill_no", "difference"),
            ),
            Section(
                _("When"), ("ordered_by", "ordered_at", "sent_at", "cancel_asked_at", "finished_at")
            ),
        ),
        actions=(
            Action(
                address="payouts/{id}/cancel",
                title=_("Cancel the payout"),
                icon="cancel",
                style="danger",
                when=lambda facts: facts.get("finished_at") is None,
                confirm=_(
                    "WeChat is asked to cancel it, until it says that it did. The money stays"
                    " reserved until then; only afterwards can it be paid otherwise."
                ),
            ),
        ),
    ),
    Page(
        route="communities/<slug:code>/bank-batches",
        title=_("Batches for the bank"),
        group=Group.MONEY,
        icon="account_balance",
        rank=3,
        columns=("made_at", "made_by", "cancelled_at", "cancelled_by"),
        opens="bank-batches/{id}",
        actions=(
            Action(
                address="communities/{code}/bank-batches",
                title=_("Make a batch"),
                icon="add",
                style="primary",
                confirm=_(
                    "Takes every approved statement with something due that is in no batch and not"
                    " being paid by WeChat, except those that you approved. From then on they can"
                    " be paid only by this batch."
                ),
            ),
        ),
    ),
    Page(
        route="bank-batches/<uuid:batch_id>",
        title=_("Batch for the bank"),
        sections=(
            Section(_("Batch"), ("made_at", "made_by", "cancelled_at", "cancelled_by")),
            Section(_("Statements"), ("lines",)),
        ),
        files={
            "bank-batches/{id}/file.xlsx": _("File for the bank, as a spreadsheet"),
            "bank-batches/{id}/file.csv": _("File for the bank, as CSV"),
        },
        actions=(
            Action(
                address="bank-batches/{id}/cancel",
                title=_("Cancel the batch"),
                icon="cancel",
                style="danger",
                when=lambda facts: facts.get("cancelled_at") is None,
                confirm=_(
                    "Its statements that are not marked as paid may then be paid otherwise. Make"
                    " sure first that the bank does not pay it."
                ),
            ),
        ),
    ),
)

# --- funds ------------------------------------------------------------------------------------
FIGURES = ("budget", "spent", "reserved", "left")
NAMED = {"name": _("Fund"), "year": _("For the year"), "opened_at": _("Opened on")}


def _runs(facts: Facts) -> bool:
    return facts.get("ended_at") is None


def _is_over(facts: Facts) -> bool:
    """Tell whether the fund's year is over, so that it may be ended."""
    return _runs(facts) and facts.get("year", 0) < timezone.localdate().year


add(
    Page(
        route="communities/<str:code>/funds",
        title=_("Funds"),
        group=Group.MONEY,
        icon="savings",
        rank=4,
        columns=("name", "year", "unit", *FIGURES, "waiting_amount"),
        labels=NAMED,
        opens="communities/{code}/funds/{id}",
        actions=(
            Action(
                address="communities/{code}/funds",
                title=_("Open a fund"),
                icon="add",
                style="primary",
                confirm=_("Its terms never change. Nothing is in it until it is topped up."),
            ),
        ),
    ),
    Page(
        route=FUND,
        title=_("Fund"),
        named="name",
        labels=NAMED,
        sections=(
            Section(_("Fund"), ("name", "year", "unit", "approval_above", "opened_at")),
            Section(_("Figures"), FIGURES),
            Section(
                _("Who waits"),
                ("waiting_count", "waiting_amount", "unclaimed_count", "unclaimed_amount"),
            ),
            Section(
                _("End"), ("ending", "ended_at", "ended_amount", "carried_into_id"), if_told=True
            ),
        ),
        actions=(
            Action(
                address="communities/{code}/funds/{id}/top-ups",
                title=_("Top up"),
                icon="add_card",
                style="primary",
                when=_runs,
                confirm=_("Claims that wait are served in their order. It cannot be taken back."),
            ),
            Action(
                address="communities/{code}/funds/{id}/carry-over",
                title=_("Carry over to the next year"),
                icon="redo",
                style="danger",
                when=_is_over,
                confirm=_(
                    "The fund ends. What is left, and whoever waits, goes to the fund of the next"
                    " year, which is opened if it is not there. Nothing may be reserved."
                ),
            ),
            Action(
                address="communities/{code}/funds/{id}/return",
                title=_("Return what is left"),
                icon="undo",
                style="danger",
                when=_is_over,
                confirm=_(
                    "The fund ends, and what is left goes back to where it came from. No claim may"
                    " be open."
                ),
            ),
        ),
        related=(
            Related("communities/{code}/funds/{id}/claims"),
            Related("communities/{code}/funds/{id}/entries"),
        ),
    ),
    Page(
        route=f"{FUND}/entries",
        title=_("What came in and went out"),
        columns=("occurred_at", "kind", "words", "amount"),
        opens="communities/{code}/funds/{fund_id}/entries/{id}",
    ),
    Page(
        route=f"{FUND}/entries/<uuid:fund_entry_id>",
        title=_("Line of a fund"),
        sections=(
            Section(_("Line"), ("occurred_at", "posted_at", "kind", "words", "amount")),
            Section(_("Top-up"), ("top_up.topped_up_by", "top_up.topped_up_at", "top_up.reason")),
            Section(
                _("Claim"),
                ("claim.subject", "claim.payee", "claim.asked_by", "claim.approved_by"),
            ),
        ),
    ),
    Page(
        route=f"{FUND}/claims",
        title=_("Claims"),
        columns=("closed_at", "subject", "amount", "status", "needs_approval", "approved_by"),
        opens="communities/{code}/funds/{fund_id}/claims/{id}",
    ),
    Page(
        route="communities/<str:code>/fund-claims",
        title=_("Claims on funds"),
        group=Group.MONEY,
        icon="request_quote",
        rank=4,
        columns=(
            "fund_name",
            "closed_at",
            "subject",
            "amount",
            "status",
            "needs_approval",
            "asked_by",
            "approved_by",
        ),
        defaults={"awaits_approval": "true"},
        opens="communities/{code}/funds/{fund_id}/claims/{id}",
    ),
    Page(
        route=f"{FUND}/claims/<uuid:fund_claim_id>",
        title=_("Claim on a fund"),
        sections=(
            Section(
                _("Claim"),
                ("subject", "payee", "amount", "status", "needs_approval", "set_off"),
            ),
            Section(
                _("When"),
                ("closed_at", "claimed_at", "reserved_at", "frozen_at", "resolved_at"),
            ),
            Section(_("Who did it"), ("asked_by", "approved_by", "approved_at")),
            Section(_("Taken back"), ("taken_back_by", "taken_back_at", "owed"), if_told=True),
        ),
        actions=(
            Action(
                address="communities/{code}/funds/{fund_id}/claims/{id}/approval",
                title=_("Approve"),
                icon="check",
                style="primary",
                when=lambda facts: (
                    bool(facts.get("needs_approval"))
                    and facts.get("approved_at") is None
                    and facts.get("status") in ("waiting", "reserved", "unclaimed")
                ),
                confirm=_("The money may then be paid. Whoever asked for the claim cannot do it."),
            ),
            Action(
                address="communities/{code}/funds/{fund_id}/claims/{id}/recoveries",
                title=_("Record what was given back"),
                icon="undo",
                when=lambda facts: bool(facts.get("owed")),
            ),
        ),
    ),
)

# --- rewards in money -------------------------------------------------------------------------
HAND_PAYMENT = "communities/{code}/rewards/{id}/hand-payments/{hand_payments[0][id]}"


def _is_unconfirmed(facts: Facts) -> bool:
    newest: Facts = next(iter(facts.get("hand_payments") or ()), {})
    return bool(newest) and not (newest.get("confirmed_at") or newest.get("withdrawn_at"))


def _is_to_be_paid(facts: Facts) -> bool:
    return facts.get("state") == "reserved" and not _is_unconfirmed(facts)


REWARD_SUMS = {
    "paid": _("Paid"),
    "reserved": _("Set aside"),
    "unknown": _("At WeChat, end unknown"),
    "by_hand": _("To be paid by hand"),
    "waiting": _("Waiting for money"),
    "unclaimed": _("Went back unclaimed"),
}


def reward_figures(caller: Caller, names: Mapping[str, Any], answer: Any) -> Mapping[str, Any]:
    """Add the sums of the rewards by how far they have come."""
    sums = caller.fetch(f"communities/{names['code']}/rewards/figures")
    return {
        "figures": [
            (label, one["count"], yuan(one["amount_fen"]))
            for name, label in REWARD_SUMS.items()
            if (one := sums[name])["count"]
        ]
    }


add(
    Page(
        route="communities/<str:code>/rewards",
        title=_("Rewards in money"),
        group=Group.MONEY,
        icon="featured_seasonal_and_gifts",
        rank=4,
        columns=("person", "amount", "state", "is_for_wechat", "payout.status", "closed_at"),
        labels={"payout.status": _("Latest payout")},
        filters=("status", "payout", "is_for_wechat", "since", "until"),
        opens="communities/{code}/rewards/{id}",
        template="console/figures.html",
        adds=reward_figures,
    ),
    Page(
        route=REWARD,
        title=_("Reward in money"),
        named="person.name",
        sections=(
            Section(
                _("Reward"),
                ("person", "amount", "set_off", "state", "subject", "is_for_wechat"),
            ),
            Section(
                _("When"),
                ("closed_at", "claimed_at", "approved_at", "reserved_at", "resolved_at"),
            ),
            Section(
                _("Latest payout by WeChat"),
                ("payout.status", "payout.reason", "payout.ordered_at", "payout.finished_at"),
            ),
            Section(_("Payments by hand"), ("hand_payments",), if_told=True),
        ),
        actions=(
            Action(
                address="communities/{code}/rewards/{id}/payouts",
                title=_("Order the payout again"),
                icon="send",
                when=lambda facts: _is_to_be_paid(facts) and bool(facts.get("is_for_wechat")),
                confirm=_(
                    "The money is sent by WeChat; the person has to confirm it within 24 hours."
                ),
            ),
            Action(
                address="communities/{code}/rewards/{id}/hand-payments",
                title=_("Record a payment by hand"),
                icon="payments",
                when=_is_to_be_paid,
                confirm=_("Another person has to confirm that the money was handed over."),
            ),
            Action(
                address=f"{HAND_PAYMENT}/confirm",
                title=_("Confirm the payment by hand"),
                icon="check",
                style="primary",
                when=_is_unconfirmed,
                confirm=_(
                    "The reward is paid then. It cannot be taken back, and whoever recorded the"
                    " payment cannot confirm it."
                ),
            ),
            Action(
                address=f"{HAND_PAYMENT}/withdraw",
                title=_("Withdraw the payment by hand"),
                icon="close",
                style="danger",
                when=_is_unconfirmed,
                confirm=_("The record was an error: nobody was paid."),
            ),
        ),
        files={"payouts/{payout[id]}": _("The latest payout")},
    ),
)

# --- a second person --------------------------------------------------------------------------
add(
    Page(
        route="communities/<slug:code>/increases",
        title=_("For a second person"),
        group=Group.MONEY,
        icon="group",
        rank=2,
        explains=_(
            "What raises what the community owes is done once a second person confirms it. What one"
            " person did alone within the limit can still be confirmed."
        ),
        columns=("kind", "merchant", "facts", "amount_fen", "status", "asked_by", "asked_at"),
        filters=("status", "kind"),
        defaults={"status": "pending"},
        opens="increases/{id}",
        actions=(
            Action(
                address="increases/{id}/decision",
                title=_("Confirm"),
                style="primary",
                fixed={"accept": True},
                fields=(),
                when=has_status("pending", "alone"),
                batch=True,
                confirm=_("What was asked is done at once. Whoever asked cannot confirm it."),
            ),
        ),
    ),
    Page(
        route="increases/<uuid:increase_id>",
        title=_("Increase of what is owed"),
        sections=(
            Section(
                _("What is asked"),
                ("kind", "merchant", "subject_id", "facts", "amount_fen", "status"),
            ),
            Section(_("Who did it"), ("asked_by", "asked_at", "decided_by", "decided_at")),
        ),
        actions=(
            Action(
                address="increases/{id}/decision",
                title=_("Confirm"),
                icon="check",
                style="primary",
                fixed={"accept": True},
                fields=("reason",),
                when=has_status("pending", "alone"),
                confirm=_("What was asked is done at once. Whoever asked cannot confirm it."),
            ),
            Action(
                address="increases/{id}/decision",
                title=_("Reject"),
                icon="close",
                style="danger",
                fixed={"accept": False},
                fields=("reason",),
                when=has_status("pending", "alone"),
            ),
        ),
        files={
            "offers/{subject_id}": _("The offer"),
            "wishes/{subject_id}": _("The wish"),
            "partnerships/{partnership_id}": _("The partner"),
        },
    ),
    Page(
        route="communities/<slug:code>/increase-limit",
        title=_("What one person may raise alone"),
        group=Group.MONEY,
        icon="vertical_align_top",
        rank=9,
        explains=_("The sum, within 30 days, up to which one person raises what is owed alone."),
        sections=(Section(_("Limit"), ("alone_limit_fen",)),),
        actions=(
            Action(
                address="communities/{code}/increase-limit",
                title=_("Set the limit"),
                icon="edit",
                method="put",
                confirm=_(
                    "A lower limit counts at once, a higher one once another manager confirms it."
                ),
            ),
        ),
    ),
)
