"""Every statement on a tenant's table names the community, and keys between tenants see to it."""

import ast

import pytest
from django.db import connection
from django.db.models.functions import Random
from django.test.utils import CaptureQueriesContext

from backend.accounts.models import User
from merchants.models import Offer, OfferPrice, Partnership
from tests import whose
from tests.across import ACROSS, LOCKS_COPIES
from tests.whose import left_out

OFFERS = 'SELECT "o"."id" FROM "merchants_offer" "o"'
PARTNER = 'INNER JOIN "merchants_partnership" "p" ON ("o"."partnership_id" = "p"."id"'
OF_PERSON = "SELECT u.id FROM communities_community u WHERE EXISTS"


# --- reading a statement ----------------------------------------------------------------------
@pytest.mark.parametrize(
    "statement",
    [
        f'{OFFERS} WHERE "o"."community_id" = %s AND "o"."id" IN (%s)',
        f'{OFFERS} WHERE "o"."community_id" IN (%s, %s)',
        "UPDATE merchants_offer SET stock = 1 WHERE community_id = ANY(%s)",
        f'{OFFERS} {PARTNER} AND ("p"."community_id" = ("o"."community_id")))'
        ' WHERE "p"."community_id" = %s',
        f"{OFFERS} JOIN merchants_partnership p USING (community_id) WHERE o.community_id = %s",
        f"{OFFERS} JOIN communities_community c ON (o.community_id = c.id) WHERE c.id = %s",
        f"{OFFERS} WHERE (o.community_id = %s AND o.x = 1 OR o.x = 2 AND %s = o.community_id)",
        f"{OFFERS} WHERE ((o.community_id = %s AND o.stock = 1) OR (o.community_id = %s)) LIMIT 1",
        "SELECT (SELECT 1 FROM merchants_partnership p WHERE p.community_id = (o.community_id))"
        " FROM merchants_offer o WHERE o.community_id = %s",
        f"{OFFERS} WHERE EXTRACT(epoch FROM o.made_at) > 1 AND o.x IS NOT DISTINCT FROM %s"
        " AND o.community_id = '01a224ca'::uuid",
        f"{OFFERS} WHERE o.community_id = %s UNION {OFFERS} WHERE o.community_id = %s",
        f"{OFFERS} WHERE o.community_id IN ({OF_PERSON} (SELECT 1 FROM communities_membership m))",
        "INSERT INTO merchants_offer (id) VALUES (%s) ON CONFLICT DO UPDATE SET stock = 1",
        "WITH one AS (SELECT id FROM merchants_offer WHERE community_id = %s) SELECT * FROM one",
        "SELECT id FROM merchants_device WHERE id = %s",
        "SELECT * FROM points_hold(%s, %s)",
    ],
)
def test_a_statement_that_names_the_community_is_let_through(statement):
    assert left_out(statement) == []


@pytest.mark.parametrize(
    ("statement", "of"),
    [
        (f"{OFFERS} WHERE o.id = %s FOR NO KEY UPDATE", ["offer"]),
        ("DELETE FROM merchants_offer WHERE id = %s", ["offer"]),
        (f"{OFFERS} {PARTNER}) WHERE o.community_id = %s", ["partnership"]),
        (f"{OFFERS}, merchants_partnership p WHERE o.community_id = %s", ["partnership"]),
        (f"{OFFERS} WHERE (o.community_id = %s OR o.stock = 1)", ["offer"]),
        (f"{OFFERS} WHERE NOT (o.community_id = %s)", ["offer"]),
        (f"{OFFERS} WHERE o.community_id IS NULL", ["offer"]),
        (f"{OFFERS} JOIN communities_community c ON (o.community_id = c.id)", ["offer"]),
        (f"{OFFERS} WHERE o.community_id = %s UNION {OFFERS}", ["offer"]),
        (f"{OFFERS} WHERE o.community_id = (SELECT %s::uuid) OR 1 = 1", ["offer"]),
        (
            f"{OFFERS} WHERE o.community_id IN (SELECT community_id FROM merchants_partnership)",
            ["offer", "partnership"],
        ),
        (
            "UPDATE merchants_offer SET stock = 1 WHERE id IN"
            f" ({OFFERS} WHERE o.community_id = %s)",
            ["offer"],
        ),
        ("INSERT INTO merchants_offer (id) SELECT id FROM merchants_partnership", ["partnership"]),
        (f"{OFFERS} {PARTNER} AND p.community_id = o.community_id)", ["offer + partnership"]),
    ],
)
def test_a_statement_that_leaves_a_community_out_is_found(statement, of):
    found = [" + ".join(group) for groups in left_out(statement) for group in groups]

    assert sorted(group.replace("merchants_", "") for group in found) == of


