#!/usr/bin/env python
"""Django's command line. `make run` starts everything at once; this is for single commands.

Beside a running `make run` it uses the same database and secrets.
"""

import os
import sys

from django.core.management import execute_from_command_line

from backend import environment

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backend.settings")
    environment.borrow()
    execute_from_command_line(sys.argv)
