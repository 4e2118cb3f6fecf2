BEGIN
    UPDATE points_account SET shortfall = shortfall + (NEW.amount - NEW.recovered)
        - CASE WHEN TG_OP = 'UPDATE' THEN OLD.amount - OLD.recovered ELSE 0 END
    WHERE community_id = NEW.community_id AND id = NEW.account_id
        AND NEW.amount - NEW.recovered
            <> CASE WHEN TG_OP = 'UPDATE' THEN OLD.amount - OLD.recovered ELSE 0 END;
    RETURN NULL;
END;
