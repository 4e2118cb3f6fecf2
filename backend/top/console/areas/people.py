"""People: members and requests to join, records of people, and what two decide about them."""

from typing import Any

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

PLACE = "communities/<str:code>"
PERSON = "communities/{code}/people/{id}"
RECORD = "communities/{community[code]}/people/{user[id]}"


def _is_in_force(facts: Facts) -> bool:
    return bool(facts.get("is_in_force"))


def _owes_code(facts: Facts) -> bool:
    return bool(facts.get("second_factor_required"))


MEANINGS = {  # of conflicts, for the two who decide
    "merged_already": _("One of the two was merged or erased already."),
    "holds_a_role": _("The record that ends is staff, manager, auditor or owner: end that first."),
    "suspended": _("The record that ends is suspended, and a merge lifts no suspension."),
    "erasure_asked": _("One of the two asked to be erased."),
    "birthdays_differ": _("They told different birthdays."),
    "guardian_of_each_other": _("One of them is the other's guardian."),
    "at_two_places": _("Both were on record at one time. Void what is wrong."),
    "decided_each_other": _("One of them decided about the other. Void it, so that others do."),
    "payout_pending": _("Money is on its way to the record that ends."),
    "community_moved": _("They belong to a community that has moved to another installation."),
    "names_differ": _("Their names differ."),
    "works_for_both": _("Both work for one merchant; one job ends."),
    "under_way": _("Vouchers, shifts or wishes of the record that ends are under way: they end."),
}


def _conflicts(caller: Caller, names: Facts, answer: Any) -> Facts:
    """Tell in words what stands against a merge, once for each kind, before what is told only."""
    found = {one["code"]: one["stands_against"] for one in (answer or {}).get("conflicts", ())}
    against_first = sorted(found, key=lambda code: not found[code])
    return {"conflicts": [(MEANINGS[code], found[code]) for code in against_first]}


def _holds(facts: Facts) -> bool:
    return facts.get("ended_at") is None


def _is_here(facts: Facts) -> bool:
    return facts.get("left_at") is None


def _pays(facts: Facts) -> bool:
    return not facts.get("is_blocked")


CARD = {"reason": _("Why it is blocked")}  # of a printed card
NAMED = {"name": _("Name")}  # of a person; other things are called something


# --- people -----------------------------------------------------------------------------------
add(
    Page(
        route=f"{PLACE}/people",
        title=_("People of the place"),
        group=Group.PEOPLE,
        icon="contacts",
        rank=2,
        explains=_("Everybody who holds or held a role here. Find somebody by part of their name."),
        columns=("name", "phone", "is_suspended"),
        labels=NAMED,
        opens=PERSON,
        filters=("text", "is_suspended"),
    ),
    Page(
        route=f"{PLACE}/people/<uuid:user_id>",
        title=_("Person"),
        named="name",
        labels={**NAMED, "minutes": _("Minutes worked")},
        sections=(
            Section(
                _("Personal record"),
                (
                    *("name", "phone", "has_wechat", "joined_at", "minutes", "merged_records"),
                    *("is_suspended", "second_factor_required"),
                    *("is_child", "guardian_is_missing"),
                ),
            ),
            Section(_("Roles"), ("roles",)),
            Section(_("Suspensions"), ("suspensions",), if_told=True),
            Section(_("Guardians"), ("guardianships",), if_told=True),
        ),
        actions=(
            Action(
                address=f"{PERSON}/log-in-changes",
                title=_("Change phone or WeChat"),
                icon="phonelink_setup",
                opens="log-in-changes/{id}",
                confirm=_(
                    "For somebody who lost theirs. A second person has to confirm it, and the"
                    " person is told now and then."
                ),
            ),
            Action(
                address=f"{PERSON}/log-in-links",
                title=_("Make a link to log in with"),
                icon="qr_code_2",
                opens="log-in-links/{id}",
                confirm=_(
                    "For somebody who can not log in by themselves. Whoever has the link is that"
                    " person, so hand it to nobody else. It is good once, for three days, and they"
                    " are told."
                ),
            ),
            Action(
                address=f"{PERSON}/merges",
                title=_("Merge into another record"),
                icon="merge",
                choices={"kept_id": Choices(f"{PERSON}/alike", label="name phone")},
                opens="merges/{id}",
                confirm=_(
                    "This record ends, and the one you choose goes on. Nothing happens before a"
                    " second person confirms it."
                ),
            ),
            Action(
                address=f"{PERSON}/suspensions",
                title=_("Suspend this person"),
                icon="block",
                style="danger",
                opens="suspensions/{id}",
                confirm=_(
                    "They see their points, fetch their data and leave, and do nothing else here."
                    " Shifts to come, vouchers and places in teams end at once."
                ),
            ),
            Action(
                address=f"{PERSON}/reset-authenticator",
                title=_("Reset the authenticator"),
                icon="lock_reset",
                when=_owes_code,
                confirm=_(
                    "For a phone that is lost. All their log-ins end, and they set up another"
                    " authenticator at the next."
                ),
            ),
        ),
        related=(Related(f"{PERSON}/alike", if_any=True),),
    ),
    Page(
        route=f"{PLACE}/people/<uuid:user_id>/alike",
        title=_("People with a name like this"),
        columns=("name", "phone", "is_suspended"),
        labels=NAMED,
        opens=PERSON,
        filters=("text", "is_suspended"),
    ),
    Page(
        route=f"{PLACE}/members",
        title=_("Roles held"),
        columns=("user", "role", "since_at"),
        opens="communities/{code}/people/{user[id]}",
        filters=("text", "role"),
    ),
)

