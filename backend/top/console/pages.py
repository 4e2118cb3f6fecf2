"""Pages of the console, each declared by the API address whose answer it draws.

A page stands at ``/console/`` and the API's address. What may be read and done there is the API's
to say; a page only chooses what of an answer is shown, in what order, and which operations are
offered beside it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeAlias

from django.db.models import TextChoices
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Text: TypeAlias = str | Promise
Facts: TypeAlias = Mapping[str, Any]


class Group(TextChoices):
    """Headings of the navigation, in their order."""

    HOME = "home", _("Overview")
    HOURS = "hours", _("Activities and hours")
    REPORTS = "reports", _("Reports")
    PEOPLE = "people", _("People")
    SHOPS = "shops", _("Partners and offers")
    MONEY = "money", _("Settlement and funds")
    AUDIT = "audit", _("Audit")
    NOTICES = "notices", _("Notices")
    SETTINGS = "settings", _("Settings")


def always(facts: Facts) -> bool:
    """Offer an action whatever the row says."""
    return True


def has_status(*values: str, named: str = "status") -> Callable[[Facts], bool]:
    """Return a condition on a row: its ``named`` is one of ``values``."""
    return lambda facts: facts.get(named) in values


@dataclass(frozen=True)
class Choices:
    """The rows of an API list that a form's field chooses among.

    ``address`` is filled in like an action's. A row is sent as its ``value`` and shown by
    ``label``, a path in the row, or several with spaces between. The rows of an answer that is one
    thing stand in its ``within``; with ``""`` the thing is the one row.
    """

    address: str
    label: str = "name"
    value: str = "id"
    within: str = "results"


# Of every field and every filter of the name, unless a page says otherwise.
CHOICES: Mapping[str, Choices] = {
    "estate": Choices("communities/{code}/contact", value="code", within="below"),
}


@dataclass(frozen=True, kw_only=True)
class Action:
    """An operation of the API that a page offers.

    ``address`` is the operation's, filled in from the page's own address and from the row:
    ``attendances/{id}/verify``, ``{community[code]}``. ``fixed`` are fields sent as they stand, and
    ``fields`` those that are asked for (None: all that the operation knows). ``when`` says for
    which rows it is offered: a convenience, for the API refuses what is not possible. ``batch``:
    it is offered for chosen rows of a list, one call a row; with ``many``, one call whose field of
    that name takes all their ids. ``confirm`` is asked before it is sent. ``tries`` is the address
    of an operation that takes the same body, changes nothing and tells what would come of it.
    ``shows``: the answer is shown, for it tells what nobody can look up later; of it ``told``, or
    all, or by a ``template`` of its own.
    """

    address: str
    title: Text
    method: str = "post"
    icon: str = ""
    style: str = "default"  # primary, danger: a button of django-unfold
    fixed: Facts = field(default_factory=dict)
    fields: tuple[str, ...] | None = None
    choices: Mapping[str, Choices] = field(default_factory=dict)
    # By field, paths in the row, with spaces between: the first that leads to something.
    initial: Mapping[str, str] = field(default_factory=dict)
    when: Callable[[Facts], bool] = always
    batch: bool = False
    many: str = ""
    confirm: Text = ""
    tries: str = ""
    shows: bool = False
    told: tuple[str, ...] = ()
    template: str = ""
    opens: str = ""  # where to go afterwards, filled in from the answer

    @property
    def name(self) -> str:
        """The name by which a batch tells which action is meant."""
        fixed = map(str, self.fixed.values())
        return "-".join([self.method, self.address.rpartition("/")[2], *fixed])


@dataclass(frozen=True)
class Section:
    """Fields of one thing under a heading; a field is a path such as ``shift.activity.title``.

    With ``if_told`` a field without a value is left out, and a section without any.
    """

    title: Text
    fields: tuple[str, ...]
    if_told: bool = False


@dataclass(frozen=True)
class Related:
    """A list that belongs to one thing, drawn below it.

    Its address, which may have a query, is filled in like an action's. With ``if_any`` an
    empty list is not drawn.
    """

    address: str
    title: Text = ""  # its page's
    if_any: bool = False


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page: of a list, with ``columns``, or of one thing, with ``sections``.

    ``labels`` are by path, for fields that are called otherwise here than in words.py. ``opens`` is
    the address of a row's own page, filled in from the row. ``filters`` are the parameters offered
    (None: all that are no ids). ``first`` is the query of rows that come before all others.
    ``group`` puts a page that is of a place alone into the navigation. ``named`` is the field of
    one thing that is its title. ``template`` is one of its own, that extends the machine's;
    ``adds`` gives it more than the answer, called with the caller, the names in the address and the
    answer.
    """

    route: str
    title: Text
    group: Group | None = None
    icon: str = "list"
    rank: int = 5  # in its group: 1 is opened every day, 9 is set up once
    explains: Text = ""
    columns: tuple[str, ...] = ()
    labels: Mapping[str, Text] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()
    opens: str = ""
    filters: tuple[str, ...] | None = None
    choices: Mapping[str, Choices] = field(default_factory=dict)  # of filters
    first: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, str] = field(default_factory=dict)  # of the query when opened from nav
    rows: int = 0  # of a list's page, unless asked otherwise; 0: as many as the API's own
    marks: Mapping[str, Callable[[Facts], str]] = field(default_factory=dict)  # column: badge of it
    actions: tuple[Action, ...] = ()
    related: tuple[Related, ...] = ()
    named: str = ""
    files: Mapping[str, Text] = field(default_factory=dict)  # address: words of the link
    template: str = ""
    shape: Callable[[], Any] | None = None  # the answer's serializer, if the document has several
    adds: Callable[..., Mapping[str, Any]] | None = None


_pages: dict[str, Page] = {}


def add(*pages: Page) -> None:
    """Declare pages. Raises ValueError for an address that has one already."""
    for page in pages:
        if page.route in _pages:
            raise ValueError(f"{page.route} has a page.")
        _pages[page.route] = page


@cache
def all_pages() -> Mapping[str, Page]:
    """Return every page by its route, as the areas declare them."""
    from backend.top.console import areas

    for module in iter_modules(areas.__path__):
        import_module(f"{areas.__name__}.{module.name}")
    return _pages


def of_place() -> Iterable[Page]:
    """Return the pages of the navigation, which are about a place and name nothing else."""
    found = (page for page in all_pages().values() if page.group is not None)
    return sorted(found, key=lambda page: page.rank)
