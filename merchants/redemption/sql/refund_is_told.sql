BEGIN
    PERFORM merchants_owe(NEW.community_id, NEW.partnership_id, 'redemption.refunded',
        NEW.redemption_id, jsonb_build_object(
            'redemption_id', NEW.redemption_id, 'refund_id', NEW.id, 'quantity', NEW.quantity,
            'points', NEW.points, 'amount_fen', NEW.amount_fen, 'refunded_at', NEW.refunded_at
        ));
    RETURN NULL;
END;
