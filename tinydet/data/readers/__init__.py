"""One module per label format; each knows its layouts and turns label files into box columns."""
