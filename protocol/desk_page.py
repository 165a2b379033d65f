"""The desk's own page on the agent's PC: what its key is. Host only.

The page shows residents and recordings, so it opens only with a key. Agent and cloud both derive it from the
agent's token: the agent has the token, the cloud its SHA-256, a browser neither. Whoever is signed in at the
desk gets the key from the console, and whoever may read the agent's files makes it there.
"""

import hashlib

PORT = 8130
"""Where the page is, on 127.0.0.1, unless the settings of both agent and cloud say otherwise."""


def hash_token(token: str) -> str:
    """SHA-256, hex. Tokens are 32 random bytes: a plain hash is enough, there is nothing to guess."""
    return hashlib.sha256(token.encode()).hexdigest()


def derive_page_key(token_hash: str) -> str:
    """The key of the page of the agent whose token has this hash; 32 hex digits."""
    return hashlib.sha256(f"cloudseat desk page 1 {token_hash}".encode()).hexdigest()[:32]
