"""The data held about samples: who drew, marked and signed off."""

from backend.privacy import held
from backend.sampling.models import Sample, SampleItem

held.acts(Sample, "drawn_by", "signed_off_by")
held.acts(SampleItem, "marked_by")
