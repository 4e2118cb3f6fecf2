"""The data held about what staff decided about somebody's record."""

from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.communities.models import Suspension
from backend.people.models import LogInChange, LogInLink, Merge
from backend.privacy import held

held.table(
    "suspensions",
    "您被暂停参与的时间和原因 / when and why you were suspended",
    "id community is_everywhere reason since_at ends_at lifted_at",
    Suspension,
    "user",
    emptied=["reason"],
)
held.acts(Suspension, "suspended_by", "lifted_by")
held.table(
    "log_in_changes",
    "工作人员为您更换手机号或微信 / changes of your number or WeChat by staff",
    "id community has_phone ends_wechat seen_by reason status proposed_at decided_at",
    LogInChange,
    "user",
    emptied=["reason", "phone_encrypted"],
)
held.acts(LogInChange, "proposed_by", "decided_by")
held.table(
    "log_in_links",
    "工作人员为您制作的登录链接 / links to log in with that staff made for you",
    "id place invited_at expires_at accepted_at revoked_at",
    LogInLink,
    "user",
    emptied=["code_encrypted"],
)
held.acts(LogInLink, "invited_by", "revoked_by")
held.left_out("the person themselves, which is told", LogInLink, "accepted_by")
held.table(
    "merges",
    "您的重复档案的合并 / merges of records of yours",
    "id community seen_by reason status proposed_at decided_at",
    Merge,
    "merged",
    "kept",
    emptied=["reason"],
)
held.acts(Merge, "proposed_by", "decided_by")
held.left_out("another record of theirs, whose data the export has", User, "merged_into")
held.titles(
    ends_at=_("Ends at"),
    ends_wechat=_("WeChat is forgotten"),
    invited_at=_("Made at"),
    has_phone=_("Another phone number"),
    is_everywhere=_("The whole account"),
    lifted_at=_("Lifted at"),
    revoked_at=_("Revoked at"),
    seen_by=_("How identity was seen"),
)
