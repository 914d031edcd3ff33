"""The wire contract: protocol messages and control messages as protobuf bytes, checked field by field.

Only this package knows protobuf. gRPC's own serializers are the identity, so that the bytes counted are the bytes
sent, and malformed bytes meet our checks and not gRPC's error texts.
"""
