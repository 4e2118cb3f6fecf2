from django.urls import path

from volunteers.attendance.api import views as attendances

urlpatterns = [
    path("me/attendances", attendances.MyAttendanceListView.as_view()),
    path("me/attendances/<uuid:attendance_id>", attendances.MyAttendanceView.as_view()),
    path("me/attendances/<uuid:attendance_id>/check-in", attendances.CheckInView.as_view()),
    path("me/attendances/<uuid:attendance_id>/check-out", attendances.CheckOutView.as_view()),
    path("me/attendances/<uuid:attendance_id>/cancel", attendances.CancelView.as_view()),
    path("attendances", attendances.AttendanceListView.as_view()),
    path("attendances/<uuid:attendance_id>", attendances.AttendanceView.as_view()),
    path("attendances/<uuid:attendance_id>/verify", attendances.VerifyView.as_view()),
    path("attendances/<uuid:attendance_id>/reject", attendances.RejectView.as_view()),
]
