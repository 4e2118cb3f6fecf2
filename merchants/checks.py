"""Checks of merchants that stand in a module of their own."""

from merchants.settlement import money

__all__ = ["money"]
