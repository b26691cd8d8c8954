"""Advice: what an answer means for the operator, and what to do about it, in plain words.

Source: AppsFlyer, OpenAPI of the S2S events API (api3), responses and its hints there; of a 403, its issues, too. For
connections that fail, libcurl's list of error codes.
"""

import re
from typing import Final

from connectors.appsflyer.page import is_page, is_word

_AFTER_A_200: Final = (
    "AppsFlyer checks hardly anything on receipt, so a 200 is no proof that the event is recorded.",
    "Look for it in the app's dashboard or raw data within some minutes: Events, by the name above.",
    "If it does not appear, the appsflyer_id is well-formed but of no install of this app,",
    "or the app id is that of another app of the same account.",
)
_WRONG_KEY: Final = (
    "AppsFlyer does not accept the key for this app.",
    "It must be the S2S key (Security center → AppsFlyer API tokens); the SDK's dev key belongs to dev_key and api2.",
    "Look for a key of another account or app, one that was rotated, and blanks that were copied with it.",
)
_PAGE: Final = (
    "A web page came instead of AppsFlyer's answer: something on the way answers in AppsFlyer's place.",
    "It is no delivery: a sign-in page of this network, a proxy or a firewall, or a wrong delivery.endpoint.",
    "Allow requests to AppsFlyer from here, or see delivery.proxy. The stream pauses the app meanwhile.",
)
_UNUSUAL: Final = (
    "200, with another text than «OK»: the stream takes it for a delivery, and warns of it once.",
    "Is it AppsFlyer that answered? If not, see delivery.endpoint and delivery.proxy.",
    *_AFTER_A_200,
)
_BY_STATUS: Final = {
    200: ("200: AppsFlyer has taken the event.", *_AFTER_A_200),
    401: ("401: the key is not the S2S key of this app.", *_WRONG_KEY),
    403: (
        "403: AppsFlyer refuses. Its texts name several causes, and the answer does not say which:",
        "the account is on the «Zero» plan, or its package lacks server-to-server events: ask your AppsFlyer manager;",
        "the key is of the wrong type: the S2S key belongs to api3 (s2s_key), the dev key to api2 (dev_key);",
        "the app id in the address is not the key's, or is not a live app of this account;",
        "the plan's quota is used up.",
    ),
    404: ("404: AppsFlyer does not know the address or the app.", "Look at the app id, and at delivery.endpoint."),
    407: ("407: a proxy on the way asks for a sign-in.", "Give it in delivery.proxy, or allow requests to AppsFlyer."),
    408: ("408: AppsFlyer timed out.", "Try again; the stream does so by itself."),
    413: ("413: the body is too large.", "AppsFlyer documents 1 KB: is delivery.max_body_bytes above 1024?"),
    415: ("415: the content type is not taken.", "Something between here and AppsFlyer changes the request: a proxy?"),
    421: (
        "421: the request went to a server that does not answer for AppsFlyer's name.",
        "See delivery.endpoint and delivery.proxy: a proxy, or a name that leads elsewhere.",
    ),
    429: ("429: too many requests.", "Another sender uses up the app's rate; see delivery.max_requests_per_second."),
    511: ("511: the network asks for a sign-in.", "Sign in, or allow requests to AppsFlyer from this network."),
}
_BY_CLASS: Final = {
    2: ("Only a 200 is AppsFlyer's: something else answers in its place.", "See delivery.endpoint and delivery.proxy."),
    3: ("A redirect, which the stream never follows.", "See delivery.endpoint; or is there a portal in between?"),
    5: (
        "AppsFlyer failed. The stream tries again by itself, for delivery.retry_minutes.",
        "AppsFlyer also answers 500 to some events that it cannot read: try a plainer one.",
    ),
}
_UNKNOWN: Final = ("AppsFlyer does not document this answer.", "Something in between may have given it: a proxy?")
_BAD_REQUESTS: Final = (
    ("failed to authenticate", ("400, «Failed to Authenticate»: the key is wrong.", *_WRONG_KEY)),
    (
        "appsflyer_id is a mandatory",
        (
            "400: AppsFlyer does not take the appsflyer_id.",
            "It must be what the app's SDK returns from getAppsFlyerUID(), of an install that AppsFlyer knows.",
        ),
    ),
    (
        "payload is missing",
        (
            "400: AppsFlyer cannot read the body.",
            "The stream sends one event as JSON: something between here and AppsFlyer changes the request.",
        ),
    ),
    (
        "app_id",
        (
            "400: the app id is wrong, or does not belong to the key.",
            "iOS: id and digits, such as id123456789; Android: the package name, in its own case.",
        ),
    ),
)
_BAD_REQUEST: Final = (
    "400: the event failed at least one of AppsFlyer's checks, and the answer does not say which.",
    "Compare the body above with AppsFlyer's list of fields: identifiers, eventTime, eventCurrency, ip.",
)
_BY_CURL_CODE: Final = {
    5: ("The proxy's name cannot be resolved.", "See delivery.proxy."),
    6: ("The endpoint's name cannot be resolved.", "Look at DNS, and at delivery.endpoint."),
    7: ("Nothing answers there.", "Allow the way out to port 443 in the firewall, or see delivery.proxy."),
    28: (
        "No answer in time.",
        "It may have arrived all the same: sent once more, it may count twice. Or a firewall drops the packets.",
    ),
    35: ("TLS cannot be agreed on.", "Is something in between that does not speak TLS 1.2, or a port without TLS?"),
    52: ("The connection was closed without an answer.", "It may have arrived all the same. Try again later."),
    56: ("The connection broke.", "It may have arrived all the same. Try again later."),
    60: (
        "The endpoint's certificate is not to be trusted: an unknown authority, another name, or out of date.",
        "With a proxy that looks into TLS: name its authority in delivery.ca_file. The stream never goes on without.",
    ),
}
_NO_CONNECTION: Final = ("There is no connection to AppsFlyer.", "Look at the network, delivery.proxy and ca_file.")
_CURL_CODE: Final = re.compile(r"libcurl ([0-9]+):")


def advice(status: int, text: str, is_html: bool = False) -> tuple[str, ...]:  # noqa: FBT001, FBT002 - as classify has it
    """Return what an answer means and what to do, a sentence or two each. Total; status 0 is no answer at all."""
    if status == 0:
        code = _CURL_CODE.match(text)
        return _BY_CURL_CODE.get(int(code[1]), _NO_CONNECTION) if code is not None else _NO_CONNECTION
    if is_page(text, is_html=is_html) and status // 100 != 5:  # noqa: PLR2004 - a server's own error pages
        return _PAGE
    if status == 200 and not is_word(text):  # noqa: PLR2004 - HTTP's OK
        return _UNUSUAL
    if status == 400:  # noqa: PLR2004 - HTTP's Bad Request
        lowered = text.lower()
        return next((said for part, said in _BAD_REQUESTS if part in lowered), _BAD_REQUEST)
    return _BY_STATUS.get(status) or _BY_CLASS.get(status // 100) or _UNKNOWN