# --- volunteers -------------------------------------------------------------------------------
add(
    Page(
        route=f"{PLACE}/volunteers",
        title=_("Volunteers"),
        group=Group.PEOPLE,
        icon="volunteer_activism",
        rank=3,
        columns=("user", "kind", "estate", "skills", "attended", "no_shows", "enrolled_at"),
        opens="volunteers/{id}",
        filters=("text", "kind", "skill", "has_left", "has_missed"),
        defaults={"has_left": "false"},
    ),
    Page(
        route="volunteers/<uuid:volunteer_id>",
        title=_("Volunteer"),
        named="user.name",
        files={RECORD: _("Open the record of the person")},
        sections=(
            Section(
                _("Volunteer"),
                (
                    *("user", "community", "kind", "estate", "skills"),
                    *("enrolled_at", "left_at", "attended", "no_shows"),
                ),
            ),
        ),
        actions=(
            Action(
                address="volunteers/{id}",
                title=_("What they can help with"),
                icon="edit",
                method="patch",
                initial={"skills": "skills"},
                when=_is_here,
            ),
            Action(
                address="communities/{community[code]}/cards",
                title=_("Issue a card"),
                icon="credit_card",
                choices={
                    "volunteer_id": Choices(
                        "volunteers/{id}", "user.name user.phone", "user.id", within=""
                    )
                },
                initial={"volunteer_id": "user.id"},
                when=_is_here,
                shows=True,
                template="console/card.html",
                confirm=_(
                    "For somebody without a phone who asked for it. You print the card and its PIN;"
                    " a card that they have already is blocked."
                ),
            ),
        ),
        related=(Related("communities/{community[code]}/cards?volunteer={user[id]}", if_any=True),),
    ),
    Page(
        route="communities/<slug:code>/cards",
        title=_("Printed cards"),
        group=Group.PEOPLE,
        icon="credit_card",
        rank=5,
        explains=_(
            "Cards of volunteers without a phone. A card is issued on the page of the volunteer."
        ),
        columns=("volunteer", "issued_at", "issued_by", "is_blocked", "reason"),
        labels=CARD,
        opens="cards/{id}",
        filters=("is_blocked",),
        defaults={"is_blocked": "false"},
    ),
    Page(
        route="cards/<uuid:card_id>",
        title=_("Printed card"),
        named="volunteer.name",
        labels=CARD,
        sections=(
            Section(
                _("Printed card"),
                ("volunteer", "community", "limit_points", "issued_at", "issued_by", "wrong_pins"),
            ),
            Section(_("Blocked"), ("reason", "blocked_at", "blocked_by"), if_told=True),
        ),
        actions=(
            Action(
                address="cards/{id}/block",
                title=_("Block the card"),
                icon="block",
                style="danger",
                when=_pays,
                confirm=_("For good: it pays nothing any more, and the volunteer is told."),
            ),
        ),
    ),
    Page(
        route="communities/<slug:code>/card-limit",
        title=_("What a card pays a day"),
        group=Group.PEOPLE,
        icon="speed",
        rank=9,
        explains=_("Cards are for small things: all cards of one volunteer together pay so much."),
        sections=(Section(_("Limit"), ("card_limit_points",)),),
        actions=(
            Action(
                address="communities/{code}/card-limit",
                title=_("Set the limit"),
                icon="edit",
                method="put",
            ),
        ),
    ),
    Page(
        route=f"{PLACE}/join-requests",
        title=_("Requests to join"),
        group=Group.PEOPLE,
        icon="person_add",
        rank=1,
        columns=("user", "kind", "estate", "asked_at", "status"),
        opens="join-requests/{id}",
        filters=("text", "status", "since", "until"),
        defaults={"status": "pending"},
        actions=(
            Action(
                address="join-requests/{id}/approve",
                title=_("Approve"),
                icon="check",
                style="primary",
                when=has_status("pending"),
                batch=True,
            ),
            Action(
                address="join-requests/{id}/reject",
                title=_("Reject"),
                style="danger",
                fields=("reason",),
                when=has_status("pending"),
                batch=True,
            ),
        ),
    ),
    Page(
        route="join-requests/<uuid:join_request_id>",
        title=_("Request to join"),
        named="user.name",
        files={RECORD: _("Open the record of the person")},
        sections=(
            Section(
                _("Request to join"),
                ("user", "community", "kind", "estate", "asked_at", "status"),
            ),
            Section(_("Decision"), ("decided_at", "decided_by", "reason"), if_told=True),
        ),
        actions=(
            Action(
                address="join-requests/{id}/approve",
                title=_("Approve"),
                icon="check",
                style="primary",
                when=has_status("pending"),
            ),
            Action(
                address="join-requests/{id}/reject",
                title=_("Reject"),
                style="danger",
                fields=("reason",),
                when=has_status("pending"),
            ),
        ),
    ),
    Page(
        route=f"{PLACE}/cell-members",
        title=_("Grid cells"),
        group=Group.PEOPLE,
        icon="grid_view",
        explains=_("Who leads a cell, works in it or helps. Its reports go to the worker."),
        columns=("user", "function", "estate", "since_at", "ended_at"),
        opens="cell-members/{id}",
        filters=("estate", "function", "has_ended"),
        defaults={"has_ended": "false"},
        actions=(
            Action(
                address="communities/{code}/cell-members",
                title=_("Name somebody"),
                icon="add",
                style="primary",
                choices={
                    "user_id": Choices(
                        "communities/{code}/volunteers", "user.name user.phone", "user.id"
                    ),
                },
            ),
        ),
    ),
    Page(
        route="cell-members/<uuid:cell_member_id>",
        title=_("Function in a cell"),
        named="user.name",
        sections=(
            Section(
                _("Function in a cell"),
                ("user", "function", "estate", "community", "since_at", "ended_at"),
            ),
        ),
        actions=(
            Action(
                address="cell-members/{id}/end",
                title=_("End"),
                style="danger",
                when=_holds,
                confirm=_("It stays on record. Their open reports stay with them."),
            ),
        ),
    ),
)

