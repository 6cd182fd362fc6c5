"""What a client remembers between commands: sessions, and the orders that it has sent or was about to send."""
