BEGIN
    PERFORM merchants_owe(NEW.community_id, NEW.partnership_id,
        'statement.' || CASE NEW.status WHEN 'draft' THEN 'drafted' ELSE NEW.status END,
        NEW.id, NEW.id);
    RETURN NULL;
END;
