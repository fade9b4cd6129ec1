"""Train, int8-quantize, evaluate and deploy SSD MobileNetV2 FPN-lite detectors."""
