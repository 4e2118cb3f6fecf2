"""The settings of a web server without middleware, but allauth's, which insists on its own."""

from bench._web_settings import *  # noqa: F403

MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]
