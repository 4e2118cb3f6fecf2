"""Errors of the clock, for operators."""


class UnderWay(Exception):
    """The error of a work that is to be run while a run of it is open."""
