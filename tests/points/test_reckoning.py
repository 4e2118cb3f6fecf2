"""An award's arithmetic in sentences: each number that stands in it can be found in its steps."""

import pytest
from django.utils import translation

from points.awards.reckoning import in_words

HOURS = {
    "minutes": 150,
    "peak_minutes": 90,
    "peak_multiplier_bp": 15000,
    "weighted_minutes_bp": 60 * 10000 + 90 * 15000,
    "points_per_hour": 10,
}
CAP = {"points_before_cap": 32, "daily_cap_points": 90, "awarded_that_day": 70}


@pytest.mark.parametrize(
    ("steps", "sentences"),
    [
        ({}, []),
        ({"points": 120}, ["It brings 120 points."]),
        (
            HOURS | CAP | {"points": 20},
            [
                "Minutes served: 150.",
                "90 of them, at rush hour, count 1.5 times: 195 minutes count in all.",
                "10 an hour: 10 × 195 ÷ 60 = 32.5, rounded down to 32.",
                "The rule brings at most 90 points a day; 70 points had been brought that day,"
                " so 20 points were left.",
                "It brings 20 points.",
            ],
        ),
        (
            HOURS | {"peak_minutes": 0, "weighted_minutes_bp": 1500000, "points": 25},
            [
                "Minutes served: 150.",
                "10 an hour: 10 × 150 ÷ 60 = 25, rounded down to 25.",
                "It brings 25 points.",
            ],
        ),
        (
            HOURS | {"peak_minutes": 0, "backfilled": False, "points": 0},
            [
                "Minutes served: 150.",
                "Hours recorded afterwards earn nothing under this rule.",
                "It brings 0 points.",
            ],
        ),
        (
            {"reward": 2000, "confirmer_share_bp": 2500, "fen": 500},
            [
                "The rule rewards it with 20.00 yuan.",
                "Who confirms gets 25% of that.",
                "It brings 5.00 yuan.",
            ],
        ),
        (
            {"reward": 1, "earns_during_activity": False, "points": 0},
            [
                "The rule rewards it with 1 points.",
                "It was made during an activity, whose hours are its reward.",
                "It brings 0 points.",
            ],
        ),
        (
            {"reward": 5, "earns_during_activity": True, "points": 5},
            [
                "The rule rewards it with 5 points.",
                "It was made during an activity, and the rule rewards it beside the hours.",
                "It brings 5 points.",
            ],
        ),
    ],
)
def test_each_step_is_a_sentence(steps, sentences):
    with translation.override("en"):
        assert in_words(steps) == sentences


def test_the_sentences_are_chinese_by_default():
    first, *_, last = in_words(HOURS | {"points": 32})

    assert (first, last) == ("服务分钟数：150。", "得 32 积分。")
