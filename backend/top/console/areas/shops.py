"""Partners and what they offer: contracts, offers, wishes, needs, fairs, gifts, redemptions."""

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from backend.top.calls import API, Caller
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
from merchants.catalogue.api.offers import KeptOfferSerializer
from merchants.giving.api.wishes import WatchedWishSerializer

PARTNERS = "communities/<slug:code>/partnerships"
PARTNER = "partnerships/<uuid:partnership_id>"
OFFER = "offers/<uuid:offer_id>"
CLOSED = {"closed_at": _("Closed on")}
PARTNERS_TO_CHOOSE = Choices("communities/{code}/partnerships", label="name")

ENDS = _(
    "The partnership ends for good: nothing new can be taken there. Held vouchers can still be"
    " scanned, and what is owed is settled."
)
SUSPENDS = _("Nothing new can be taken there until it starts again. Held vouchers stay good.")
FOR_A_SECOND = _("If more may be owed under it than before, a second person has to confirm it.")


def _can_end(facts: Facts) -> bool:
    return facts.get("status") in ("candidate", "contract", "active", "suspended")


def _is_open(facts: Facts) -> bool:
    return facts.get("closed_at") is None


def _lasts(facts: Facts) -> bool:
    return facts.get("ended_at") is None


def picture_of(caller: Caller, names: Facts, answer: Any) -> Facts:
    """Add where the offer's picture is; staff see it before the offer is listed."""
    address = (answer or {}).get("picture")
    return {"picture": address and address.replace(f"/{API[1:]}", settings.CONSOLE_PATH)}


CONDITIONS = (
    "title",
    "kind",
    "description",
    "price_points",
    "value_fen",
    "settled_fen",
    "starts_at",
    "valid_from",
    "valid_until",
    "limit_quantity",
    "limit_period",
    "min_hours",
    "min_stars",
    "groups",
    "min_age",
    "max_age",
    "scans_offline",
    "offline_hours",
)

# --- partners ---------------------------------------------------------------------------------
add(
    Page(
        route=PARTNERS,
        title=_("Partners"),
        group=Group.SHOPS,
        icon="storefront",
        rank=1,
        columns=(
            "name",
            "trade",
            "status",
            "terms.kind",
            "terms.fen_per_point",
            "contact_phone",
            "since_at",
        ),
        labels={"name": _("Shop")},
        opens="partnerships/{id}",
        actions=(
            Action(
                address="communities/{code}/partnerships",
                title=_("Add a partner"),
                icon="add",
                style="primary",
            ),
        ),
    ),
    Page(
        route=PARTNER,
        title=_("Partner"),
        named="name",
        labels={"name": _("Listed as")},
        sections=(
            Section(_("Shop"), ("name", "trade", "status", "since_at", "merchant_id")),
            Section(
                _("For volunteers"),
                ("contact_phone", "address", "opening_hours", "latitude", "longitude"),
            ),
            Section(
                _("Contract today"),
                (
                    "terms.kind",
                    "terms.fen_per_point",
                    "terms.share_bp",
                    "terms.version",
                    "terms.valid_from",
                    "settlement_day",
                ),
            ),
        ),
        actions=(
            Action(
                address="partnerships/{id}",
                title=_("Edit"),
                icon="edit",
                method="patch",
            ),
            Action(
                address="partnerships/{id}/status",
                title=_("Start the partnership"),
                icon="play_arrow",
                style="primary",
                fixed={"status": "active"},
                fields=("reason",),
                when=has_status("contract", "suspended"),
            ),
            Action(
                address="partnerships/{id}/status",
                title=_("Suspend the partnership"),
                icon="pause",
                fixed={"status": "suspended"},
                fields=("reason",),
                when=has_status("active"),
                confirm=SUSPENDS,
            ),
            Action(
                address="partnerships/{id}/status",
                title=_("End the partnership"),
                icon="block",
                style="danger",
                fixed={"status": "ended"},
                fields=("reason",),
                when=_can_end,
                confirm=ENDS,
            ),
        ),
        related=(
            Related("partnerships/{id}/terms"),
            Related("communities/{community[code]}/offers?partnership={id}"),
            Related("communities/{community[code]}/statements?partnership={id}"),
            Related("partnerships/{id}/needs"),
            Related("partnerships/{id}/resources"),
            Related("partnerships/{id}/invitations"),
        ),
        files={"partnerships/{id}/shop-code": _("The code for its counter")},
    ),
    Page(
        route=f"{PARTNER}/terms",
        title=_("Versions of the contract"),
        columns=(
            "version",
            "kind",
            "fen_per_point",
            "share_bp",
            "valid_from",
            "agreed_by",
            "withdrawn_at",
        ),
        opens="partnerships/{partnership_id}/terms/{id}",
        actions=(
            Action(
                address="partnerships/{partnership_id}/terms",
                title=_("Agree on new terms"),
                confirm=FOR_A_SECOND,
            ),
        ),
    ),
    Page(
        route=f"{PARTNER}/terms/<uuid:terms_id>",
        title=_("Version of the contract"),
        sections=(
            Section(_("Terms"), ("version", "kind", "fen_per_point", "share_bp", "valid_from")),
            Section(_("Who did it"), ("agreed_by", "agreed_at", "withdrawn_by", "withdrawn_at")),
        ),
        actions=(
            Action(
                address="partnerships/{partnership_id}/terms/{id}/withdraw",
                title=_("Withdraw the terms"),
                style="danger",
                when=lambda facts: facts.get("withdrawn_at") is None,
                confirm=_("These terms never count, and others may begin in their place."),
            ),
        ),
    ),
    Page(
        route=f"{PARTNER}/invitations",
        title=_("Invitations of its owner"),
        columns=("role", "status", "invited_by", "invited_at", "expires_at", "accepted_by"),
        actions=(
            Action(
                address="partnerships/{partnership_id}/invitations",
                title=_("Invite the owner"),
                confirm=_(
                    "You get a code that is good for one person, for three days. Whoever enters it"
                    " owns the shop, and invites everybody else who works there."
                ),
                shows=True,
            ),
        ),
    ),
    Page(
        route=f"{PARTNER}/shop-code",
        title=_("The code for its counter"),
        named="name",
        template="console/shop_code.html",
    ),
)

