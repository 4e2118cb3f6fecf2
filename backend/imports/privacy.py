"""The data held about imports: who uploaded, ran or took one back.

The files, and what is told of their rows, hold personal data of others. They are for the staff of
the community, are never exported, and are removed after a week; what the rows wrote, the apps
declare.
"""

from backend.imports.models import Import
from backend.privacy import held

held.acts(Import, "uploaded_by", "run_by", "taken_back_by")
