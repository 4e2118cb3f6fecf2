"""In which language and how large somebody reads our pages."""

import pytest
from django.test import Client


def test_large_type_and_language_are_kept(lake):
    client = Client()

    answer = client.post("/preferences", {"large": "1", "language": "en", "next": "/c/lake/"})

    assert (answer.status_code, answer["Location"]) == (302, "/c/lake/")
    page = client.get("/c/lake/").content.decode()
    assert '<html lang="en" class="large">' in page
    assert 'class="large"' not in Client().get("/c/lake/").content.decode()  # which is kept apart


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:1", ""])
def test_nobody_is_led_elsewhere(db, back):
    answer = Client().post("/preferences", {"large": "0", "next": back})

    assert answer["Location"] == "/"


def test_what_is_no_language_and_no_size_is_not_kept(db):
    answer = Client().post("/preferences", {"large": "yes", "language": "xx", "next": "/"})

    assert answer.cookies == {}