# --- offers -----------------------------------------------------------------------------------
add(
    Page(
        route="communities/<slug:code>/offers",
        title=_("Offers"),
        group=Group.SHOPS,
        icon="redeem",
        rank=2,
        columns=("title", "merchant", "kind", "price_points", "settled_fen", "stock", "status"),
        opens="offers/{id}",
        actions=(
            Action(
                address="communities/{code}/offers",
                title=_("Propose an offer"),
                icon="add",
                style="primary",
                choices={"partnership_id": PARTNERS_TO_CHOOSE},
                confirm=_("Another member of staff lists it."),
            ),
            Action(
                address="offers/{id}/decision",
                title=_("Put on the list"),
                style="primary",
                fixed={"accept": True},
                fields=(),
                when=has_status("proposed"),
                batch=True,
            ),
            Action(
                address="offers/{id}/decision",
                title=_("Reject"),
                style="danger",
                fixed={"accept": False},
                fields=("reason",),
                when=has_status("proposed"),
                batch=True,
            ),
        ),
    ),
    Page(
        route=OFFER,
        title=_("Offer"),
        named="title",
        template="console/offer.html",
        shape=KeptOfferSerializer,
        adds=picture_of,
        sections=(
            Section(
                _("What it is"),
                ("merchant", "kind", "description", "status", "code", "starts_at", "stock"),
            ),
            Section(_("Price"), ("price_points", "value_fen", "settled_fen")),
            Section(
                _("For whom and when"),
                (
                    "valid_from",
                    "valid_until",
                    "limit_quantity",
                    "limit_period",
                    "min_hours",
                    "min_stars",
                    "groups",
                    "min_age",
                    "max_age",
                    "scans_offline",
                    "offline_hours",
                ),
            ),
            Section(_("Who did it"), ("proposed_by", "decided_by", "decided_at")),
        ),
        actions=(
            Action(
                address="offers/{id}/decision",
                title=_("Put on the list"),
                icon="check",
                style="primary",
                fixed={"accept": True},
                fields=(),
                when=has_status("proposed"),
                confirm=_("Volunteers can spend points on it from now on."),
            ),
            Action(
                address="offers/{id}/decision",
                title=_("Reject"),
                icon="close",
                style="danger",
                fixed={"accept": False},
                fields=("reason",),
                when=has_status("proposed"),
            ),
            Action(
                address="offers/{id}/listed",
                title=_("Take off the list"),
                icon="visibility_off",
                fixed={"is_listed": False},
                fields=(),
                when=has_status("listed"),
                confirm=_("Nobody can take it any more. Held vouchers stay good."),
            ),
            Action(
                address="offers/{id}/listed",
                title=_("Put back on the list"),
                icon="visibility",
                fixed={"is_listed": True},
                fields=(),
                when=has_status("withdrawn"),
            ),
            Action(
                address="offers/{id}/conditions",
                title=_("Edit"),
                icon="edit",
                method="patch",
                initial={name: name for name in CONDITIONS},
                confirm=_(
                    "Held vouchers keep their price. What raises what is owed waits until a second"
                    " person confirms it."
                ),
            ),
            Action(address="offers/{id}/picture", title=_("Set a picture"), icon="image"),
            Action(
                address="offers/{id}/picture",
                title=_("Remove the picture"),
                method="delete",
                style="danger",
                when=lambda facts: bool(facts.get("picture")),
                confirm=_("The picture is deleted."),
            ),
        ),
        related=(Related("offers/{id}/stock"), Related("offers/{id}/prices")),
    ),
    Page(
        route=f"{OFFER}/stock",
        title=_("Stock"),
        columns=("change", "stock", "reason", "moved_by", "moved_at"),
        actions=(
            Action(
                address="offers/{offer_id}/stock", title=_("Change the stock"), icon="inventory"
            ),
        ),
    ),
    Page(
        route=f"{OFFER}/prices",
        title=_("Prices"),
        columns=("price_points", "value_fen", "settled_fen", "is_proposed", "set_by", "since_at"),
    ),
)

