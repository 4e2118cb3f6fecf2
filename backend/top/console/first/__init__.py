"""The first run: becoming an operator, accepting an invitation, and what an office begins with."""
