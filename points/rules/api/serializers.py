"""Shapes of rules, their versions, and drafts on trial."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from backend.accounts.models import User
from backend.api.fields import CharField, DateField, IntegerField, TimeOfDayField
from backend.api.serializers import ReadSerializer
from backend.communities.api.serializers import CommunityInBriefSerializer
from points.awards.services.tryout import HoldersChange, Trial
from points.kinds import Unit
from points.rules.models import Rule, RuleVersion
from points.rules.services import LONGEST_CATEGORY, LONGEST_NAME


class RuleVersionSerializer(ReadSerializer[RuleVersion]):
    """A version of a rule. Both days are the community's own and part of its validity."""

    parameters = serializers.DictField(read_only=True)

    class Meta:
        model = RuleVersion
        fields: tuple[str, ...] = ("number", "valid_from", "valid_to", "published_at")


class RuleSerializer(ReadSerializer[Rule]):
    """A rule as it applies in a community: its own, or lent by a place above it.

    Of several versions valid on a day the highest number counts.
    """

    place = CommunityInBriefSerializer(source="community", read_only=True)
    is_inherited = serializers.BooleanField(read_only=True)
    in_force = serializers.SerializerMethodField(help_text="Null: none today.")
    upcoming = serializers.SerializerMethodField(help_text="By their first day.")

    class Meta:
        model = Rule
        fields = ("id", "subject", "category")

    @extend_schema_field(RuleVersionSerializer(allow_null=True))
    def get_in_force(self, rule: Any) -> object:
        valid = [one for one in rule.versions_to_come if one.valid_from <= rule.day]
        return RuleVersionSerializer(valid[-1]).data if valid else None

    @extend_schema_field(RuleVersionSerializer(many=True))
    def get_upcoming(self, rule: Any) -> object:
        upcoming = [one for one in rule.versions_to_come if one.valid_from > rule.day]
        upcoming.sort(key=lambda version: version.valid_from)
        return RuleVersionSerializer(upcoming, many=True).data


class RuleInBriefSerializer(ReadSerializer[Rule]):
    class Meta:
        model = Rule
        fields = ("id", "subject", "category")


class PublishedVersionSerializer(RuleVersionSerializer):
    """A version with its rule."""

    rule = RuleInBriefSerializer(read_only=True)

    class Meta(RuleVersionSerializer.Meta):
        fields = ("rule", *RuleVersionSerializer.Meta.fields)


class DraftSerializer(serializers.Serializer[Any]):
    subject = serializers.ChoiceField(choices=Rule.Subject.choices)
    category = CharField(
        max_length=LONGEST_CATEGORY,
        help_text="`*` stands for every category without a rule of its own.",
    )
    parameters = serializers.DictField(
        help_text="For hours `points_per_hour`, `daily_cap_points`, `peak_windows`,"
        " `peak_multiplier_bp` (10000 is once) and `backfilled`: whether hours recorded afterwards"
        " earn as well; for a report `reward_points`, `daily_cap_points`, `confirmer_share_bp`"
        " (what each confirmer gets of it on top, in basis points), `rates` (a list of `colour`,"
        " `group`, or both, with a `reward_points` of their own; the narrowest that fits counts)"
        " and `earns_during_activity`: whether one made during an activity earns beside the hours."
        " For money `reward_fen`, `daily_cap_fen`, and `fund`, the name of the fund that pays."
    )


class PublishSerializer(DraftSerializer):
    """A version to publish. Both days are the community's own and part of its validity."""

    valid_from = DateField(help_text="Today or later.")
    valid_to = DateField(
        required=False, allow_null=True, help_text="Null: until another version counts."
    )


class TryoutSerializer(DraftSerializer):
    """A draft to try. Both days are the community's own and part of the period, 366 at most."""

    since = DateField()
    until = DateField()


class ExampleSerializer(DraftSerializer):
    """A draft, and one record to try it on: hours of service today, or one report."""

    minutes = IntegerField(default=180, min_value=1, max_value=1440)
    from_time = TimeOfDayField(default="09:00", help_text="By the community's clock.")
    colour = CharField(max_length=LONGEST_NAME, default="", allow_blank=True)
    group = CharField(max_length=LONGEST_NAME, default="", allow_blank=True)


class ExampleAnswerSerializer(serializers.Serializer[Any]):
    """The amount that the draft would give, and every step of the arithmetic."""

    unit = serializers.ChoiceField(choices=Unit.choices, read_only=True)
    amount = serializers.IntegerField(read_only=True)
    steps = serializers.DictField(read_only=True)


class TemplateSerializer(serializers.Serializer[Any]):
    """A rule to begin with; ``parameters`` are as in a draft."""

    key = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)
    note = serializers.CharField(read_only=True)
    subject = serializers.ChoiceField(choices=Rule.Subject.choices, read_only=True)
    category = serializers.CharField(read_only=True)
    parameters = serializers.DictField(read_only=True)


class ChangeSerializer(serializers.Serializer[Any]):
    """Points and fen of a period: as awarded, and as the draft would have had them."""

    points_before = serializers.IntegerField(read_only=True)
    points_after = serializers.IntegerField(read_only=True)
    points_difference = serializers.IntegerField(read_only=True)
    fen_before = serializers.IntegerField(read_only=True)
    fen_after = serializers.IntegerField(read_only=True)
    fen_difference = serializers.IntegerField(read_only=True)


class WhoseChangeSerializer(ReadSerializer[User]):
    """A person by name: staff judge a draft by whom it would have affected."""

    class Meta:
        model = User
        fields = ("id", "name")


class PersonsChangeSerializer(ChangeSerializer):
    person = serializers.SerializerMethodField()

    @extend_schema_field(WhoseChangeSerializer)
    def get_person(self, change: HoldersChange) -> object:
        return WhoseChangeSerializer(self.context["people"][change.holder]).data


class TrialSerializer(serializers.Serializer[Any]):
    """The changes that a draft would have made to all awards of the period."""

    cost = ChangeSerializer(read_only=True)
    awards = serializers.IntegerField(read_only=True)
    awards_under_draft = serializers.IntegerField(
        read_only=True, help_text="Those of them that the draft would have decided."
    )
    volunteers = serializers.IntegerField(read_only=True, help_text="Whose awards they are.")
    gains = PersonsChangeSerializer(
        many=True, read_only=True, help_text="The ten largest, in the draft's unit."
    )
    losses = PersonsChangeSerializer(many=True, read_only=True, help_text="The ten largest.")

    @staticmethod
    def context_of(trial: Trial) -> dict[str, Any]:
        ids = {
            change.holder: UUID(change.holder.removeprefix("person:"))
            for change in (*trial.gains, *trial.losses)
        }
        people = User.objects.in_bulk(list(ids.values()))
        return {"people": {holder: people[person_id] for holder, person_id in ids.items()}}
