"""``manage.py found_community CODE NAME``"""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug

from backend.communities.command import words
from backend.communities.models import Community, CoordType
from backend.communities.services import places
from backend.errors import Refusal


class Command(BaseCommand):
    """Found a community 社区, or a street 街道 for communities to stand under."""

    help = "Found a community (or a street above communities)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("code", metavar="CODE", help="letters, digits and hyphens, for URLs")
        parser.add_argument("name", type=words, metavar="NAME")
        parser.add_argument("--kind", choices=["community", "street"], default="community")
        parser.add_argument("--parent", metavar="CODE", help="the street it belongs to")
        parser.add_argument("--timezone", default="Asia/Shanghai", help="an IANA name")
        parser.add_argument(
            "--point",
            nargs=2,
            type=float,
            metavar=("LATITUDE", "LONGITUDE"),
            help="where its office is, in degrees",
        )
        parser.add_argument("--coord-type", choices=CoordType.values, default=CoordType.GCJ02)

    def handle(self, *args: Any, **options: Any) -> None:
        code, parent = options["code"], None
        try:
            validate_slug(code)
        except ValidationError as error:
            raise CommandError(f"{code}: {error.messages[0]}") from error
        if options["parent"]:
            parent = Community.objects.filter(code=options["parent"], kind="street").first()
            if parent is None:
                raise CommandError(f"There is no street with the code {options['parent']}.")
        point: dict[str, Any] = {}
        if options["point"]:
            latitude, longitude = options["point"]
            if not (abs(latitude) <= 90 and abs(longitude) <= 180):  # nor is NaN
                raise CommandError(f"{latitude} {longitude} is not a point on earth.")
            point = {"latitude": latitude, "longitude": longitude}
            point["coord_type"] = options["coord_type"]
        try:
            place = places.found(
                code=code,
                name=options["name"],
                kind=Community.Kind(options["kind"]),
                parent=parent,
                timezone=options["timezone"],
                **point,
            )
        except Refusal as refusal:
            raise CommandError(str(refusal.title)) from refusal
        self.stdout.write(f"Founded {place.name} ({place.code}).")
