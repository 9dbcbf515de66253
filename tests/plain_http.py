"""HTTP without TLS and without proxies: what tests ask of platforms on this machine.

httpx reads the certificate authorities anew for every client, 40 ms of a core for each `httpx.get`; a context
without any is made once here.
"""

import ssl
from functools import partial

import httpx

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

get = partial(httpx.get, trust_env=False, verify=NO_TLS)
post = partial(httpx.post, trust_env=False, verify=NO_TLS)
Client = partial(httpx.Client, trust_env=False, verify=NO_TLS)
AsyncClient = partial(httpx.AsyncClient, trust_env=False, verify=NO_TLS)
