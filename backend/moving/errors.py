"""Refusals of a move. An operator reads them at a shell, so they carry their own words."""


class MoveRefused(Exception):
    """The error of a move that can not be made; nothing was changed.

    ``code`` is stable, ``reasons`` are lines for the operator.
    """

    def __init__(self, code: str, *reasons: str) -> None:
        super().__init__(code, *reasons)
        self.code, self.reasons = code, reasons

    def __str__(self) -> str:
        return "\n".join((f"Refused: {self.code}.", *self.reasons))
