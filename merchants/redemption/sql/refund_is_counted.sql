-- That no more is given back than was taken, the redemption's own constraint says.
BEGIN
    UPDATE merchants_redemption SET refunded_quantity = refunded_quantity + NEW.quantity
    WHERE community_id = NEW.community_id AND id = NEW.redemption_id;
    RETURN NULL;
END;
