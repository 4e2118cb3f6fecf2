from django.urls import path

from backend.api.code_pictures import code_pictures
from backend.api.files import SHEETS, in_each_format
from volunteers.attendance.api import (
    attendances,
    call_outs,
    figures,
    gates,
    offline,
    totals,
    waiting,
)

urlpatterns = [
    path("shifts/<uuid:shift_id>/attendances", attendances.ShiftAttendancesView.as_view()),
    *in_each_format("shifts/<uuid:shift_id>/roster", attendances.RosterFileView, SHEETS),
    path("communities/<str:code>/service-figures", figures.PlaceFiguresView.as_view()),
    path("teams/<uuid:team_id>/service-figures", figures.TeamFiguresView.as_view()),
    path("me/totals", totals.MyTotalsView.as_view()),
    path("me/attendances", attendances.MyAttendanceListView.as_view()),
    path("attendances", attendances.AttendanceListView.as_view()),
    path("attendances/<uuid:attendance_id>", attendances.AttendanceView.as_view()),
    path("attendances/<uuid:attendance_id>/check-in", attendances.CheckInView.as_view()),
    path("attendances/<uuid:attendance_id>/check-out", attendances.CheckOutView.as_view()),
    path("attendances/<uuid:attendance_id>/cancel", attendances.CancelView.as_view()),
    path("attendances/<uuid:attendance_id>/verify", attendances.VerifyView.as_view()),
    path("attendances/<uuid:attendance_id>/reject", attendances.RejectView.as_view()),
    path("attendances/<uuid:attendance_id>/void", attendances.VoidView.as_view()),
    path("me/attendance/sync", offline.MySyncView.as_view()),
    path("shifts/<uuid:shift_id>/attendance/sync", offline.ShiftSyncView.as_view()),
    path("shifts/<uuid:shift_id>/venue-code", gates.VenueCodeView.as_view()),
    *code_pictures("shifts/<uuid:shift_id>/venue-code", gates.VenueCodePictureView),
    path("shifts/<uuid:shift_id>/gate", gates.GateView.as_view()),
    path("me/presence-codes/<str:code>", gates.MyPresenceCodeView.as_view()),
    *code_pictures("me/presence-codes/<str:code>", gates.MyPresenceCodePictureView),
    path("refused-claims", attendances.RefusedClaimListView.as_view()),
    path("refused-claims/<uuid:claim_id>", attendances.RefusedClaimView.as_view()),
    path("shifts/<uuid:shift_id>/waiting-places", waiting.ShiftWaitingPlacesView.as_view()),
    path("me/waiting-places", waiting.MyWaitingPlaceListView.as_view()),
    path("waiting-places/<uuid:waiting_place_id>", waiting.WaitingPlaceView.as_view()),
    path("waiting-places/<uuid:waiting_place_id>/leave", waiting.LeaveWaitingPlaceView.as_view()),
    path("shifts/<uuid:shift_id>/call-outs", call_outs.ShiftCallOutsView.as_view()),
    path("call-outs/<uuid:call_out_id>", call_outs.CallOutView.as_view()),
    path("call-outs/<uuid:call_out_id>/end", call_outs.EndCallOutView.as_view()),
]
