"""What a payment costs as the work grows: more banks, more accounts, longer ledgers, more customers at once."""
