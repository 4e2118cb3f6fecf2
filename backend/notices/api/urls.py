from backend.notices.api import emails, inbox, texts

urlpatterns = [*inbox.urlpatterns, *texts.urlpatterns, *emails.urlpatterns]