# --- what two decide --------------------------------------------------------------------------
add(
    Page(
        route=f"{PLACE}/log-in-changes",
        title=_("Changed log-ins"),
        group=Group.PEOPLE,
        icon="phonelink_setup",
        rank=7,
        explains=_("Another number or WeChat for somebody who lost theirs, by two people."),
        columns=("user", "has_phone", "ends_wechat", "proposed_by", "expires_at", "status"),
        opens="log-in-changes/{id}",
        filters=("status",),
        defaults={"status": "proposed"},
    ),
    Page(
        route="log-in-changes/<uuid:log_in_change_id>",
        title=_("Changed log-in"),
        named="user.name",
        files={RECORD: _("Open the record of the person")},
        sections=(
            Section(
                _("Proposal"),
                (
                    *("user", "has_phone", "phone", "ends_wechat", "seen_by", "reason"),
                    *("proposed_by", "proposed_at", "expires_at", "status"),
                ),
            ),
            Section(_("Decision"), ("decided_by", "decided_at"), if_told=True),
        ),
        actions=(
            Action(
                address="log-in-changes/{id}/confirm",
                title=_("Confirm"),
                icon="check",
                style="primary",
                when=has_status("proposed"),
                confirm=_("All log-ins of this person end, and they are told."),
            ),
            Action(
                address="log-in-changes/{id}/reject",
                title=_("Reject or take back"),
                when=has_status("proposed"),
            ),
        ),
    ),
    Page(
        route="log-in-links/<uuid:log_in_link_id>",
        title=_("Link to log in with"),
        named="user.name",
        labels={"invited_at": _("Made at"), "accepted_at": _("Used at")},
        files={"communities/{place[code]}/people/{user[id]}": _("Open the record of the person")},
        template="console/log_in_link.html",
        sections=(
            Section(
                _("Link to log in with"),
                ("user", "place", "status", "invited_at", "expires_at", "accepted_at"),
            ),
        ),
        actions=(
            Action(
                address="log-in-links/{id}/revoke",
                title=_("Make it good no more"),
                style="danger",
                when=has_status("pending"),
            ),
        ),
    ),
    Page(
        route=f"{PLACE}/merges",
        title=_("Merged records"),
        group=Group.PEOPLE,
        icon="merge",
        rank=7,
        explains=_("Two records of one person become one, by two people. It can not be undone."),
        columns=("merged", "kept", "proposed_by", "expires_at", "status"),
        opens="merges/{id}",
        filters=("status",),
        defaults={"status": "proposed"},
    ),
    Page(
        route="merges/<uuid:merge_id>",
        title=_("Merge of two records"),
        named="kept.name",
        sections=(
            Section(
                _("Proposal"),
                (
                    *("merged", "kept", "community", "seen_by", "reason"),
                    *("proposed_by", "proposed_at", "expires_at", "status"),
                ),
            ),
            Section(_("Decision"), ("decided_by", "decided_at"), if_told=True),
            Section(_("What each record has"), ("figures",), if_told=True),
        ),
        actions=(
            Action(
                address="merges/{id}/confirm",
                title=_("Merge for good"),
                icon="merge",
                style="danger",
                when=has_status("proposed"),
                confirm=_(
                    "This can not be undone. The record that ends logs in no more; its log-ins,"
                    " roles and points go to the other one, and its hours stay as history."
                ),
            ),
            Action(
                address="merges/{id}/reject",
                title=_("Reject or take back"),
                when=has_status("proposed"),
            ),
        ),
        template="console/merge.html",
        adds=_conflicts,
    ),
    Page(
        route=f"{PLACE}/suspensions",
        title=_("Suspensions"),
        group=Group.PEOPLE,
        icon="block",
        rank=6,
        columns=("user", "is_everywhere", "since_at", "ends_at", "is_in_force"),
        opens="suspensions/{id}",
        filters=("is_in_force",),
        defaults={"is_in_force": "true"},
    ),
    Page(
        route="suspensions/<uuid:suspension_id>",
        title=_("Suspension"),
        named="user.name",
        files={RECORD: _("Open the record of the person")},
        sections=(
            Section(
                _("Suspension"),
                (
                    *("user", "community", "is_everywhere", "reason", "since_at", "ends_at"),
                    *("is_in_force", "suspended_by", "lifted_at", "lifted_by"),
                ),
            ),
        ),
        actions=(
            Action(
                address="suspensions/{id}/lift",
                title=_("Lift"),
                icon="lock_open",
                style="primary",
                when=_is_in_force,
                confirm=_("They take part again from now on, and are told."),
            ),
        ),
    ),
)