# --- wishes, needs and resources --------------------------------------------------------------
add(
    Page(
        route="communities/<slug:code>/wishes",
        title=_("Wishes"),
        group=Group.SHOPS,
        icon="favorite",
        rank=3,
        columns=("text", "volunteer", "status", "price_points", "fulfilled_by", "proposed_at"),
        opens="wishes/{id}",
    ),
    Page(
        route="wishes/<uuid:wish_id>",
        title=_("Wish"),
        shape=WatchedWishSerializer,
        sections=(
            Section(_("The wish"), ("text", "volunteer", "status", "proposed_at")),
            Section(_("Decision"), ("price_points", "value_fen", "decided_by", "reason")),
            Section(
                _("Fulfilled"), ("fulfilled_by", "donor", "redemption_id", "thanks", "closed_at")
            ),
        ),
        actions=(
            Action(
                address="wishes/{id}/decision",
                title=_("Publish"),
                icon="check",
                style="primary",
                fixed={"accept": True},
                fields=("price_points", "value_fen", "reason"),
                when=has_status("proposed"),
                confirm=_(
                    "Neighbours and shops can adopt it. A price in a shop above the limit waits"
                    " until a second person confirms it."
                ),
            ),
            Action(
                address="wishes/{id}/decision",
                title=_("Reject"),
                icon="close",
                style="danger",
                fixed={"accept": False},
                fields=("reason",),
                when=has_status("proposed"),
                confirm=_("The volunteer reads the reason."),
            ),
        ),
    ),
)

for word, title, one, adding, icon in (
    ("needs", _("Needs of partners"), _("Need"), _("Add a need"), "front_hand"),
    ("resources", _("Resources of partners"), _("Resource"), _("Add a resource"), "handshake"),
):
    add(
        Page(
            route=f"communities/<slug:code>/{word}",
            title=title,
            group=Group.SHOPS,
            icon=icon,
            columns=("title", "merchant", "description", "added_at", "closed_at"),
            labels=CLOSED,
            opens=f"{word}/{{id}}",
            defaults={"is_open": "true"},
        ),
        Page(
            route=f"{PARTNER}/{word}",
            title=title,
            columns=("title", "description", "added_at", "closed_at"),
            labels=CLOSED,
            opens=f"{word}/{{id}}",
            actions=(
                Action(address=f"partnerships/{{partnership_id}}/{word}", title=adding, icon="add"),
            ),
        ),
        Page(
            route=f"{word}/<uuid:listing_id>",
            title=one,
            named="title",
            labels=CLOSED,
            sections=(Section(one, ("title", "description", "merchant", "added_at", "closed_at")),),
            actions=(
                Action(
                    address=f"{word}/{{id}}/close",
                    title=_("Close"),
                    style="danger",
                    when=_is_open,
                    confirm=_("Volunteers no longer see it. It cannot be opened again."),
                ),
            ),
            related=(Related(f"{word}/{{id}}/matches"),),
        ),
        Page(
            route=f"{word}/<uuid:listing_id>/matches",
            title=_("Matched activities"),
            columns=("activity_title", "matched_at", "ended_at"),
            opens=f"{word}/{{listing_id}}/matches/{{id}}",
            actions=(
                Action(
                    address=f"{word}/{{listing_id}}/matches",
                    title=_("Match an activity"),
                    icon="add_link",
                    choices={"activity_id": Choices("communities/{code}/activities", "title")},
                    confirm=_(
                        "Hours verified in an activity that serves a need are told on the shop's"
                        " statement, as a service that it received."
                    ),
                ),
            ),
        ),
        Page(
            route=f"{word}/<uuid:listing_id>/matches/<uuid:match_id>",
            title=_("Matched activity"),
            named="activity_title",
            labels={"activity_id": _("Page of the activity")},
            sections=(
                Section(
                    _("Activity and listing"),
                    ("activity_title", "activity_id", "matched_at", "ended_at"),
                ),
            ),
            actions=(
                Action(
                    address=f"{word}/{{listing_id}}/matches/{{id}}/end",
                    title=_("End the match"),
                    style="danger",
                    when=_lasts,
                    confirm=_("Hours verified from now on are on no statement."),
                    opens=f"{word}/{{listing_id}}",
                ),
            ),
        ),
    )

