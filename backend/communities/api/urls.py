from django.urls import path

from backend.api.code_pictures import code_pictures
from backend.communities.api import audit, invitations, places, roles, views, waiting

INVITATION = "communities/<str:code>/role-invitations/<uuid:invitation_id>"

# ``me`` can be left for good and is in backend/privacy/api.py.
# A community's own page, communities/{code}, tells of points and hours: volunteers/reports/api.
urlpatterns = [
    path("communities", views.CommunityListView.as_view()),
    path("communities/<str:code>/audit-entries", audit.AuditEntryListView.as_view()),
    path("communities/<str:code>/audit-entries/<uuid:entry_id>", audit.AuditEntryView.as_view()),
    path("communities/<str:code>/contact", places.ContactView.as_view()),
    path("communities/<str:code>/join-code", places.JoinCodeView.as_view()),
    *code_pictures("communities/<str:code>/join-code", places.JoinCodePictureView),
    path("communities/<str:code>/members", roles.MemberListView.as_view()),
    path(
        "communities/<str:code>/members/<uuid:membership_id>",
        roles.MemberView.as_view(),
    ),
    path("communities/<str:code>/people/search", roles.PersonSearchView.as_view()),
    path("communities/<str:code>/role-invitations", invitations.RoleInvitationListView.as_view()),
    path(INVITATION, invitations.RoleInvitationView.as_view()),
    path(f"{INVITATION}/revoke", invitations.RevokeRoleInvitationView.as_view()),
    path("role-invitations/look", invitations.LookAtRoleInvitationView.as_view()),
    path("role-invitations/accept", invitations.AcceptRoleInvitationView.as_view()),
    path("role-invitations/accept-as-new", invitations.AcceptRoleInvitationAsNewView.as_view()),
    path("places", places.PlaceListView.as_view()),
    path("places/<str:code>", places.PlaceView.as_view()),
    path("communities/<str:code>/roles", roles.RoleListView.as_view()),
    path("communities/<str:code>/work", waiting.WorkView.as_view()),
    path("roles/<uuid:membership_id>", roles.RoleView.as_view()),
    path("roles/<uuid:membership_id>/withdraw", roles.WithdrawRoleView.as_view()),
]
