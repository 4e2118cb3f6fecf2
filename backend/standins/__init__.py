"""Servers that speak WeChat's protocols: for `make run` without credentials, and for tests."""
