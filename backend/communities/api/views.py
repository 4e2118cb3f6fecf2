"""The communities."""

from django.db.models import QuerySet
from rest_framework.generics import ListAPIView
from rest_framework.permissions import AllowAny

from backend.api.throttling import PublicThrottle
from backend.communities import selectors
from backend.communities.api.serializers import CommunitySerializer
from backend.communities.models import Community


class CommunityListView(ListAPIView[Community]):
    """The communities that keep a ledger here: ``GET /api/v1/communities``. Public."""

    permission_classes = (AllowAny,)
    throttle_classes = (PublicThrottle,)
    serializer_class = CommunitySerializer
    queryset = Community.objects.none()

    def get_queryset(self) -> QuerySet[Community]:
        return selectors.tenants()
