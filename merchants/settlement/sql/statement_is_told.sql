BEGIN
    PERFORM merchants_owe(NEW.community_id, NEW.partnership_id,
        'statement.' || CASE NEW.status WHEN 'draft' THEN 'drafted' ELSE NEW.status END, NEW.id,
        jsonb_build_object(
            'statement_id', NEW.id, 'status', NEW.status, 'period_start', NEW.period_start,
            'period_end', NEW.period_end, 'points', NEW.points, 'amount_fen', NEW.amount_fen,
            'carried_fen', NEW.carried_fen, 'number_year', NEW.number_year,
            'number_in_year', NEW.number_in_year, 'digest', NEW.digest
        ));
    RETURN NULL;
END;