# --- keys between tenants ---------------------------------------------------------------------
@pytest.mark.parametrize(
    "use",
    [
        lambda tea: Offer.objects.get(community=tea.community_id, pk=tea.pk).partnership,
        lambda tea: list(tea.prices.filter(price_points__gt=1)),
        lambda tea: list(tea.partnership.offers.order_by("pk")),
        lambda tea: list(OfferPrice.objects.filter(offer=tea)),
        lambda tea: list(OfferPrice.objects.filter(offer__in=[tea])),
        lambda tea: list(Partnership.objects.filter(offers=tea)),
        lambda tea: list(Partnership.objects.filter(community=tea.community_id, offers__stock=5)),
        lambda tea: list(
            Offer.objects.filter(community=tea.community_id)
            .select_related("partnership")
            .prefetch_related("prices", "partnership__terms")
        ),
        lambda tea: list(
            OfferPrice.objects.filter(community=tea.community_id).prefetch_related("offer")
        ),
        lambda tea: tea.refresh_from_db(),
        lambda tea: tea.save_with(title="茶"),
        lambda tea: tea.locked("partnership"),
    ],
)
def test_a_key_between_tenants_names_the_community_however_it_is_used(tea, use):
    with CaptureQueriesContext(
        connection,
    ) as asked:
        use(tea)

    assert len(asked) > 0
    assert [one["sql"] for one in asked if left_out(one["sql"])] == []


def test_a_key_finds_no_row_of_another_community(tea, hill):
    tea.community_id = hill.pk
    del tea._state.fields_cache["partnership"]

    with pytest.raises(Partnership.DoesNotExist):
        tea.partnership  # noqa: B018


# --- who is refused ---------------------------------------------------------------------------
@pytest.fixture
def ask():
    """Ask for all offers, as if a function of the project did."""
    source = "def ask(_=None):\n    return list(Offer.objects.all())"
    names = {"Offer": Offer}
    exec(compile(source, f"{whose.ROOT}merchants/nowhere.py", "exec"), names)  # noqa: S102
    return names["ask"]


def test_the_project_is_refused_what_a_test_is_not(tea, ask):
    with pytest.raises(whose.CommunityLeftOut, match="ask does not say whose rows"):
        ask()
    whose.refused.clear()

    assert list(Offer.objects.all())


def test_the_project_updates_by_no_function_that_is_another_on_each_machine(tea):
    source = "def put():\n    offers.update(title=Random())"
    offers = Offer.objects.filter(community=tea.community_id)
    names = {"offers": offers, "Random": Random}
    exec(compile(source, f"{whose.ROOT}merchants/nowhere.py", "exec"), names)  # noqa: S102

    with pytest.raises(whose.VolatileUpdate, match="put updates by a volatile function"):
        names["put"]()
    whose.refused.clear()


@pytest.mark.parametrize(
    ("statement", "of"),
    [
        ('SELECT "accounts_user"."id" FROM "accounts_user" FOR NO KEY UPDATE', {"accounts_user"}),
        (
            "SELECT FROM volunteers_volunteer v JOIN accounts_user u ON u.id = v.user_id"
            " WHERE v.community_id = %s FOR SHARE OF u, v",
            {"accounts_user"},
        ),
        (
            'SELECT FROM "volunteers_volunteer" JOIN "accounts_user" ON true'
            ' WHERE "community_id" = %s FOR NO KEY UPDATE OF "volunteers_volunteer" SKIP LOCKED',
            set(),
        ),
        ("SELECT FROM people_loginlink FOR UPDATE", set()),
        ("SELECT FROM accounts_user", set()),
    ],
)
def test_a_lock_on_a_row_that_every_node_has_is_found(statement, of):
    assert whose.copies_locked(statement) == of


def test_the_project_locks_no_row_that_every_node_has(person):
    source = "def lock():\n    list(people.select_for_update())"
    names = {"people": User.objects.filter(pk=person("li").pk)}
    exec(compile(source, f"{whose.ROOT}merchants/nowhere.py", "exec"), names)  # noqa: S102

    with pytest.raises(whose.CopyLocked, match=r"lock locks rows of .'accounts_user'"):
        names["lock"]()
    whose.refused.clear()


def test_it_is_refused_in_a_thread_of_its_own(db, at_once, ask):
    with pytest.raises(whose.CommunityLeftOut):
        at_once(1, ask)
    whose.refused.clear()


def test_what_is_listed_may_leave_out_one_community_only(tea, ask, monkeypatch):
    monkeypatch.setitem(ACROSS, "merchants/nowhere.py:ask merchants_offer", "It is a test.")

    assert ask()
    assert not whose.is_allowed("merchants/nowhere.py:ask", [[["merchants_wish"]]])
    assert not whose.is_allowed(
        "merchants/nowhere.py:ask", [[["merchants_offer"], ["merchants_offer"]]]
    )


def test_what_is_listed_exists_and_says_why():
    for listed, why in (ACROSS | LOCKS_COPIES).items():
        place, _, table = listed.partition(" ")
        file, _, name = place.partition(":")
        within = ast.parse((whose.Path(whose.ROOT) / file).read_text(encoding="utf-8"))
        for part in name.replace(".<locals>", "").split("."):
            within = next(
                node
                for node in ast.walk(within)
                if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == part
            )
        assert not table or whose.tables()[table]
        assert why.endswith(".")
