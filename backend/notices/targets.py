"""What a tap on a notice opens: target types, and the address of each below ``/api/v1/``.

An app registers the types that its notices open, in its ``texts.py``.
"""

registered: dict[str, str] = {}


def register(**addresses: str) -> None:
    """Register target types: ``register(report="reports/{id}")``.

    ``{id}`` is the notice's ``target_id``, ``{community}`` the code of its community. Raises
    ValueError if a type is registered already.
    """
    if twice := registered.keys() & addresses.keys():
        raise ValueError(f"These target types are registered already: {twice}.")
    registered.update(addresses)
