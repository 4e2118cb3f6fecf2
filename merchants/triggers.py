"""What triggers of several tables share: nobody decides about a merchant whom they work for."""


def not_their_own(person: str, partnership: str = "NEW.partnership_id", since: str = "NULL") -> str:
    """PL/pgSQL that refuses ``person`` who works for the merchant, or did lately.

    All are SQL over ``NEW``. Source: the function merchants_worked_at.
    """
    return f"""
        PERFORM merchants_refuse_own(NEW.community_id, {partnership}, {person}, {since});
        RETURN NULL;
    """
