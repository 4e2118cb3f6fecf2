"""What the browser of a page may do: ``Content-Security-Policy`` and ``Permissions-Policy``."""

from enum import StrEnum

from django.conf import settings

FEATURES = ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")


class Need(StrEnum):
    """Something that a page needs of its browser beyond showing what is ours."""

    CAMERA = "camera"  # with the decoder of codes, which is WebAssembly
    GEOLOCATION = "geolocation"
    OFFLINE = "offline"  # a service worker and a manifest
    PREVIEW = "preview"  # pictures that were chosen and are not sent yet
    EVAL = "eval"  # the console's Alpine


def permissions_policy(needs: frozenset[Need] = frozenset()) -> str:
    """Return the policy that allows a page ``needs`` and nothing else of the phone's."""
    return ", ".join(f"{feature}=({'self' if feature in needs else ''})" for feature in FEATURES)


def content_security_policy(needs: frozenset[Need] = frozenset()) -> str:
    """Return the policy that lets a page load what is ours, and what its ``needs`` imply."""
    script, image, style, more = "'self'", "'self' data:", "'self'", ""
    if Need.CAMERA in needs:
        script += " 'wasm-unsafe-eval'"
    if Need.OFFLINE in needs:
        more += "worker-src 'self'; manifest-src 'self'; "
    if Need.PREVIEW in needs:
        image += " blob:"
    if Need.EVAL in needs:
        # django-unfold's Alpine evaluates what stands in attributes; its fonts are its own. The
        # one style in a page, known by its hash, is that which its htmx adds. A style in an
        # attribute, as its progress bars have, is refused; what scripts set is not.
        script += " 'unsafe-eval'"
        style += " 'sha256-bsV5JivYxvGywDAZ22EZJKBFip65Ng9xoJVLbBg7bdo='"
        more += "font-src 'self'; "
    return (
        f"default-src 'none'; script-src {script}; style-src {style}; connect-src 'self'; "
        f"img-src {image}; {more}"  # data: the icons in Swagger UI's style sheet
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def needs_of(path: str) -> frozenset[Need]:
    """Return what the pages at ``path`` need that say nothing for themselves."""
    is_console = path.startswith(settings.CONSOLE_PATH)
    return frozenset({Need.EVAL}) if is_console else frozenset()
