"""The auditor's workbench: the books down to the arithmetic, verifications, samples, the trail."""

import json
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.api.labels import label_of
from backend.top.calls import Caller
from backend.top.console.pages import (
    Action,
    Facts,
    Group,
    Page,
    Related,
    Section,
    Text,
    add,
    has_status,
)
from backend.top.console.values import Reader, clock_of, figure, link_to
from backend.top.console.words import UNITS
from points.kinds import AccountKind
from points.ledger.selectors import Cause
from points.rules.services import ONE

BOOKS = "communities/<str:code>"
TRIAL = f"{BOOKS}/trial-balance"
VERIFICATION = f"{BOOKS}/verifications/<uuid:verification_id>"
MOMENT = ("day", "at")  # the parameters of a trial balance
TRANSFER = (
    *("occurred_at", "posted_at", "amount", "unit", "reason_words"),
    *("debit.kind", "credit.kind", "event.words"),
)
FIGURES = ("debits", "credits", "balance")
OCCURRED = tuple(f"occurred_{name}" for name in FIGURES)

# Where the page of what an event names is.
EVENTS: Mapping[str, tuple[Text, str]] = {
    "attendance_id": (_("Attendance"), "attendances/{id}"),
    "campaign_id": (_("Campaign"), "campaigns/{id}"),
    "fund_id": (_("Fund"), "communities/{code}/funds/{id}"),
    "redemption_id": (_("Redemption"), "redemptions/{id}"),
    "report_id": (_("Report"), "reports/{id}"),
    "statement_id": (_("Statement"), "statements/{id}"),
    "wish_id": (_("Wish"), "wishes/{id}"),
}


def _saved(answer: Any) -> str:
    """Return a link that saves an answer as the API gives it, for a script that checks it."""
    return f"data:application/json;charset=utf-8,{quote(json.dumps(answer, ensure_ascii=False))}"


def _saves(name: str) -> Any:
    def adds(caller: Caller, names: Facts, answer: Any) -> Facts:
        return {"saved": _saved(answer), "saved_as": f"{name}.json"}

    return adds


# --- the trial balance ------------------------------------------------------------------------
def _trial_balance(caller: Caller, names: Facts, answer: Any) -> Facts:
    """Return the lines by unit, each a way down, and the groups that set the reckonings apart."""
    asked = {name: caller.request.GET[name] for name in MOMENT if caller.request.GET.get(name)}
    here = f"communities/{names['code']}/trial-balance"
    today = timezone.now().astimezone(clock_of(names["code"])).date()
    return {
        "day": asked.get("day", ""),
        "days": list(_ends(today)),
        "units": [_unit(one, answer, here, asked) for one in answer["sums"]],
        "apart": [_apart(one, here, asked) for one in answer["apart"]],
        "files": [
            (link_to(f"{here}{address}.{ending}") + _query(asked), words)
            for address, ending, words in (
                ("", "xlsx", _("This page as XLSX")),
                ("", "csv", _("as CSV")),
                ("/accounts", "xlsx", _("All accounts as XLSX")),
                ("/accounts", "csv", _("as CSV")),
            )
        ],
    }


def _ends(today: date) -> Iterator[tuple[str, Text]]:
    """Yield days on which books are closed, each with its words."""
    last_month = today.replace(day=1) - timedelta(days=1)
    yield last_month.isoformat(), _("End of last month")
    yield f"{today.year - 1}-12-31", _("End of last year")


def _unit(summed: Facts, answer: Facts, here: str, asked: Mapping[str, str]) -> Facts:
    unit = summed["unit"]
    return {
        "words": UNITS[unit],
        "sum": _figures(summed),
        "is_right": summed["balance"] == 0 == summed["occurred_balance"],
        "lines": [
            {
                "words": _account(line["kind"]),
                "accounts": line["accounts"],
                "figures": _figures(line),
                "link": link_to(f"{here}/accounts")
                + _query({"kind": line["kind"], "unit": unit, **asked}),
            }
            for line in answer["lines"]
            if line["unit"] == unit
        ],
    }


def _figures(row: Facts) -> list[str]:
    return [
        figure(row[name], name, row["unit"])
        for name in (*FIGURES, *OCCURRED, "occurred_difference")
    ]


