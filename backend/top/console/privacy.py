"""Privacy of the console, which holds nothing about people."""

from django.contrib.admin.models import LogEntry

from backend.privacy import held

held.left_out("Django admin's own trail, in which nothing is written", LogEntry, "user")
