"""Requests: documents compiled to flat arrays, with no model and no tokenizer at hand.

May hash and pack what tasks say; never loads media, talks to an engine or scores.
"""

from fasteval.requests.compile import compile_requests
from fasteval.requests.shard import effective_limit, shard
from fasteval.requests.table import DocumentFailure, RequestTable

__all__ = ["DocumentFailure", "RequestTable", "compile_requests", "effective_limit", "shard"]
