"""Adding what comes along with a community to what everybody here has: places, people, merchants.

Ids stay, because sealed rows name them. A row that is here by its id stays as it is here; others
are added. It is read from temporary tables (``staged``).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.db import connection

from backend.accounts.models import User
from backend.accounts.services import people, phone
from backend.moving import tables
from backend.moving.errors import MoveRefused
from backend.moving.tables import columns
from backend.names import is_one_person

PERSON, WECHAT, PLACE = tables.PERSON, tables.WECHAT, tables.PLACE


def staged(name: str) -> str:
    """Return the name of the temporary table of a part of a file."""
    table: str = tables.model_of(name.removeprefix(tables.OF_STREET))._meta.db_table
    return f"moving_{'street_' if name.startswith(tables.OF_STREET) else ''}{table}"


def ask(statement: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[Any]:
    """Execute a statement. Returns its rows, if it has any."""
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def add(label: str, where: str = "true") -> None:
    """Add what is not here by its id, or by what is unique of it."""
    model = tables.model_of(label)
    ask(
        f'INSERT INTO "{model._meta.db_table}" ({columns(model)})'  # noqa: S608
        f" SELECT {columns(model, 's.')} FROM {staged(label)} s WHERE {where}"
        " ON CONFLICT DO NOTHING"
    )


# --- places -----------------------------------------------------------------------------------
def add_places(street: list[UUID]) -> None:
    """Add the community and its estates, and the street above if it is not here.

    Raises MoveRefused if a code is another place's here, the street's among them.
    """
    taken = ask(
        f"SELECT s.code, s.id = ANY(%s) FROM {staged(PLACE)} s"  # noqa: S608
        " JOIN communities_community c ON c.code = s.code AND c.id <> s.id",
        [street],
    )
    for code, is_street in taken:
        name = "street_differs" if is_street else "code_taken"
        raise MoveRefused(name, f"{code} is another place here, with another id.")
    ask(f"UPDATE {staged(PLACE)} SET moved_at = NULL, moved_to = ''")  # noqa: S608
    add(PLACE)
    if missing := ask(
        f"SELECT s.code FROM {staged(PLACE)} s"  # noqa: S608
        " WHERE NOT EXISTS (SELECT FROM communities_community c WHERE c.id = s.id)"
    ):
        reasons = [
            f"{code} has the name or join code of another place here." for (code,) in missing
        ]
        raise MoveRefused("place_taken", *reasons)


def add_lent(label: str) -> None:
    """Add the rows that a street lends, with their triggers, so that its own seals hold them.

    Raises MoveRefused if the street has such a row here that says something else.
    """
    model, table = tables.model_of(label), staged(f"{tables.OF_STREET}{label}")
    differing = ask(
        f'SELECT s.id FROM {table} s JOIN "{model._meta.db_table}" t'  # noqa: S608
        " ON t.id = s.id AND t.community_id = s.community_id"
        f" WHERE ROW({columns(model, 't.')}) IS DISTINCT FROM ROW({columns(model, 's.')})"
    )
    if differing:
        reasons = [
            f"The {label} {pk} of the street says something else here." for (pk,) in differing
        ]
        raise MoveRefused("street_differs", *reasons)
    ask(
        f'INSERT INTO "{model._meta.db_table}" ({columns(model)})'  # noqa: S608
        f" SELECT {columns(model, 's.')} FROM {table} s"
        f' WHERE NOT EXISTS (SELECT FROM "{model._meta.db_table}" t WHERE t.id = s.id'
        " AND t.community_id = s.community_id)"
    )


# --- people -----------------------------------------------------------------------------------
# People who come and are not here by their id, and whoever here has what is theirs.
CLASHES = f"""
    SELECT s.id, u.id, 'phone' FROM {staged(PERSON)} s
    JOIN accounts_user u ON u.phone_digest = s.phone_digest
    WHERE NOT EXISTS (SELECT FROM accounts_user known WHERE known.id = s.id)
    UNION ALL
    SELECT s.id, u.id, 'username' FROM {staged(PERSON)} s
    JOIN accounts_user u ON lower(u.username) = lower(s.username)
    WHERE NOT EXISTS (SELECT FROM accounts_user known WHERE known.id = s.id)
    UNION ALL
    SELECT s.user_id, a.user_id, 'WeChat' FROM {staged(WECHAT)} s
    JOIN socialaccount_socialaccount a ON a.provider = s.provider AND a.uid = s.uid
    WHERE NOT EXISTS (SELECT FROM accounts_user known WHERE known.id = s.user_id)
    ORDER BY 1, 2, 3
