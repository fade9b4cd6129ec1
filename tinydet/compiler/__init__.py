"""From an int8 .tflite file to freestanding C; depends on NumPy and a flatbuffer reader only."""
