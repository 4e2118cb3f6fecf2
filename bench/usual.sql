-- What the ledger is measured against: tables and a function as they are usually written by hand.
-- A row for the key, so that a retry changes nothing; two balance rows, locked in order of ids;
-- the transfer, with foreign keys and an index for each side. bench/usual_post.pgbench calls it.
CREATE TABLE usual_account (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    balance bigint NOT NULL CHECK (balance >= 0)
);
CREATE TABLE usual_transfer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant bigint NOT NULL,
    debit_id bigint NOT NULL REFERENCES usual_account,
    credit_id bigint NOT NULL REFERENCES usual_account,
    amount bigint NOT NULL CHECK (amount > 0),
    reason text NOT NULL,
    explanation jsonb NOT NULL,
    posted_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON usual_transfer (debit_id);
CREATE INDEX ON usual_transfer (credit_id);
CREATE TABLE usual_key (
    tenant bigint,
    key text,
    transfer_id bigint NOT NULL,
    PRIMARY KEY (tenant, key)
);

CREATE FUNCTION usual_post(
    p_tenant bigint, p_key text, p_debit bigint, p_credit bigint, p_amount bigint, p_reason text,
    p_explanation jsonb
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    transfer bigint := nextval('usual_transfer_id_seq');
BEGIN
    INSERT INTO usual_key VALUES (p_tenant, p_key, transfer) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN (SELECT transfer_id FROM usual_key WHERE tenant = p_tenant AND key = p_key);
    END IF;
    PERFORM FROM usual_account WHERE id IN (p_debit, p_credit) ORDER BY id FOR UPDATE;
    IF (SELECT balance FROM usual_account WHERE id = p_debit) < p_amount THEN
        RAISE EXCEPTION 'insufficient funds';
    END IF;
    UPDATE usual_account SET balance = balance - p_amount WHERE id = p_debit;
    UPDATE usual_account SET balance = balance + p_amount WHERE id = p_credit;
    INSERT INTO usual_transfer
        (id, tenant, debit_id, credit_id, amount, reason, explanation)
        OVERRIDING SYSTEM VALUE
    VALUES (transfer, p_tenant, p_debit, p_credit, p_amount, p_reason, p_explanation);
    RETURN transfer;
END $$;
