from django.apps import AppConfig


class ScenariosConfig(AppConfig):
    name = "backend.top.scenarios"
    label = "scenarios"
