"""The console: the API with pages in front, for staff at a desk (docs/console.md)."""
