"""The check of what expired: whose it was, of which day, and that it says why."""

from django.utils.translation import gettext_lazy as _

from backend.registries.checks import Check, Kind, queried, register

_EXPIRIES = """
    SELECT 'points_transfer', t.id, wrong.because
    FROM points_transfer t
    JOIN points_account d ON d.community_id = t.community_id AND d.id = t.debit_id
    JOIN points_account c ON c.community_id = t.community_id AND c.id = t.credit_id
    JOIN communities_community place ON place.id = t.community_id
    CROSS JOIN LATERAL (SELECT
        (t.explanation ->> 'expires_on')::date AS day,
        (t.explanation ->> 'available')::bigint AS available,
        (t.explanation ->> 'kept')::bigint AS kept
    ) AS said
    CROSS JOIN LATERAL (SELECT CASE
        WHEN (t.reason, c.kind, d.kind) IS DISTINCT FROM ('expiry', 'expired', 'wallet')
            THEN 'nothing but expiry takes what a wallet loses'
        WHEN 'expire:' || t.debit_id || ':' || said.day
                IS DISTINCT FROM substr(t.key, 1, 54)
            THEN 'it is not of the wallet and the day that it says'
        WHEN t.amount IS DISTINCT FROM said.available - said.kept
            THEN format('it took %%s, of %%s it had to keep %%s', t.amount, said.available,
                said.kept)
        WHEN t.posted_at < (said.day + 1)::timestamp AT TIME ZONE place.timezone
            THEN 'its day was not over'
    END AS because) AS wrong
    WHERE t.community_id = %(community)s AND t.id >= %(since_id)s AND t.reverses_id IS NULL
        AND (starts_with(t.key, 'expire:') OR t.reason = 'expiry' OR c.kind = 'expired')
        AND wrong.because IS NOT NULL
"""

register(
    Check(
        name="expiry",
        kind=Kind.LEDGER,
        promise=_("What a wallet lost is of a day that was over, and what it did not keep."),
        advice=_(
            "Points were taken that had not expired, or others than those that had. Compare the"
            " amount with the volunteer's statement, and give back what was wrongly taken by a"
            " correction."
        ),
        tables=("points_transfer",),
        findings=queried("expiry", _EXPIRIES),
    ),
)
