"""Delivering notices: into the inbox at once, and by messages beside it.

The inbox has every notice. Beside it, a notice goes by the channels of its kind that are set up,
unless its person switched them off or cannot be reached; e-mail is for those who work in the
community. What is not urgent waits for the end of the person's quiet hours.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models.functions import Now
from django.utils import timezone, translation

from backend.communities.selectors import staff_among
from backend.notices import channels, kinds
from backend.notices.models import Channel, Message, Notice, NoticeSettings
from backend.notices.selectors import channels_off
from backend.outbox.kinds import Done, Failed, Outcome

FOR_STAFF = frozenset({Channel.EMAIL})  # channels that reach nobody else


def deliver(due: list[Notice]) -> list[Outcome]:
    """Put notices of one community into inboxes, and owe their messages.

    Those that have become stale are withdrawn instead.
    """
    now, told, withdrawn = timezone.now(), Done(delivered_at=Now()), Done(withdrawn_at=Now())
    outcomes: list[Outcome] = [withdrawn if _is_stale(one, now) else told for one in due]
    fresh = [one for one, outcome in zip(due, outcomes, strict=True) if outcome is told]
    Message.objects.bulk_create(_messages(fresh, now))
    return outcomes


def send(message: Message) -> Outcome:
    """Send one message by its channel, in its language.

    It is skipped once its notice has become stale, or was read in the inbox.
    """
    if _is_stale(message.notice, timezone.now()):
        return Done(skipped_at=Now(), reason="stale")
    if message.notice.read_at is not None:
        return Done(skipped_at=Now(), reason="read")
    sender = channels.ready().get(Channel(message.channel))
    if sender is None:
        return Failed("channel_not_ready")
    with translation.override(message.language):
        return sender.send(message)


def after_quiet_hours(
    moment: datetime, clock: ZoneInfo, quiet_from: time, quiet_until: time
) -> datetime:
    """Return ``moment``, or the end of the quiet hours in which it falls by ``clock``."""
    local = moment.astimezone(clock)
    over_midnight = quiet_from > quiet_until
    is_late, is_early = local.time() >= quiet_from, local.time() < quiet_until
    if not (is_late or is_early if over_midnight else is_late and is_early):
        return moment
    ends_on = local.date() + timedelta(days=1 if over_midnight and is_late else 0)
    return datetime.combine(ends_on, quiet_until, clock)


def _messages(told: list[Notice], now: datetime) -> Iterator[Message]:
    """Yield the messages by which notices of one community go beside the inbox."""
    ready, by_way = channels.ready(), defaultdict(list)
    for notice in told:
        for channel in kinds.registered[notice.kind].channels:
            if channel in ready:
                by_way[notice.kind, channel].append(notice)
    if not by_way:
        return
    community = told[0].community
    people = {notice.recipient_id for some in by_way.values() for notice in some}
    settings_of = NoticeSettings.objects.in_bulk(people, field_name="user_id")
    default = NoticeSettings()
    staff = staff_among(community, people) if FOR_STAFF & {way[1] for way in by_way} else set()
    for (name, channel), some in by_way.items():
        reached = ready[channel].reaches(name, {notice.recipient_id for notice in some})
        if channel in FOR_STAFF:
            reached &= staff
        for notice in some:
            wishes = settings_of.get(notice.recipient_id, default)
            if notice.recipient_id not in reached or channel in channels_off(wishes, name):
                continue
            due_at = now
            if not kinds.registered[name].is_urgent:
                hours = wishes.quiet_from, wishes.quiet_until
                due_at = after_quiet_hours(now, community.clock, *hours)
            yield Message(
                community_id=notice.community_id,
                notice=notice,
                channel=channel,
                language=wishes.language,
                due_at=due_at,
                next_at=due_at,
            )


def _is_stale(notice: Notice, now: datetime) -> bool:
    return notice.stale_at is not None and notice.stale_at <= now