def _apart(group: Facts, here: str, asked: Mapping[str, str]) -> Facts:
    by = {name: group[name] for name in ("cause", "unit", "debit_kind", "credit_kind", "reason")}
    return {
        "cause": label_of(group["cause"], dict(Cause.choices)),
        "debit": _account(group["debit_kind"]),
        "credit": _account(group["credit_kind"]),
        "reason": group["reason_words"],
        "transfers": group["transfers"],
        "amount": figure(group["amount"], "amount", group["unit"]),
        "link": link_to(f"{here}/transfers") + _query({**by, **asked}),
    }


def _account(kind: str) -> str:
    return label_of(kind, dict(AccountKind.choices))


def _query(asked: Mapping[str, str]) -> str:
    return f"?{urlencode(asked)}" if asked else ""


# --- one transfer -----------------------------------------------------------------------------
def _chain(caller: Caller, names: Facts, transfer: Any) -> Facts:
    """Return what leads from a transfer to its event, award, rule, arithmetic, trail and proof."""
    code = names["code"]
    reader = Reader(clock_of(code))
    here = f"communities/{code}"
    version = transfer["rule_version"]
    event, why = transfer["event"], transfer["explanation"]
    proof = caller.read(f"{here}/transfers/{transfer['id']}/proof")
    trail = f"{here}/audit-entries"
    return {
        "sides": [
            (words, side, _account(side["kind"]), link_to(f"{here}/accounts/{side['id']}"))
            for words, side in ((_("From"), transfer["debit"]), (_("To"), transfer["credit"]))
        ],
        "opens": list(_opened(caller, code, event)),
        "trail": event
        and caller.may("get", trail)
        and link_to(trail) + _query({"target_id": transfer["source"].partition(":")[2]}),
        "version": version
        and link_to(
            f"communities/{version['place']['code']}/rules/{version['rule_id']}"
            f"/versions/{version['number']}"
        ),
        "parameters": version and reader.pairs(version["parameters"]),
        "numbers": [
            (words, reader.pairs(_in_minutes(why[name])))
            for name, words in (
                ("inputs", _("What counts of the record")),
                ("arithmetic", _("The numbers")),
                ("expiry", _("How long the points last")),
            )
            if why.get(name)
        ],
        "taken_back": transfer["reversals"]
        and link_to(f"{here}/transfers") + _query({"reverses": transfer["id"]}),
        "takes_back": transfer["reverses"]
        and link_to(f"{here}/transfers/{transfer['reverses']['id']}"),
        "proof": proof.data if proof.is_good else None,
        "unproved": "" if proof.is_good else proof.data["title"],
        "is_broken": not proof.is_good and proof.data["code"] != "not_sealed_yet",
        "receipt": link_to(f"{here}/transfers/{transfer['id']}/proof"),
        "head": proof.is_good and link_to(f"{here}/seals/{proof.data['seal']['number']}"),
    }


def _in_minutes(steps: Facts) -> Facts:
    """Return the steps with weighted minutes as such, not in ten-thousandths."""
    weighted = steps.get("weighted_minutes_bp")
    told = {name: value for name, value in steps.items() if name != "weighted_minutes_bp"}
    return told if weighted is None else told | {"weighted_minutes": weighted / ONE}


def _opened(caller: Caller, code: str, event: Any) -> Iterator[tuple[Text, str]]:
    for name, pk in (event or {"ids": {}})["ids"].items():
        words, address = EVENTS.get(name, ("", ""))
        if address and caller.may("get", address.format(id=pk, code=code)):
            yield words, link_to(address, {"id": pk, "code": code})


def _receipt(caller: Caller, names: Facts, receipt: Any) -> Facts:
    leaf = json.loads(receipt["leaf"])
    return {
        "saved": _saved(receipt),
        "saved_as": f"receipt-{leaf['id']}.json",
        "head": link_to(f"communities/{names['code']}/seals/{receipt['seal']['number']}"),
        "heads": link_to(f"communities/{names['code']}/seals"),
        "leaf": Reader(clock_of(names["code"])).pairs(leaf),
    }


# --- verifications and samples ----------------------------------------------------------------
UNDER_WAY = has_status("waiting", "running")
IS_OPEN = has_status("open")


def _progress(caller: Caller, names: Facts, verification: Any) -> Facts:
    return {"is_under_way": UNDER_WAY(verification)}


