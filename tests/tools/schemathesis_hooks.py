"""Signs schemathesis in to the server.

One account stays signed in for the whole run. Operations that end a session or an account use a disposable
account instead, which is registered on demand and used until such an operation has succeeded.
"""

import os
import secrets
import threading

import requests
import schemathesis

BASE_URL = os.environ["MAINSTAY_FUZZ_URL"]

# By operationId.
ENDING = ["logout", "endSession", "deleteMe", "changePassword"]

# Access tokens live for ten minutes.
REFRESH_SECONDS = 300


def post(path: str, body: dict, expected: int) -> dict:
    response = requests.post(BASE_URL + path, json=body, timeout=30)
    if response.status_code != expected:
        raise RuntimeError(f"POST {path} answered {response.status_code}: {response.text[:500]}")
    return response.json()


class Account:
    """An account of this run, which is signed in."""

    def __init__(self) -> None:
        self.email = f"fuzz-{secrets.token_hex(8)}@example.org"
        self.password = secrets.token_urlsafe(24)
        body = {
            "email": self.email,
            "password": self.password,
            "time_zone": "Europe/Berlin",
            "country": "DE",
        }
        self.token = post("/v1/auth/register", body, 201)["tokens"]["access_token"]

    def sign_in(self) -> None:
        body = {"email": self.email, "password": self.password}
        self.token = post("/v1/auth/login", body, 200)["tokens"]["access_token"]


def needs_token(context) -> bool:
    """Whether the document requires a token for this operation."""
    operation = context.operation
    demanded = operation.definition.raw.get("security", operation.schema.raw_schema.get("security"))
    return any(demanded or [])


def set_token(case, token: str) -> None:
    case.headers["Authorization"] = f"Bearer {token}"


main_account = Account()


@schemathesis.auth(refresh_interval=REFRESH_SECONDS).apply_to(needs_token).skip_for(operation_id=ENDING)
class SignedIn:
    """The lasting account. It signs in again before its token expires, or when a token is refused."""

    def get(self, case, context) -> str:
        main_account.sign_in()
        return main_account.token

    def set(self, case, data, context) -> None:
        set_token(case, data)


# Each worker has its own, because a call of one must not end the account of another.
throw_away = threading.local()


@schemathesis.auth(refresh_interval=None).apply_to(operation_id=ENDING)
class ThrowAway:
    """An account that may be signed out or erased."""

    def get(self, case, context) -> str:
        if getattr(throw_away, "account", None) is None:
            throw_away.account = Account()
        return throw_away.account.token

    def set(self, case, data, context) -> None:
        set_token(case, data)


@schemathesis.hook
def after_call(context, case, response) -> None:
    """Drops a disposable account after the call ended it, or after its token expired."""
    account = getattr(throw_away, "account", None)
    if account is None or case.operation.definition.raw.get("operationId") not in ENDING:
        return
    # Schemathesis also calls these operations without a token, or with a wrong one.
    sent = response.request.headers.get("Authorization") == f"Bearer {account.token}"
    if sent and (response.status_code < 300 or response.status_code == 401):
        throw_away.account = None
