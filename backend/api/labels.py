"""Labels of every enum value, in Chinese and in English.

The enums are those of the OpenAPI document: the choices of serializers' fields. Labels are those of
the choices, which are English unless the code says otherwise; the catalogue has the Chinese, under
an enum's name if the same label is called differently there.
"""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext, override, pgettext
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import (
    ComponentRegistry,
    build_choice_description_list,
    list_hash,
    load_enum_name_overrides,
)

SUFFIX = "Enum"
LANGUAGES = {"zh": "zh-hans", "en": "en"}  # by the names that the labels have
X_LABELS = "x-labels"

Labels = list[dict[str, str]]


def remember(registry: ComponentRegistry, choices: Mapping[Any, Any]) -> None:
    """Keep ``choices`` by their description while the document is made."""
    known: dict[str, Mapping[Any, Any]] = vars(registry).setdefault("choices", {})
    known[build_choice_description_list(choices.items())] = dict(choices)


def label_enums(result: dict[str, Any], generator: SchemaGenerator, **_: Any) -> dict[str, Any]:
    """Add both languages' labels to each enum: a hook of drf-spectacular's, after the one that
    makes components of enums."""
    known = vars(generator.registry).get("choices", {})
    for name, schema in result["components"]["schemas"].items():
        if choices := known.get(schema.get("description")) if "enum" in schema else None:
            schema[X_LABELS] = _labels(name.removesuffix(SUFFIX), choices)
            schema["description"] = "\n".join(
                f"* `{one['value']}` - {one['zh']} / {one['en']}" for one in schema[X_LABELS]
            )
    return result


def label_of(value: Any, choices: Mapping[Any, Any]) -> str:
    """Return the label of a value of an enum in the language that is active."""
    named = load_enum_name_overrides()  # type: ignore[no-untyped-call]
    enum = named.get(list_hash([pair for pair in choices.items() if pair[0] not in ("", None)]), "")
    return label_named(enum.removesuffix(SUFFIX), str(choices.get(value, value)))


def _labels(enum: str, choices: Mapping[Any, Any]) -> Labels:
    labels = [{"value": str(value)} for value in choices if value not in ("", None)]
    for name, language in LANGUAGES.items():
        with override(language):
            for one in labels:
                one[name] = label_named(enum, str(choices[one["value"]]))
    return labels


def label_named(enum: str, said: str) -> str:
    """Return the label of a value of the document's enum, in the language that is active."""
    label = said.replace("_", " ")
    label = label[:1].upper() + label[1:]
    special = pgettext(enum, label)
    return special if special != label else gettext(label)
