"""Why a file can not be read at all."""


class TableError(Exception):
    """The file as a whole can not be read. ``line`` is None where no line is to blame."""

    def __init__(self, code: str, reason: str, *, line: int | None = None) -> None:
        super().__init__(code, reason)
        self.code = code
        self.reason = reason
        self.line = line
