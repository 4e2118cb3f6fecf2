BEGIN
    PERFORM merchants_owe(NEW.community_id, NEW.partnership_id, 'redemption.refunded', NEW.id, NEW.redemption_id);
    RETURN NULL;
END;
