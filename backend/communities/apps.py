from django.apps import AppConfig


class CommunitiesConfig(AppConfig):
    name = "backend.communities"
    label = "communities"
