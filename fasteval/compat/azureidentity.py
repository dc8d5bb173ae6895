"""A stand-in for `azure.identity` where it is not installed: tasks that name it load, and credentials are refused."""

from __future__ import annotations

from fasteval.compat.missing import refuse

__all__ = ["AzureCliCredential", "ChainedTokenCredential", "ManagedIdentityCredential", "get_bearer_token_provider"]

_REASON = "it needs the package 'azure-identity': pip install azure-identity"

AzureCliCredential = refuse("azure.identity.AzureCliCredential", _REASON)
ChainedTokenCredential = refuse("azure.identity.ChainedTokenCredential", _REASON)
ManagedIdentityCredential = refuse("azure.identity.ManagedIdentityCredential", _REASON)
get_bearer_token_provider = refuse("azure.identity.get_bearer_token_provider", _REASON)
