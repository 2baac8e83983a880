"""Everything that knows sound: decoding, the decoded store, frontends."""
