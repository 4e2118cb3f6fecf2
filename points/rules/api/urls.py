from django.urls import path

from points.rules.api import views as rules

urlpatterns = [
    path("communities/<str:code>/rules", rules.RuleListView.as_view()),
    path("communities/<str:code>/rules/versions", rules.PublishView.as_view()),
    path("communities/<str:code>/rules/tryout", rules.TryoutView.as_view()),
    path("communities/<str:code>/rules/<uuid:rule_id>/versions", rules.VersionListView.as_view()),
]
