"""Locks on people and roles: acting keeps nobody else waiting, and ending a role waits for it."""

import threading
from contextlib import contextmanager

import pytest
from django.db import OperationalError, connection, transaction

from backend.accounts.services import people
from backend.communities.models import Membership, Role
from backend.communities.services import roles
from volunteers.models import Volunteer
from volunteers.people.services.people import enrol

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def meanwhile(act):
    """Let another connection ``act``, and go no further until the block is over."""
    has_acted, is_over = threading.Event(), threading.Event()

    def work():
        try:
            with transaction.atomic():
                act()
                has_acted.set()
                is_over.wait(30)
        finally:
            has_acted.set()
            connection.close()

    other = threading.Thread(target=work)
    other.start()
    has_acted.wait(30)
    try:
        yield
    finally:
        is_over.set()
        other.join()


def waits(act):
    """Tell whether ``act`` would have to wait for somebody."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '300ms'")
            act()
            transaction.set_rollback(True)
    except OperationalError as error:
        if "lock timeout" not in str(error):
            raise
        return True
    return False


def role_of(user, community):
    return lambda: roles.volunteering(user_id=user.pk, community_id=community.pk)


@pytest.fixture
def zhang(lake, person):
    user = person("zhang")
    enrol(user=user, community=lake, kind=Volunteer.Kind.RESIDENT)
    return user


def test_who_locks_a_role_keeps_only_that_person_waiting(lake, hill, wang, zhang):
    with meanwhile(role_of(wang, lake)):
        assert waits(role_of(wang, lake))
        assert waits(role_of(wang, hill))
        assert waits(lambda: people.locked(wang.pk))
        assert not waits(role_of(zhang, lake))
        assert not waits(lambda: people.locked(zhang.pk))


def test_who_ends_a_role_waits_for_whoever_acts_by_it_and_for_nobody_else(lake, wang, zhang):
    end = Membership.objects.get(user=wang, community=lake, ended_at=None)
    with meanwhile(role_of(wang, lake)):
        assert waits(lambda: roles.end(membership=end, ended_by=None))
    with meanwhile(role_of(zhang, lake)):
        assert not waits(lambda: roles.end(membership=end, ended_by=None))


def test_a_role_is_read_once_nobody_else_has_the_person(lake, wang):
    """The one who waited sees what the one before left."""
    found = []
    held = threading.Event()

    def act():
        held.wait(30)
        found.append(role_of(wang, lake)())

    other = threading.Thread(target=lambda: (transaction.atomic(act)(), connection.close()))
    other.start()
    with transaction.atomic():
        role = role_of(wang, lake)()
        held.set()
        waited = threading.Event().wait
        for _ in range(100):
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                )
                if cursor.fetchone()[0]:
                    break
            waited(0.1)
        roles.end(membership=role, ended_by=None)
    other.join()

    assert found == [None]


def test_roles_of_a_whole_list_end_while_nobody_there_acts(lake, hill, wang, zhang):
    def end():
        roles.end_of_list(
            community=lake, user_ids=[zhang.pk], ended_by=wang, reason="a list was taken back"
        )

    enrol(user=zhang, community=hill, kind=Volunteer.Kind.RESIDENT)
    with meanwhile(role_of(wang, lake)):
        assert waits(end)
    with meanwhile(role_of(zhang, hill)):
        assert not waits(end)
    with meanwhile(end):
        assert waits(role_of(zhang, lake))
        assert waits(role_of(wang, lake))
        assert not waits(role_of(wang, hill))


def test_a_role_is_told_with_what_stands_against_it(lake, wang):
    with transaction.atomic():
        role = role_of(wang, lake)()

    assert role == Membership.objects.get(user=wang, community=lake, role=Role.VOLUNTEER)
    assert role.since_at == Membership.objects.get(pk=role.pk).since_at
    assert role.is_suspended is False
    assert role.user == wang
