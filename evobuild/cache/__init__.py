"""What models gave, kept in SQLite files that processes share: replies and measurements."""
