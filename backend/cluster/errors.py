"""What may stand against distributing a database."""


class NotReady(Exception):
    """The database can not be distributed; the text says what an operator has to do."""
