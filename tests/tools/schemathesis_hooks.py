"""Signs schemathesis in to the server, and tells it what the server takes although the document cannot say so.

One account stays signed in for the whole run. Operations that end a session or an account use a disposable
account instead, which is registered on demand and used until such an operation has succeeded.
"""

import os
import secrets
import threading

import jsonschema_rs
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


# By operationId: the validator of the JSON body, or None for an operation without one.
validators: dict = {}


def body_validator(operation):
    raw = operation.definition.raw
    name = raw.get("operationId")
    if name not in validators:
        content = raw.get("requestBody", {}).get("content", {}).get("application/json")
        if content is None:
            validators[name] = None
        else:
            schema = {"components": operation.schema.raw_schema["components"], "allOf": [content["schema"]]}
            validators[name] = jsonschema_rs.Draft202012Validator(schema)
    return validators[name]


def without_null(value):
    """The value without members that are null, which mean the same as absent ones."""
    if isinstance(value, dict):
        return {name: without_null(member) for name, member in value.items() if member is not None}
    if isinstance(value, list):
        return [without_null(item) for item in value]
    return value


def as_taken(operation, body):
    """The body in the form that the document describes.

    A member that refers to a schema may be null in a request, which a schema can only say with a choice between
    shapes. A push of a collection that the server does not know is a 200 in which that one change is rejected.
    """
    body = without_null(body)
    if operation.definition.raw.get("operationId") == "synchronize" and isinstance(body, dict):
        changes = body.get("changes")
        for change in changes if isinstance(changes, list) else []:
            if isinstance(change, dict) and isinstance(change.get("kind"), str) and 0 < len(change["kind"]) <= 60:
                change["kind"] = "check-ins"
    return body


@schemathesis.hook
def filter_case(context, case) -> bool:
    """Leaves out bodies that break their schema only in ways that the server takes."""
    if not isinstance(case.body, dict):
        return True
    validator = body_validator(case.operation)
    if validator is None or validator.is_valid(case.body):
        return True
    return not validator.is_valid(as_taken(case.operation, case.body))
