"""A rule's parameters as a form, and back: hours and windows, or rewards by colour and group.

The form only reads what is typed. Whether it is a rule, the API says (points/rules/services.py).
"""

from collections.abc import Mapping
from decimal import Decimal
from itertools import groupby
from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext_lazy as _
from unfold import widgets

from backend.api.labels import label_of
from backend.top.console.forms import MOST_DIGITS
from points.kinds import Unit
from volunteers.reports.models.categories import Colour

# Peak windows and rates that a form has room for, beside those of the rule that it begins with.
WINDOWS = RATES = 2
ONE = 10_000  # a multiplier of 1, in basis points
PERCENT = 100  # basis points

Parameters = dict[str, Any]


def line(**attrs: str) -> forms.Widget:
    made: forms.Widget = widgets.UnfoldAdminTextInputWidget(attrs)
    return made


def number(label: Any, **facts: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label, required=False, min_value=0, widget=line(inputmode="numeric"), **facts
    )


def amount(label: Any, **facts: Any) -> forms.DecimalField:
    return forms.DecimalField(
        label=label,
        required=False,
        min_value=0,
        max_digits=MOST_DIGITS,
        widget=line(inputmode="decimal"),
        **facts,
    )


class RuleForm(forms.Form):
    """The fields of every rule; ``subject`` is what the API calls it.

    ``in_rows`` are fields that are drawn side by side: of windows, and of rates.
    """

    subject: ClassVar[str]
    in_rows: ClassVar[tuple[str, ...]] = ("window_", "rate_")
    category = forms.CharField(
        label=_("Category"),
        max_length=40,
        widget=line(),
        help_text=_("* stands for every category without a rule of its own."),
    )
    valid_from = forms.DateField(label=_("Valid from"), widget=line(type="date"))
    valid_to = forms.DateField(label=_("Valid until"), required=False, widget=line(type="date"))

    def parts(self) -> list[tuple[bool, list[forms.BoundField]]]:
        """Return the fields in their order, and whether they are drawn side by side."""
        drawn = groupby(self, lambda field: field.name.startswith(self.in_rows))
        return [(in_rows, list(fields)) for in_rows, fields in drawn]

    def draft(self) -> dict[str, Any]:
        """Return the draft as the API reads it."""
        return {
            "subject": self.subject,
            "category": self.cleaned_data["category"],
            "parameters": {
                name: value for name, value in self.parameters().items() if value is not None
            },
        }

    def days(self) -> dict[str, str]:
        told = {name: self.cleaned_data[name] for name in ("valid_from", "valid_to")}
        return {name: day.isoformat() for name, day in told.items() if day}

    def parameters(self) -> Parameters:
        raise NotImplementedError

    def example(self) -> dict[str, Any]:
        """Return the record on which the draft is tried."""
        raise NotImplementedError

    def refuse(self, problem: Mapping[str, Any]) -> None:
        """Show the API's refusal at the field that it is about, else above."""
        about = str(problem.get("parameter") or next(iter(problem.get("errors") or {}), ""))
        name = FIELD_OF.get(about, about)
        title = str(problem.get("title", ""))
        self.add_error(name if name in self.fields else None, title)


# The field of a form in which a parameter of the rule is typed, where the names differ.
FIELD_OF = {
    "daily_cap_points": "daily_cap",
    "daily_cap_fen": "daily_cap",
    "reward_points": "reward",
    "reward_fen": "reward",
    "peak_windows": "window_0_from",
    "peak_multiplier_bp": "peak_multiplier",
    "rates": "rate_0_reward",
    "confirmer_share_bp": "confirmer_share",
}


