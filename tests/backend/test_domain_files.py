"""The files by which WeChat sees that a domain is ours."""

from tests.backend.test_settings import read


def test_a_file_that_the_operator_named_is_answered_as_it_is(db, client, settings):
    settings.WECHAT_DOMAIN_FILES = {"MP_verify_a1B2.txt": "a1B2"}

    answer = client.get("/MP_verify_a1B2.txt")

    assert (answer.status_code, answer.content) == (200, b"a1B2")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"


def test_no_other_file_is_there(db, client, settings):
    settings.WECHAT_DOMAIN_FILES = {"MP_verify_a1B2.txt": "a1B2"}

    for path in ("/MP_verify_A1b2.txt", "/robots.txt", "/me/MP_verify_a1B2.txt"):
        assert client.get(path).status_code == 404


def test_several_files_are_named_by_one_variable(monkeypatch):
    assert read(monkeypatch, LINLI_WECHAT_DOMAIN_FILES="")["WECHAT_DOMAIN_FILES"] == {}
    named = read(monkeypatch, LINLI_WECHAT_DOMAIN_FILES="MP_verify_a.txt=a,b.txt=2")

    assert named["WECHAT_DOMAIN_FILES"] == {"MP_verify_a.txt": "a", "b.txt": "2"}
