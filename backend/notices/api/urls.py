from backend.notices.api import inbox, texts

urlpatterns = [*inbox.urlpatterns, *texts.urlpatterns]
