from django.apps import AppConfig

from backend import leaving


class MerchantsConfig(AppConfig):
    name = "merchants"

    def ready(self) -> None:
        from merchants.services import giving_back

        leaving.heard_by(giving_back.give_back)
