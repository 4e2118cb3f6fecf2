"""Personal data about vouchers, wishes and scans, and what an erasure leaves of it."""

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from backend.accounts.models import User
from backend.documents import services as documents
from backend.documents.models import Document
from backend.privacy import held
from merchants import models
from merchants.giving.services import wishes
from merchants.partners.selectors import merchants_owned_by


def _end_employments(user: User) -> None:
    models.MerchantMember.objects.filter(user=user, ended_at=None).update(ended_at=timezone.now())


def _discard_files_that_name(user: User) -> None:
    named = models.Statement.objects.filter(
        Q(drafted_by=user) | Q(approved_by=user) | Q(paid_by=user)
    ).values_list("pk", flat=True)
    documents.discard(
        Document.objects.filter(kind="statement", about__statement__in=list(map(str, named)))
    )


held.DUTIES.append(lambda user: merchants_owned_by(user).exists())
held.FORGETS += [wishes.forget, _end_employments, _discard_files_that_name]
held.table(
    "employments",
    "您在商户的工作 / where you work as a clerk or owner",
    "id merchant=merchant__name role since_at ended_at",
    models.MerchantMember,
    "user",
)
held.table(
    "redemptions",
    "兑换和兑换券 / what you redeemed",
    "id community merchant=partnership__name offer=offer__title code quantity points=price_points"
    " status taken_at expires_at closed_at",
    models.Redemption,
    "volunteer",
)
held.table(
    "cards",  # without the code, which opens nothing alone
    "您的积分卡 / your printed cards",
    "id community issued_at blocked_at reason",
    models.Card,
    "volunteer",
)
held.table(
    "wishes",
    "您的微心愿 / what you wished for",
    "id community text status points=price_points proposed_at reason closed_at thanks",
    models.Wish,
    "volunteer",
)
held.table(
    "scans",  # without the code, which is the customer's
    "您作为店员的扫码记录 / what you scanned as a clerk",
    "id community merchant=merchant__name outcome scanned_at",
    models.ScanAttempt,
    "clerk",
)
held.acts(models.ActivityMatch, "matched_by", "ended_by")
held.acts(models.BankBatch, "made_by", "cancelled_by")
held.acts(models.Campaign, "opened_by")
held.acts(models.Card, "issued_by", "blocked_by")
held.acts(models.Device, "registered_by", "retired_by")
held.acts(models.Fair, "announced_by", "cancelled_by")
held.acts(models.Increase, "asked_by", "decided_by")
held.acts(models.Invitation, "invited_by", "revoked_by")
held.acts(models.Listing, "added_by", "closed_by")
held.acts(models.MerchantMember, "ended_by")
held.acts(models.Offer, "proposed_by", "decided_by")
held.acts(models.OfferPrice, "set_by")
held.acts(models.Refund, "refunded_by")
held.acts(models.Disbursement, "disbursed_by")
held.acts(models.Sponsorship, "recorded_by")
held.acts(models.SeriesStall, "placed_by")
held.acts(models.Statement, "drafted_by", "approved_by", "paid_by")
held.acts(models.StatementQuestion, "asked_by", "answered_by")
held.acts(models.StockMove, "moved_by")
held.acts(models.Terms, "agreed_by", "withdrawn_by")
held.acts(models.Wish, "decided_by", "donor")
held.left_out("the employment that came of it is told", models.Invitation, "accepted_by")
held.left_out("a digest of what a phone showed for a minute", models.PayCode, "volunteer")
held.left_out("the transfer into the campaign's pool is told", models.Donation, "volunteer")
held.left_out(
    "somebody else's voucher: it stands among the scans", models.Redemption, "redeemed_by"
)
held.titles(
    blocked_at=_("Blocked at"),
    code=_("Code"),
    issued_at=_("Issued at"),
    merchant=_("Merchant"),
    offer=_("Offer"),
    scanned_at=_("Scanned at"),
    taken_at=_("Taken at"),
    thanks=_("Thanks"),
)
