"""A copy of raw bytes is referred to once too often and never freed."""
import msgspec
import probe

RAW = msgspec.Raw(bytearray(1000))

probe.run(RAW.copy)
