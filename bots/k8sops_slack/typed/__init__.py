"""What people type into a chat, on whatever keyboard, and what they mean by it."""
