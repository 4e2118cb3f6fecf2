"""Photos out."""

from backend.api.renderers import FileRenderer


class JPEGRenderer(FileRenderer):
    media_type = "image/jpeg"
    format = "jpg"