"""  # noqa: S608


def add_people(*, apart: Collection[UUID], is_same_app: bool) -> None:
    """Add people, with how they log in, if they are not here by their id.

    Somebody may be here by another record: with their phone number, username or WeChat account. If
    nothing was ever done by that record but to log in, and it has no other name, it is closed, and
    the one that comes takes its place. Else both have done something, sealed rows name both, and
    nobody can make them one: the move is refused with a line for each of them. Those named in
    ``apart`` are brought as a second record without what is taken here; they log in to it by a
    username and password of its own (``manage.py`` ``open_login``). An openid is of one WeChat app:
    with another one here, WeChat accounts stay behind, and people find their record by phone.
    """
    if not is_same_app:
        ask(f"DELETE FROM {staged(WECHAT)}")  # noqa: S608
    places = _make_way(apart)
    ask(
        "CREATE TEMPORARY TABLE moving_new ON COMMIT DROP AS"  # noqa: S608
        f" SELECT id FROM {staged(PERSON)} EXCEPT SELECT id FROM accounts_user"
    )
    add(PERSON)
    for fresh_id, known_id in places.items():
        fresh, known = User.objects.get(pk=fresh_id), User.objects.get(pk=known_id)
        SocialAccount.objects.filter(user=fresh).update(user=known)
        phone.became(fresh, known)


def _make_way(apart: Collection[UUID]) -> dict[UUID, UUID]:
    """Close records here that did nothing, and take from those who come what is taken.

    Returns who took whose place. Raises MoveRefused.
    """
    reasons: list[str] = []
    places: dict[UUID, UUID] = {}
    for coming_id, here_id, what in ask(CLASHES):
        if coming_id in apart:
            _take_away(coming_id, what)
        elif places.get(here_id) == coming_id or (
            here_id not in places and _is_nobody_else(coming_id, here_id)
        ):
            places[here_id] = coming_id
        else:
            reasons.append(f"{coming_id} has the {what} of {here_id}, who is somebody here.")
    if reasons:
        raise MoveRefused("people_known", *reasons)
    for here_id in places:
        phone.close(people.locked(here_id))
    return places


def _is_nobody_else(coming_id: UUID, here_id: UUID) -> bool:
    here = User.objects.get(pk=here_id)
    ((name,),) = ask(f"SELECT name FROM {staged(PERSON)} WHERE id = %s", [coming_id])  # noqa: S608
    is_one = here.name in ("", name) or is_one_person(here.name, name)
    return here.is_active and is_one and phone.only_logged_in(here)


def _take_away(coming_id: UUID, what: str) -> None:
    if what == "WeChat":
        ask(f"DELETE FROM {staged(WECHAT)} WHERE user_id = %s", [coming_id])  # noqa: S608
        return
    change = {
        "phone": "phone_digest = NULL, phone_encrypted = ''",
        "username": "username = replace(id::text, '-', '')",  # as of whoever never chose one
    }[what]
    ask(f"UPDATE {staged(PERSON)} SET {change} WHERE id = %s", [coming_id])  # noqa: S608


def add_along() -> None:
    """Add what comes along with people and merchants, and merchants."""
    for label, along in tables.ALONG.items():
        if along.is_numbered:  # nothing tells whether it is here: it is if the person was
            add(label, "s.user_id IN (SELECT id FROM moving_new)")
        elif label not in (PLACE, PERSON):
            add(label)
