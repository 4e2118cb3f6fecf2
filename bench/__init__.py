"""Benches: ``make bench BENCH=name``, or all of them without BENCH.

Each file here whose name does not begin with ``_`` is a bench: a ``run()`` that prints a table and
returns an Outcome. Its figures are ratios of two things measured in one run, never seconds or bytes
by themselves: those say more about the machine than about us. What a phone loads is the exception.
"""
