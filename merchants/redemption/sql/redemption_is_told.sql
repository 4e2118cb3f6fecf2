BEGIN
    PERFORM merchants_owe(NEW.community_id, NEW.partnership_id, 'redemption.redeemed', NEW.id, NEW.id);
    RETURN NULL;
END;
