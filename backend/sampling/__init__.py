"""Samples: rows of a period drawn by chance, which auditors look into one by one and sign off."""
