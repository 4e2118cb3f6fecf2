"""Places and who works there: founding, contact, join code, roles and invitations to them."""

from django.utils.translation import gettext_lazy as _

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
INVITATIONS = f"{PLACE}/role-invitations"
INVITATION = ("role", "status", "invited_by", "invited_at", "expires_at")
REVOKE = Action(
    address="communities/{code}/role-invitations/{id}/revoke",
    title=_("Take back"),
    style="danger",
    when=has_status("pending"),
    batch=True,
    confirm=_("The code and the link are no longer good."),
)
INVITE = Action(
    address="communities/{code}/role-invitations",
    title=_("Invite somebody"),
    icon="person_add",
    style="primary",
    shows=True,
    told=("role", "code", "link", "expires_at"),
)

PLACES = Choices("places", value="code")
CATEGORY = {"parent": _("Category above"), "questions": _("What is asked as well")}


def _is_held(facts: Facts) -> bool:
    return facts.get("ended_at") is None


add(
    # --- places -------------------------------------------------------------------------------
    Page(
        route="places",
        title=_("Streets, communities and estates"),
        group=Group.SETTINGS,
        icon="location_city",
        rank=3,
        explains=_(
            "The places that you keep. Operators found streets and communities, managers of a"
            " street communities in it, managers of a community its estates and grid cells."
        ),
        columns=("name", "kind", "code", "parent", "managers"),
        choices={"parent": PLACES},
        opens="places/{code}",
        filters=("kind", "parent", "text"),
        actions=(
            Action(
                address="places",
                title=_("Found a place"),
                icon="add_location",
                style="primary",
                fields=(
                    *("kind", "name", "code", "parent", "timezone"),
                    *("latitude", "longitude", "coord_type"),
                ),
                choices={"parent": PLACES},
                shows=True,
                told=("name", "code", "parent", "invitation.link", "invitation.expires_at"),
            ),
        ),
    ),
    Page(
        route="places/<str:code>",
        title=_("Street, community or estate"),
        named="name",
        sections=(
            Section(
                _("Street, community or estate"),
                ("name", "kind", "code", "parent", "timezone"),
            ),
            Section(_("Managers"), ("managers",)),
        ),
        actions=(
            Action(address="places/{code}", method="patch", title=_("Rename")),
            INVITE,
            Action(address="communities/{code}/contact", method="patch", title=_("Change contact")),
        ),
        related=(
            Related("places?parent={code}", _("Places in it"), if_any=True),
            Related("communities/{code}/role-invitations", if_any=True),
            Related("communities/{code}/roles", if_any=True),
        ),
    ),
    Page(
        route=f"{PLACE}/contact",
        title=_("Contact"),
        group=Group.SETTINGS,
        icon="contact_phone",
        rank=4,
        named="name",
        sections=(
            Section(_("Where people reach it"), ("contact_phone", "address")),
            Section(_("On the map"), ("latitude", "longitude", "coord_type")),
            Section(_("Around it"), ("parent", "below")),
        ),
        actions=(Action(address="communities/{code}/contact", method="patch", title=_("Edit")),),
    ),
    Page(
        route=f"{PLACE}/join-code",
        title=_("Join code"),
        group=Group.SETTINGS,
        icon="qr_code",
        rank=4,
        explains=_(
            "Hangs on posters. Whoever scans or types it in the mini-program joins at once; without"
            " one, people ask to join."
        ),
        sections=(Section("", ("join_code",)),),
        template="console/first/join_code.html",
        actions=(
            Action(
                address="communities/{code}/join-code",
                title=_("Make a new code"),
                style="primary",
                confirm=_("The code on posters that hang already stops working."),
            ),
            Action(
                address="communities/{code}/join-code",
                method="delete",
                title=_("End the code"),
                style="danger",
                when=lambda facts: bool(facts.get("join_code")),
                confirm=_("From now on people ask to join."),
            ),
        ),
        files={
            "communities/{code}/join-code/code.png": _("QR code, to print (PNG)"),
            "communities/{code}/join-code/code.svg": _("QR code, to print (SVG)"),
        },
    ),
    # --- who works there ----------------------------------------------------------------------
    Page(
        route=INVITATIONS,
        title=_("Invitations"),
        group=Group.SETTINGS,
        icon="mail",
        rank=3,
        explains=_(
            "Whoever has the code or the link takes the role, with a password of their own. It is"
            " good for one person, for three days."
        ),
        columns=("role", "status", "invited_by", "expires_at", "accepted_by"),
        opens="communities/{place[code]}/role-invitations/{id}",
        actions=(INVITE, REVOKE),
    ),
    Page(
        route=f"{INVITATIONS}/<uuid:invitation_id>",
        title=_("Invitation"),
        sections=(
            Section(_("Invitation"), INVITATION),
            Section(
                _("What became of it"), ("accepted_at", "accepted_by", "revoked_at", "revoked_by")
            ),
        ),
        actions=(REVOKE,),
    ),
    Page(
        route=f"{PLACE}/members/<uuid:membership_id>",
        title=_("Member"),
        sections=(Section(_("Member"), ("user", "role", "since_at")),),
    ),
    Page(
        route=f"{PLACE}/roles",
        title=_("Roles"),
        group=Group.SETTINGS,
        icon="badge",
        rank=3,
        explains=_("Who is staff, manager or auditor here, or was, and who gave the role."),
        columns=("user", "role", "since_at", "granted_by", "ended_at"),
        filters=("role", "text"),
        opens="roles/{id}",
        actions=(INVITE,),
    ),
    Page(
        route="roles/<uuid:membership_id>",
        title=_("Role"),
        sections=(
            Section(_("Role"), ("user", "role", "community", "since_at", "granted_by")),
            Section(_("End"), ("ended_at", "ended_by", "reason")),
        ),
        actions=(
            Action(
                address="roles/{id}/withdraw",
                title=_("Withdraw the role"),
                style="danger",
                when=_is_held,
            ),
        ),
    ),
    # --- decisions of the place ---------------------------------------------------------------
    Page(
        route=f"{PLACE}/service-policy",
        title=_("Rules of service"),
        group=Group.SETTINGS,
        icon="rule",
        rank=6,
        actions=(
            Action(address="communities/{code}/service-policy", method="patch", title=_("Edit")),
        ),
    ),
    Page(
        route=f"{PLACE}/report-policy",
        title=_("Clocks of reports"),
        group=Group.SETTINGS,
        icon="timer",
        rank=6,
        sections=(
            Section(_("Clocks"), ("clocks.red", "clocks.yellow", "clocks.blue")),
            Section(_("Office hours"), ("office_days", "office_from", "office_until")),
            Section(_("Limits"), ("near_metres", "reopen_days", "survey_weeks")),
        ),
        actions=(
            Action(address="communities/{code}/report-policy", method="patch", title=_("Edit")),
        ),
    ),
    Page(
        route=f"{PLACE}/report-categories",
        title=_("Categories of reports"),
        group=Group.SETTINGS,
        icon="category",
        rank=7,
        columns=("name", "code", "parent", "colour", "is_confidential", "is_retired"),
        labels=CATEGORY,
        opens="communities/{here}/report-categories/{code}",
        actions=(
            Action(
                address="communities/{code}/report-categories",
                title=_("Add a category"),
                icon="add",
                style="primary",
            ),
        ),
    ),
    Page(
        route=f"{PLACE}/report-categories/<slug:category>",
        title=_("Category of reports"),
        named="name",
        labels=CATEGORY,
        sections=(
            Section("", ("name", "code", "parent", "colour", "is_confidential", "is_retired")),
            Section("", ("description", "questions")),
        ),
        actions=(
            Action(
                address="communities/{code}/report-categories/{category}",
                method="patch",
                title=_("Edit"),
            ),
        ),
    ),
    Page(
        route=f"{PLACE}/reporter-groups",
        title=_("Groups of reporters"),
        group=Group.SETTINGS,
        icon="diversity_3",
        rank=8,
        explains=_("Such as couriers or patrols: a rule for reports may reward them differently."),
        columns=("name", "code", "made_at"),
        opens="communities/{here}/reporter-groups/{id}",
        actions=(
            Action(
                address="communities/{code}/reporter-groups",
                title=_("Add a group"),
                icon="add",
                style="primary",
            ),
        ),
    ),
)