# --- fairs ------------------------------------------------------------------------------------
add(
    Page(
        route="communities/<slug:code>/fairs",
        title=_("Redemption fairs"),
        group=Group.SHOPS,
        icon="festival",
        rank=7,
        columns=("title", "place", "starts_at", "ends_at", "status", "merchants"),
        filters=("text", "since", "until", "status"),
        opens="fairs/{id}",
        actions=(
            Action(
                address="communities/{code}/fairs",
                title=_("Announce a fair"),
                icon="add",
                style="primary",
                fields=("title", "starts_at", "ends_at", "venue_id", "place", "partnership_ids"),
                choices={
                    "partnership_ids": PARTNERS_TO_CHOOSE,
                    "venue_id": Choices("communities/{code}/venues"),
                },
            ),
        ),
    ),
    Page(
        route="fairs/<uuid:fair_id>",
        title=_("Redemption fair"),
        named="title",
        sections=(
            Section(
                _("When and where"),
                ("starts_at", "ends_at", "venue", "place", "status", "reason", "cancelled_at"),
            ),
            Section(_("Stalls"), ("merchants",)),
        ),
        actions=(
            Action(
                address="fairs/{id}",
                title=_("Move the fair"),
                icon="edit_calendar",
                method="patch",
                choices={"venue_id": Choices("communities/{code}/venues")},
                when=has_status("planned"),
                confirm=_("The owners of the merchants there are told."),
            ),
            Action(
                address="fairs/{id}/cancel",
                title=_("Cancel the fair"),
                icon="event_busy",
                style="danger",
                when=has_status("planned"),
                confirm=_("The owners of the merchants there are told the reason."),
            ),
        ),
        files={
            "fairs/{id}/report": _("What was redeemed there"),
            "fairs/{id}/report.xlsx": _("Report as a spreadsheet"),
            "fairs/{id}/report.csv": _("Report as CSV"),
        },
    ),
    Page(
        route="fairs/<uuid:fair_id>/report",
        title=_("Report of a fair"),
        named="fair.title",
        sections=(
            Section(
                _("Together"),
                (
                    "together.redemptions_count",
                    "together.refunds_count",
                    "together.volunteers",
                    "together.points",
                    "together.amount_fen",
                ),
            ),
            Section(_("By stall"), ("stalls",)),
        ),
    ),
    Page(
        route="series/<uuid:series_id>/stalls",
        title=_("Stalls at each fair of a series"),
        named="title",
        sections=(Section(_("Stalls"), ("stalls",)),),
        actions=(
            Action(
                address="series/{id}/stalls",
                title=_("Set who has a stall"),
                method="put",
                choices={"partnership_ids": PARTNERS_TO_CHOOSE},
                confirm=_("Fairs announced already get the stalls that are new."),
            ),
        ),
    ),
)

