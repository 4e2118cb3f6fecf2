"""Incoming pictures, and outgoing spreadsheets and printed pages."""
