from django.urls import path

from merchants.webhooks.api import views as webhooks

WEBHOOK = "merchants/<uuid:merchant_id>/webhooks/<uuid:endpoint_id>"

urlpatterns = [
    path("merchants/<uuid:merchant_id>/webhooks", webhooks.WebhookListView.as_view()),
    path(f"{WEBHOOK}/secret", webhooks.WebhookSecretView.as_view()),
    path(f"{WEBHOOK}/switch", webhooks.WebhookSwitchView.as_view()),
    path(f"{WEBHOOK}/ping", webhooks.WebhookPingView.as_view()),
    path(f"{WEBHOOK}/redeliver", webhooks.RedeliverSinceView.as_view()),
    path(f"{WEBHOOK}/deliveries", webhooks.DeliveryListView.as_view()),
    path(f"{WEBHOOK}/deliveries/<uuid:delivery_id>/redeliver", webhooks.RedeliverView.as_view()),
]
