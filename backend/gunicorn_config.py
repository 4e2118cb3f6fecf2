"""Gunicorn's log in the format of ours: a line with the request's id.

``gunicorn --config=python:backend.gunicorn_config``. Query, address, referrer and user agent of a
request are not written, because they may tell of a person.
"""

access_log_format = "%({x-request-id}o)s gunicorn.access %(m)s %(U)s %(s)s %(B)s %(M)sms"
accesslog = "-"
logconfig_dict = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        # What gunicorn itself has to say is of no request, or of none that reached us.
        "own": {"format": "%(asctime)s %(levelname)s - %(name)s %(message)s"},
        "access": {"format": "%(asctime)s %(levelname)s %(message)s"},
    },
    "handlers": {
        "own": {"class": "logging.StreamHandler", "formatter": "own"},
        "access": {"class": "logging.StreamHandler", "formatter": "access"},
    },
    "loggers": {
        "gunicorn.error": {"handlers": ["own"], "level": "INFO", "propagate": False},
        "gunicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
    "root": {"handlers": ["own"], "level": "INFO"},
}
