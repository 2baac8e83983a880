"""Music composed by our own code, with the truth about every track."""
