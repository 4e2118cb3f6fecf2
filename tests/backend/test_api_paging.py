"""Lists page by cursor."""

import base64

import pytest
from django.contrib.auth import get_user_model
from django.urls import path
from rest_framework import generics, serializers
from rest_framework.permissions import AllowAny
from rest_framework.test import APIClient

User = get_user_model()


class UserSerializer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ("username",)


class UserListView(generics.ListAPIView):
    permission_classes = (AllowAny,)
    serializer_class = UserSerializer
    queryset = User.objects.all()


urlpatterns = [path("users", UserListView.as_view())]

pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture
def names():
    """Of 45 people, the last to join first."""
    users = [User(username=f"user{n:02}", name="x") for n in range(45)]
    User.objects.bulk_create(users)
    return [user.username for user in reversed(users)]


def get(address="/users", **query):
    return APIClient().get(address, query)


def names_on(body):
    return [row["username"] for row in body["results"]]


def test_pages_forward_and_back_show_everyone_once_newest_first(names):
    pages = [get().json()]
    while pages[-1]["next"]:
        pages.append(get(pages[-1]["next"]).json())

    assert [len(page["results"]) for page in pages] == [20, 20, 5]
    assert [name for page in pages for name in names_on(page)] == names
    assert pages[0]["previous"] is None
    assert names_on(get(pages[2]["previous"]).json()) == names_on(pages[1])


def test_someone_joining_meanwhile_moves_nobody_between_pages(names):
    first = get().json()
    User.objects.create(username="late", name="x")

    assert names_on(get(first["next"]).json()) == names[20:40]


@pytest.mark.parametrize(("page_size", "shown"), [("1", 1), ("45", 45), ("100", 45)])
def test_the_page_size_can_be_asked_for(names, page_size, shown):
    assert len(get(page_size=page_size).json()["results"]) == shown


@pytest.mark.parametrize("page_size", ["0", "101", "-1", "many", "", "9" * 5000])
def test_a_page_size_out_of_range_is_refused(page_size):
    response = get(page_size=page_size)

    assert response.status_code == 400
    assert response.json()["code"] == "invalid_input"
    assert list(response.json()["errors"]) == ["page_size"]


def cursor(text):
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "damaged",
    [
        "!",
        cursor("nonsense"),
        cursor("o=0"),
        cursor("o=1001"),
        "cD0x!A==",
        "邻里",
        cursor("o=-1"),
        cursor("o=many"),
        cursor("r=many"),
        cursor("p=not-an-id"),
        cursor("p=%00"),
        cursor("p=" + "9" * 5000),
    ],
)
def test_a_cursor_that_is_not_ours_is_refused(names, damaged):
    response = get(cursor=damaged)

    assert (response.status_code, response.json()["code"]) == (400, "invalid_cursor")