# --- campaigns and gifts ----------------------------------------------------------------------
add(
    Page(
        route="communities/<slug:code>/campaigns",
        title=_("Campaigns for points"),
        group=Group.SHOPS,
        icon="volunteer_activism",
        rank=7,
        columns=("title", "donated_points", "disbursed_points", "opened_at", "closed_at"),
        labels={"opened_at": _("Opened on"), **CLOSED},
        opens="campaigns/{id}",
        actions=(
            Action(
                address="communities/{code}/campaigns",
                title=_("Open a campaign"),
                icon="add",
                style="primary",
            ),
        ),
    ),
    Page(
        route="campaigns/<uuid:campaign_id>",
        title=_("Campaign"),
        named="title",
        labels={"opened_at": _("Opened on"), **CLOSED},
        sections=(
            Section(_("Campaign"), ("title", "description", "opened_at", "closed_at")),
            Section(_("Points"), ("donated_points", "disbursed_points")),
        ),
        actions=(
            Action(
                address="campaigns/{id}/close",
                title=_("Close"),
                style="danger",
                when=_is_open,
                confirm=_("It takes no more points. Those in its pool can still be spent."),
            ),
        ),
        related=(Related("campaigns/{id}/disbursements"),),
    ),
    Page(
        route="campaigns/<uuid:campaign_id>/disbursements",
        title=_("What the points were spent on"),
        columns=("points", "reason", "disbursed_at"),
        actions=(
            Action(
                address="campaigns/{campaign_id}/disbursements",
                title=_("Spend points"),
                icon="payments",
                confirm=_("The reason is public, and must name nobody. It cannot be taken back."),
            ),
        ),
    ),
    Page(
        route="communities/<slug:code>/sponsorships",
        title=_("Gifts of merchants"),
        group=Group.SHOPS,
        icon="card_giftcard",
        rank=7,
        columns=("text", "merchant", "value_fen", "given_on"),
        filters=("text",),
        actions=(
            Action(
                address="communities/{code}/sponsorships",
                title=_("Record a gift"),
                icon="add",
                style="primary",
                choices={"partnership_id": PARTNERS_TO_CHOOSE},
                confirm=_("The public board shows it."),
            ),
        ),
    ),
)

# --- redemptions ------------------------------------------------------------------------------
add(
    Page(
        route="communities/<slug:code>/redemptions",
        title=_("Redemption records"),
        group=Group.SHOPS,
        icon="qr_code_scanner",
        rank=4,
        columns=(
            "redeemed_at",
            "merchant",
            "offer_title",
            "quantity",
            "price_points",
            "amount_fen",
            "volunteer",
        ),
        opens="redemptions/{id}",
    ),
    Page(
        route="redemptions/<uuid:redemption_id>",
        title=_("Redemption"),
        named="offer_title",
        sections=(
            Section(
                _("What was redeemed"),
                (
                    "merchant",
                    "offer_title",
                    "offer_code",
                    "quantity",
                    "refunded_quantity",
                    "volunteer",
                ),
            ),
            Section(_("Worth"), ("price_points", "fen_per_point", "amount_fen", "statement_id")),
            Section(
                _("At the counter"), ("redeemed_at", "redeemed_by", "device_time", "clock_mark")
            ),
        ),
        actions=(
            Action(
                address="redemptions/{id}/refunds",
                title=_("Refund"),
                icon="undo",
                style="danger",
                confirm=_(
                    "The points go back to the volunteer and the pieces to the stock. The next"
                    " statement deducts what was settled already. It cannot be taken back."
                ),
            ),
        ),
        related=(Related("redemptions/{id}/refunds"),),
    ),
    Page(
        route="redemptions/<uuid:redemption_id>/refunds",
        title=_("Refunds"),
        columns=(
            "quantity",
            "points",
            "amount_fen",
            "reason",
            "refunded_by",
            "refunded_at",
            "statement_id",
        ),
    ),
    Page(
        route="communities/<slug:code>/refunds",
        title=_("Refund records"),
        group=Group.SHOPS,
        icon="undo",
        rank=6,
        columns=(
            "refunded_at",
            "merchant",
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
        route="communities/<slug:code>/refused-scans",
        title=_("Refused scans"),
        group=Group.SHOPS,
        icon="do_not_disturb_on",
        rank=6,
        columns=("scanned_at", "merchant_name", "outcome", "clerk", "device", "clock_mark"),
        opens="communities/{code}/refused-scans/{id}",
    ),
    Page(
        route="communities/<slug:code>/refused-scans/<uuid:scan_id>",
        title=_("Refused scan"),
        sections=(
            Section(
                _("Scan"),
                ("scanned_at", "merchant_name", "outcome", "clerk", "redemption_id"),
            ),
            Section(_("Told later"), ("device", "device_time", "counts_at", "clock_mark")),
        ),
    ),
)
