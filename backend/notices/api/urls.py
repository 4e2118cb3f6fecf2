from backend.notices.api import emails, inbox, texts, wishes

urlpatterns = [
    *inbox.urlpatterns,
    *wishes.urlpatterns,
    *texts.urlpatterns,
    *emails.urlpatterns,
]