def _of_row(caller: Caller, names: Facts, finding: Any) -> Facts:
    """Return where to look before words are written under a finding."""
    here = f"communities/{finding['community']['code']}"
    may = {
        _("Other findings of the same row"): (f"{here}/findings", "row"),
        _("Who did what to it"): (f"{here}/audit-entries", "target_id"),
    }
    looks = [
        (words, link_to(address) + _query({name: finding["row"]}))
        for words, (address, name) in may.items()
        if caller.may("get", address)
    ]
    if finding["table"] == "points_transfer":
        looks.append((_("The transfer"), link_to(f"{here}/transfers/{finding['row']}")))
    if finding["table"] == "points_account":
        looks.append((_("The account"), link_to(f"{here}/accounts/{finding['row']}")))
    return {"looks": looks}


def _evidence(caller: Caller, names: Facts, item: Any) -> Facts:
    """Return the evidence of an item, part by part, with the ways to the transfers."""
    sample = caller.fetch(f"samples/{names['sample_id']}")
    code, evidence = sample["community"]["code"], item["evidence"]
    if evidence is None:
        return {"sample": sample}
    reader = Reader(clock_of(code))
    parts = {
        "basis": _("Rule or terms"),
        "arithmetic": _("The numbers"),
        "more": _("What else the row says"),
        "passing": _("What comes and goes"),
    }
    return {
        "sample": sample,
        "back": link_to(f"samples/{names['sample_id']}"),
        "parts": [(words, reader.pairs(evidence[n])) for n, words in parts.items() if evidence[n]],
        "moved": [
            (
                link_to(f"communities/{code}/transfers/{one['id']}"),
                figure(one["amount"], "amount", one["unit"]),
                one,
                reader.moment(one["posted_at"]),
            )
            for one in evidence["transfers"]
        ],
        "trail": [
            (
                link_to(f"communities/{code}/audit-entries/{one['id']}"),
                reader.moment(one["at"]),
                one,
            )
            for one in item["trail"] or ()
        ],
    }


