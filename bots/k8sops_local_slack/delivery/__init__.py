"""What the bot is sent: envelopes over Socket Mode or signed HTTP, with acks, deadlines and redelivery."""