class HoursForm(RuleForm):
    subject = "hours"
    points_per_hour = number(_("Points an hour"))
    daily_cap = number(_("At most a day, in points"))
    peak_multiplier = amount(
        _("Multiplier in the windows"),
        decimal_places=4,
        help_text=_("1.5 is half as much again."),
    )
    backfilled = forms.BooleanField(
        label=_("Hours recorded afterwards earn as well"),
        required=False,
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )
    example_minutes = number(_("Example: minutes of service"), initial=180)
    example_from = forms.TimeField(
        label=_("Example: begins at"),
        required=False,
        initial="09:00",
        widget=line(type="time"),
    )

    def __init__(self, *args: Any, windows: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.windows = windows + WINDOWS
        for at in range(self.windows):
            for end, label in (("from", _("Window {number}: from")), ("until", _("until"))):
                self.fields[f"window_{at}_{end}"] = forms.TimeField(
                    label=label.format(number=at + 1),
                    required=False,
                    widget=line(type="time"),
                )
        self.order_fields(
            [
                *("category", "points_per_hour", "daily_cap", "peak_multiplier"),
                *(f"window_{at}_{end}" for at in range(self.windows) for end in ("from", "until")),
                *("backfilled", "valid_from", "valid_to", "example_minutes", "example_from"),
            ]
        )

    @staticmethod
    def typed(parameters: Parameters) -> dict[str, Any]:
        """Return what stands in the form for a rule's parameters."""
        windows = parameters.get("peak_windows", [])
        multiplier = Decimal(parameters.get("peak_multiplier_bp", ONE)) / ONE
        return {
            "points_per_hour": parameters.get("points_per_hour"),
            "daily_cap": parameters.get("daily_cap_points"),
            "peak_multiplier": multiplier.normalize() if windows else None,
            "backfilled": parameters.get("backfilled", True),
            **{
                f"window_{at}_{end}": hour
                for at, window in enumerate(windows)
                for end, hour in zip(("from", "until"), window, strict=True)
            },
        }

    def parameters(self) -> Parameters:
        told = self.cleaned_data
        windows = [
            [f"{told[f'window_{at}_from']:%H:%M}", f"{told[f'window_{at}_until']:%H:%M}"]
            for at in range(self.windows)
            if told.get(f"window_{at}_from") and told.get(f"window_{at}_until")
        ]
        multiplier = told.get("peak_multiplier")
        return {
            "points_per_hour": told.get("points_per_hour"),
            "daily_cap_points": told.get("daily_cap"),
            "peak_windows": windows or None,
            "peak_multiplier_bp": None if multiplier is None else int(multiplier * ONE),
            "backfilled": None if told["backfilled"] else False,
        }

    def example(self) -> dict[str, Any]:
        told = self.cleaned_data
        found = {"minutes": told.get("example_minutes")}
        if told.get("example_from"):
            found["from_time"] = f"{told['example_from']:%H:%M}"
        return {name: value for name, value in found.items() if value is not None}


class ReportForm(RuleForm):
    subject = "report"
    unit = forms.ChoiceField(label=_("Rewarded in"), widget=widgets.UnfoldAdminSelectWidget())
    reward = amount(_("Reward"))
    fund = forms.CharField(
        label=_("Fund that pays"),
        required=False,
        max_length=40,
        widget=line(),
        help_text=_("For money alone: a fund of this name and of the year."),
    )
    confirmer_share = amount(_("Share of each who confirms, in per cent"))
    daily_cap = amount(_("At most a day, for one person"))
    earns_during_activity = forms.BooleanField(
        label=_("Reports made during an activity earn beside its hours"),
        required=False,
        widget=widgets.UnfoldBooleanSwitchWidget(),
    )

    def __init__(self, *args: Any, rates: int = 0, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        colours = dict(Colour.choices)
        shown = [("", _("any colour")), *((one, label_of(one, colours)) for one in colours)]
        self.fields["unit"].choices = [  # type: ignore[attr-defined]
            (Unit.POINTS.value, _("Points")),
            (Unit.FEN.value, _("Yuan")),
        ]
        self.rates = rates + RATES
        names = []
        for at in range(self.rates):
            self.fields[f"rate_{at}_colour"] = forms.ChoiceField(
                label=_("Rate {number}: colour").format(number=at + 1),
                required=False,
                choices=shown,
                widget=widgets.UnfoldAdminSelectWidget(),
            )
            self.fields[f"rate_{at}_group"] = forms.CharField(
                label=_("group of reporters"), required=False, max_length=20, widget=line()
            )
            self.fields[f"rate_{at}_reward"] = amount(_("reward"))
            names += [f"rate_{at}_{part}" for part in ("colour", "group", "reward")]
        self.fields["example_colour"] = forms.ChoiceField(
            label=_("Example: colour"),
            required=False,
            choices=shown,
            widget=widgets.UnfoldAdminSelectWidget(),
        )
        self.order_fields(
            [
                *("category", "unit", "fund", "reward", *names),
                *("confirmer_share", "daily_cap", "earns_during_activity"),
                *("valid_from", "valid_to", "example_colour"),
            ]
        )

    @staticmethod
    def typed(parameters: Parameters) -> dict[str, Any]:
        """Return what stands in the form for a rule's parameters."""
        unit = Unit.FEN if "reward_fen" in parameters else Unit.POINTS
        whole = 100 if unit == Unit.FEN else 1

        def shown(amount: int | None) -> Decimal | None:
            return None if amount is None else Decimal(amount) / whole

        rates = {}
        for at, rate in enumerate(parameters.get("rates", [])):
            rates[f"rate_{at}_colour"] = rate.get("colour", "")
            rates[f"rate_{at}_group"] = rate.get("group", "")
            rates[f"rate_{at}_reward"] = shown(rate[f"reward_{unit}"])
        share = parameters.get("confirmer_share_bp")
        return {
            "unit": unit.value,
            "fund": parameters.get("fund", ""),
            "reward": shown(parameters.get(f"reward_{unit}")),
            "confirmer_share": None if share is None else Decimal(share) / PERCENT,
            "daily_cap": shown(parameters.get(f"daily_cap_{unit}")),
            "earns_during_activity": parameters.get("earns_during_activity", False),
            **rates,
        }

    def parameters(self) -> Parameters:
        told = self.cleaned_data
        unit = told["unit"]
        whole = 100 if unit == Unit.FEN else 1

        def typed(amount: Decimal | None) -> int | float | None:
            if amount is None:
                return None
            exact = amount * whole
            return int(exact) if exact == exact.to_integral_value() else float(exact)

        rates = []
        for at in range(self.rates):
            reward = told.get(f"rate_{at}_reward")
            if reward is None:
                continue
            of = {name: told.get(f"rate_{at}_{name}") for name in ("colour", "group")}
            rates.append({name: one for name, one in of.items() if one})
            rates[-1][f"reward_{unit}"] = typed(reward)
        share = told.get("confirmer_share")
        return {
            f"reward_{unit}": typed(told.get("reward")),
            "fund": told.get("fund") or None,
            "rates": rates or None,
            "confirmer_share_bp": None if share is None else int(share * PERCENT),
            f"daily_cap_{unit}": typed(told.get("daily_cap")),
            "earns_during_activity": told["earns_during_activity"] or None,
        }

    def example(self) -> dict[str, Any]:
        colour = self.cleaned_data.get("example_colour")
        return {"colour": colour} if colour else {}


def form_of(
    subject: str, parameters: Parameters, data: Any = None, **initial: Any
) -> HoursForm | ReportForm:
    """Return the form of a rule that begins with ``parameters``."""
    if subject == HoursForm.subject:
        windows = len(parameters.get("peak_windows", []))
        typed = HoursForm.typed(parameters)
        return HoursForm(data, windows=windows, initial=typed | initial)
    typed = ReportForm.typed(parameters)
    return ReportForm(data, rates=len(parameters.get("rates", [])), initial=typed | initial)
