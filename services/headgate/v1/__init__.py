"""The generated messages and stubs of `protos/headgate/v1`; `make protos` writes them."""
