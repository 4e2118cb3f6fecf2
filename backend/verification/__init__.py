"""Verifications of what points and money depend on, and what they found."""
