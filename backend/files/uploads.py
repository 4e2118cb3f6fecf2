"""The limit of what is uploaded by a form, looked at before anything of it is written to disk."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler


class Limit(FileUploadHandler):
    """Upload handler that refuses a form too long for any file that is taken somewhere.

    Django counts no files, and reads a form before the view is called: to look for the token
    against forgery. Raises RequestDataTooBig. A view's own limit is its parser's.
    """

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        length = int(self.request.META["CONTENT_LENGTH"])  # type: ignore[union-attr]
        if length > settings.UPLOAD_MAX_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        return raw_data  # for the handler that keeps it

    def file_complete(self, file_size: int) -> None:
        return None