add(
    # --- the books ----------------------------------------------------------------------------
    Page(
        route=TRIAL,
        title=_("Trial balance"),
        group=Group.AUDIT,
        icon="balance",
        explains=_(
            "What each kind of account holds at the end of a day: by posting, as the ledger knew it"
            " then, and by occurrence, as it is known to have been. Debits and credits of a unit"
            " are equal."
        ),
        template="console/trial_balance.html",
        adds=_trial_balance,
    ),
    Page(
        route=f"{TRIAL}/accounts",
        title=_("Accounts at a day"),
        columns=("kind", "holder", "unit", *FIGURES, "occurred_balance", "occurred_difference"),
        opens="communities/{code}/accounts/{id}",
        filters=("day", "kind", "unit", "holder"),
    ),
    Page(
        route=f"{TRIAL}/transfers",
        title=_("Transfers that set the reckonings apart"),
        explains=_("They happened by that day and were posted after it, or the other way round."),
        columns=TRANSFER,
        opens="communities/{code}/transfers/{id}",
        filters=("day", "cause", "reason", "unit", "debit_kind", "credit_kind"),
    ),
    Page(
        route=f"{BOOKS}/accounts",
        title=_("Accounts"),
        group=Group.AUDIT,
        icon="account_balance_wallet",
        explains=_("A holder is an id, never a name: the books know nobody."),
        columns=("kind", "holder", "unit", "balance", "held", "available", "shortfall"),
        opens="communities/{code}/accounts/{id}",
    ),
    Page(
        route=f"{BOOKS}/accounts/<uuid:account_id>",
        title=_("An account"),
        labels={"opened_at": _("Account opened at")},
        sections=(
            Section(_("An account"), ("kind", "unit", "holder", "opened_at")),
            Section(_("Standing"), ("balance", "held", "available", "shortfall")),
        ),
        related=(Related("communities/{code}/accounts/{id}/transfers"),),
        files={
            "communities/{code}/accounts/{id}/transfers.xlsx": _("Statement as XLSX"),
            "communities/{code}/accounts/{id}/transfers.csv": _("as CSV"),
        },
    ),
    Page(
        route=f"{BOOKS}/accounts/<uuid:account_id>/transfers",
        title=_("What came in and went out"),
        columns=TRANSFER,
        opens="communities/{code}/transfers/{id}",
    ),
    Page(
        route=f"{BOOKS}/transfers",
        title=_("Transfers"),
        group=Group.AUDIT,
        icon="swap_horiz",
        columns=TRANSFER,
        opens="communities/{code}/transfers/{id}",
        filters=("since", "until", "kind", "reason", "key", "source"),
        files={
            "communities/{code}/transfers.xlsx": _("As XLSX"),
            "communities/{code}/transfers.csv": _("as CSV"),
        },
    ),
    Page(
        route=f"{BOOKS}/transfers/<uuid:transfer_id>",
        title=_("A transfer"),
        sections=(
            Section(
                _("What moved"),
                ("amount", "unit", "reason_words", "occurred_at", "posted_at", "source", "key"),
            ),
        ),
        template="console/transfer.html",
        adds=_chain,
    ),
    Page(
        route=f"{BOOKS}/transfers/<uuid:transfer_id>/proof",
        title=_("Receipt of a transfer"),
        sections=(Section(_("The head it is in"), ("head", "seal", "index")),),
        template="console/receipt.html",
        adds=_receipt,
    ),
    # --- verifications ------------------------------------------------------------------------
    Page(
        route=f"{BOOKS}/verifications",
        title=_("Verifications"),
        group=Group.AUDIT,
        icon="verified",
        explains=_(
            "Each night everything new is read and held against all that other rows say of it."
            " Start one whenever you want: it locks nothing, and its result is kept."
        ),
        columns=(
            *("asked_at", "kind", "is_whole", "status"),
            *("findings_count", "new_findings_count", "asked_by"),
        ),
        opens="communities/{code}/verifications/{id}",
        actions=(
            Action(
                address="communities/{code}/verifications",
                title=_("Start a verification"),
                icon="play_arrow",
                style="primary",
                opens="communities/{code}/verifications/{id}",
            ),
        ),
    ),
    Page(
        route=VERIFICATION,
        title=_("Verification"),
        sections=(
            Section(
                _("Result"),
                ("kind", "status", "is_whole", "findings_count", "new_findings_count"),
            ),
            Section(
                _("Course"),
                (
                    *("asked_at", "asked_by", "started_at", "finished_at", "stopped_by"),
                    *("seal", "head"),
                ),
            ),
        ),
        template="console/verification.html",
        adds=_progress,
        actions=(
            Action(
                address="verifications/{id}/stop",
                title=_("Stop"),
                style="danger",
                when=UNDER_WAY,
                confirm=_("It ends within seconds. What it has found so far is kept."),
            ),
        ),
        related=(Related("communities/{code}/verifications/{id}/findings"),),
    ),
    Page(
        route=f"{VERIFICATION}/findings",
        title=_("What stood when it ran"),
        columns=("found_at", "check", "because", "status"),
        opens="findings/{id}",
    ),
    Page(
        route=f"{BOOKS}/findings",
        title=_("Findings"),
        group=Group.AUDIT,
        icon="troubleshoot",
        explains=_(
            "Rows that contradict others. Each stays open until somebody signs it off with words"
            " that a stranger understands in a year."
        ),
        columns=("found_at", "kind", "check", "because", "gone_since", "status"),
        opens="findings/{id}",
        defaults={"status": "open"},
        filters=("text", "status", "kind", "check", "is_gone", "since", "until", "row"),
        files={
            "communities/{code}/findings.xlsx": _("As XLSX"),
            "communities/{code}/findings.csv": _("as CSV"),
        },
    ),
    Page(
        route="findings/<uuid:finding_id>",
        title=_("Finding"),
        named="check",
        sections=(
            Section(_("What is wrong"), ("because", "table", "row", "found_at", "gone_since")),
            Section(_("What holds otherwise"), ("promise",)),
            Section(_("What to do"), ("advice",)),
            Section(_("Sign-off"), ("status", "words", "signed_off_by", "signed_off_at")),
        ),
        template="console/finding.html",
        adds=_of_row,
        actions=(
            Action(
                address="findings/{id}/sign-off",
                title=_("Sign off"),
                style="primary",
                when=IS_OPEN,
                confirm=_("A signature is final: nobody can change or delete it."),
            ),
        ),
    ),
    # --- samples ------------------------------------------------------------------------------
    Page(
        route="communities/<slug:code>/samples",
        title=_("Samples"),
        group=Group.AUDIT,
        icon="casino",
        explains=_(
            "Chance picks what is looked into, so that nobody does. A sample cannot be deleted, and"
            " once signed off it never changes."
        ),
        columns=("drawn_at", "subject", "since", "until", "size_asked", "marks", "signed_off_at"),
        opens="samples/{id}",
        actions=(
            Action(
                address="communities/{code}/samples",
                title=_("Draw a sample"),
                icon="casino",
                style="primary",
                opens="samples/{id}",
            ),
        ),
    ),
    Page(
        route="samples/<uuid:sample_id>",
        title=_("Sample"),
        sections=(
            Section(
                _("How it was drawn"),
                (
                    *("subject", "since", "until", "population", "size_asked", "seed"),
                    *("is_seed_given", "drawn_by", "drawn_at", "head_number", "head"),
                ),
            ),
            Section(_("What was found"), ("marks", "conclusion")),
            Section(_("Sign-off"), ("signed_off_by", "signed_off_at", "digest")),
        ),
        actions=(
            Action(
                address="samples/{id}/sign-off",
                title=_("Sign off"),
                style="primary",
                when=lambda facts: facts.get("signed_off_at") is None,
                confirm=_("Nothing of the sample can be changed afterwards."),
            ),
        ),
        related=(Related("samples/{id}/items"),),
        files={
            "samples/{id}/items.xlsx": _("The sample as XLSX"),
            "samples/{id}/draw.csv": _("All that it was drawn from, as CSV"),
        },
    ),
    Page(
        route="samples/<uuid:sample_id>/items",
        title=_("Items"),
        columns=(
            *("position", "evidence.at", "evidence.what", "evidence.person", "evidence.points"),
            *("evidence.amount_fen", "has_changed", "mark"),
        ),
        opens="samples/{sample_id}/items/{id}",
    ),
    Page(
        route="samples/<uuid:sample_id>/items/<uuid:item_id>",
        title=_("Item of a sample"),
        named="evidence.what",
        sections=(
            Section(
                _("Evidence"),
                (
                    *("evidence.at", "evidence.what", "evidence.person", "evidence.points"),
                    *("evidence.amount_fen", "has_changed", "subject_id"),
                ),
            ),
            Section(_("Mark"), ("mark", "note", "marked_by", "marked_at")),
        ),
        template="console/sample_item.html",
        adds=_evidence,
        actions=(
            Action(
                address="samples/{sample_id}/items/{id}",
                method="put",
                title=_("Mark"),
                style="primary",
            ),
        ),
    ),
    # --- seals and the trail ------------------------------------------------------------------
    Page(
        route=f"{BOOKS}/seals",
        title=_("Seals"),
        group=Group.AUDIT,
        icon="lock",
        explains=_(
            "Each head seals a batch of rows and the head before it. Keep this page where nobody"
            " who runs the system can change it: whatever is changed afterwards will not fit it."
        ),
        columns=("number", "sealed_at", "size", "head"),
        opens="communities/{code}/seals/{number}",
        template="console/seals.html",
        adds=_saves("heads"),
    ),
    Page(
        route=f"{BOOKS}/seals/<int:number>",
        title=_("A seal"),
        named="number",
        sections=(Section("", ("number", "sealed_at", "size", "head", "previous", "root")),),
    ),
    Page(
        route=f"{BOOKS}/audit-entries",
        title=_("Audit trail"),
        group=Group.AUDIT,
        icon="history",
        explains=_("Who did what to what, written with the act itself and sealed."),
        columns=("at", "actor", "action", "target_type", "target_id"),
        opens="communities/{code}/audit-entries/{id}",
        filters=(
            *("text", "since", "until", "actor", "action", "target_type", "target_id"),
            "request_id",
        ),
        files={
            "communities/{code}/audit-entries.xlsx": _("As XLSX"),
            "communities/{code}/audit-entries.csv": _("as CSV"),
        },
    ),
    Page(
        route=f"{BOOKS}/audit-entries/<uuid:entry_id>",
        title=_("Act"),
        named="action",
        sections=(
            Section(_("Act"), ("at", "actor", "action", "target_type", "target_id", "request_id")),
            Section(_("What changed"), ("before", "after")),
        ),
        files={"communities/{code}/audit-entries/{id}/proof": _("Proof that it is sealed")},
        related=(Related("communities/{code}/audit-entries?target_id={target_id}"),),
    ),
    Page(
        route=f"{BOOKS}/audit-entries/<uuid:entry_id>/proof",
        title=_("Receipt of an act"),
        sections=(Section(_("The head it is in"), ("head", "seal", "index")),),
        template="console/receipt.html",
        adds=_receipt,
    ),
)
