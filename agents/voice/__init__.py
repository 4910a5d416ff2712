"""Speech: what people say becomes words, and words become a voice message."""
