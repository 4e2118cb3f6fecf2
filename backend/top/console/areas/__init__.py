"""Declarations of the console's pages, an area a file; every file here is read at the start."""
