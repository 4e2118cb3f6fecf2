"""Another city's software reads and sends reports by Open311, over HTTP, with a client off the
shelf."""

import urllib.error
import urllib.parse
import urllib.request
from xml.etree import ElementTree

import pytest
from georeport import GeoReport

pytestmark = pytest.mark.slow

# The example of the specification, with a service of ours.
EXAMPLE = {
    "service_code": "hazard",
    "lat": "37.76524078",
    "long": "-122.4212043",
    "address_string": "1234 5th street",
    "email": "smit333@sfgov.edu",
    "device_id": "tt222111",
    "account_id": "123456",
    "first_name": "john",
    "last_name": "smith",
    "phone": "111111111",
    "description": "A large sinkhole is destroying the street",
    "media_url": "http://farm3.static.flickr.com/2002/2212426634_5ed477a060.jpg",
}


@pytest.fixture
def code(linli):
    """The community's code, which is the jurisdiction."""
    status, told = linli.send("GET", "/api/v1/communities", None, {})
    assert status == 200
    return told["results"][0]["code"]


def send(linli, body, form="xml"):
    data = urllib.parse.urlencode(body).encode()
    address = f"{linli.url}/open311/v2/requests.{form}"
    try:
        with urllib.request.urlopen(address, data, timeout=30) as answer:
            return answer.status, ElementTree.fromstring(answer.read())  # noqa: S314
    except urllib.error.HTTPError as error:
        return error.code, ElementTree.fromstring(error.read())  # noqa: S314


def test_the_client_reads_services_and_requests_unmodified(linli, code):
    sent = {**EXAMPLE, "jurisdiction_id": code, "api_key": linli.log_in("volunteer").token}
    status, tree = send(linli, sent)
    assert (status, tree.tag) == (201, "service_requests")
    number = tree.findtext("request/service_request_id")
    again, same = send(linli, sent)
    assert (again, same.findtext("request/service_request_id")) == (201, number)

    for form in ("json", "xml"):
        client = GeoReport(f"{linli.url}/open311/v2", jurisdiction=code, output_format=form)
        services = client.get_service_list()
        assert "安全隐患" in {one["service_name"] for one in services}
        definition = client.get_service_definition("hazard")
        assert definition["service_code"] == "hazard"
        found = client.get_service_requests(service_code="hazard", status="open")
        listed = {one["service_request_id"] for one in (found if form == "json" else _all(found))}
        assert number in listed
        one = client.get_service_request(number)
        assert (one["service_request_id"], one["status"]) == (number, "open")
        assert one["description"] is None
        none = client.get_service_requests(service_request_id=number, status="closed")
        assert (none if form == "json" else _all(none))[0]["service_request_id"] == number


def _all(found):
    """xmltodict gives a list of one as the one."""
    return found if isinstance(found, list) else [found]


def test_a_token_of_a_confidential_report_tells_only_that_it_was_received(linli, code):
    sent = {**EXAMPLE, "service_code": "assistance", "jurisdiction_id": code}
    status, tree = send(linli, sent | {"api_key": linli.log_in("volunteer").token})
    token = tree.findtext("request/token")
    assert (status, tree.findtext("request/service_request_id")) == (201, None)

    address = f"{linli.url}/open311/v2/tokens/{token}.xml?jurisdiction_id={code}"
    with urllib.request.urlopen(address, timeout=30) as answer:
        told = ElementTree.fromstring(answer.read())  # noqa: S314
    assert [one.tag for one in told.find("request")] == ["token"]


def test_errors_are_those_of_the_specification(linli, code):
    status, tree = send(linli, {**EXAMPLE, "jurisdiction_id": code})
    assert (status, tree.tag, tree.findtext("error/code")) == (403, "errors", "403")
    assert tree.findtext("error/description")
