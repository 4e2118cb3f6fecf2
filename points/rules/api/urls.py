from django.urls import path

from points.rules.api import views as rules

RULE = "communities/<str:code>/rules/<uuid:rule_id>"

urlpatterns = [
    path("communities/<str:code>/rules", rules.RuleListView.as_view()),
    path("communities/<str:code>/rules/versions", rules.PublishView.as_view()),
    path("communities/<str:code>/rules/tryout", rules.TryoutView.as_view()),
    path("communities/<str:code>/rules/example", rules.ExampleView.as_view()),
    path("rule-templates", rules.TemplateListView.as_view()),
    path(RULE, rules.RuleView.as_view()),
    path(f"{RULE}/versions", rules.VersionListView.as_view()),
    path(f"{RULE}/versions/<int:number>", rules.VersionView.as_view()),
]
