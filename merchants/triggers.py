"""What triggers of several tables share: owing an event to a merchant's endpoints, and whose side
somebody is on."""

# UUIDv7, as ours are: the time in milliseconds first. PostgreSQL makes them from 18 on.
_NEW_ID = """(
    lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || '7'
    || substr(replace(gen_random_uuid()::text, '-', ''), 14, 3)
    || substr(replace(gen_random_uuid()::text, '-', ''), 17, 16)
)::uuid"""
# A merchant with several tells them apart by it.
_WHERE = "'community_id', NEW.community_id, 'partnership_id', NEW.partnership_id"


def owe(event: str, object_id: str, facts: str) -> str:
    """PL/pgSQL that owes ``event`` to every active endpoint of the row's merchant.

    All are SQL over ``NEW``, which has a community and a partnership: ``facts`` are the arguments
    of ``jsonb_build_object``, after the ids of these two. Whoever changes the row knows nothing
    of it.
    """
    facts = f"{_WHERE}, {facts}"
    return f"""
        INSERT INTO merchants_webhookdelivery (id, community_id, endpoint_id, event, object_id,
            data, happened_at, next_at, state, attempts, trouble)
        SELECT {_NEW_ID}, NEW.community_id, e.id, {event}, {object_id},
            jsonb_build_object({facts}), clock_timestamp(), clock_timestamp(), 'pending', 0, ''
        FROM merchants_webhookendpoint e JOIN merchants_partnership p
            ON p.merchant_id = e.merchant_id
        WHERE p.id = NEW.partnership_id AND e.disabled_at IS NULL;
        RETURN NULL;
    """  # noqa: S608  # nothing in it comes from outside


def not_their_own(person: str, partnership: str = "NEW.partnership_id", since: str = "NULL") -> str:
    """PL/pgSQL that refuses ``person`` who works for the merchant, or did lately.

    All are SQL over ``NEW``. Source: the function merchants_worked_at, migration 0040.
    """
    return f"""
        PERFORM merchants_refuse_own(NEW.community_id, {partnership}, {person}, {since});
        RETURN NULL;
    """


REDEMPTION = owe(
    "'redemption.redeemed'",
    "NEW.id",
    "'redemption_id', NEW.id, 'offer_id', NEW.offer_id, 'quantity', NEW.quantity,"
    " 'price_points', NEW.price_points, 'amount_fen', NEW.amount_fen,"
    " 'redeemed_at', NEW.closed_at",
)
REFUND = owe(
    "'redemption.refunded'",
    "NEW.redemption_id",
    "'redemption_id', NEW.redemption_id, 'refund_id', NEW.id, 'quantity', NEW.quantity,"
    " 'points', NEW.points, 'amount_fen', NEW.amount_fen, 'refunded_at', NEW.refunded_at",
)
STATEMENT = owe(
    "'statement.' || CASE NEW.status WHEN 'draft' THEN 'drafted' ELSE NEW.status END",
    "NEW.id",
    "'statement_id', NEW.id, 'status', NEW.status, 'period_start', NEW.period_start,"
    " 'period_end', NEW.period_end, 'points', NEW.points, 'amount_fen', NEW.amount_fen,"
    " 'carried_fen', NEW.carried_fen, 'number_year', NEW.number_year,"
    " 'number_in_year', NEW.number_in_year, 'digest', NEW.digest",
)
