BEGIN
    PERFORM merchants_owe(NEW.community_id, NEW.partnership_id, 'redemption.redeemed', NEW.id,
        jsonb_build_object(
            'redemption_id', NEW.id, 'offer_id', NEW.offer_id, 'quantity', NEW.quantity,
            'price_points', NEW.price_points, 'amount_fen', NEW.amount_fen,
            'redeemed_at', NEW.closed_at
        ));
    RETURN NULL;
END;
