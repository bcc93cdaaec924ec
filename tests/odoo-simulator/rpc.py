"""What a request to /jsonrpc is answered: the envelope, the services, the checks."""

import json
from dataclasses import dataclass, field
from http import HTTPStatus

import errors
from errors import OdooError
from faults import ordered_error
from models import MODELS

HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=utf-8"
JSON_TYPES = ("application/json", "application/json-rpc")
UID = 2
VERSION = {"server_version": "18.0-20250421", "server_version_info": [18, 0, 0, "final", 0, ""],
           "server_serie": "18.0", "protocol_version": 1}


@dataclass
class Answer:
    """One HTTP answer; `error` is the name of the Odoo error in it, for the log."""

    status: int
    content_type: str
    text: str
    headers: dict = field(default_factory=dict)
    error: str | None = None


@dataclass
class Call:
    """A request as far as it could be understood; `refusal` answers what is none."""

    id: object = None
    params: dict = field(default_factory=dict)
    service: str | None = None
    db: str | None = None
    model: str | None = None
    method: str | None = None
    args: list = field(default_factory=list)
    kwargs: dict = field(default_factory=dict)
    refusal: Answer | None = None

    @property
    def events(self):
        """The events that an `ingest` brings, else none."""
        if self.method != "ingest":
            return []
        events = self.args[0] if self.args else self.kwargs.get("events")
        return events if isinstance(events, list) else []

    @property
    def event_ids(self):
        return [item.get("event_id") for item in self.events if isinstance(item, dict)]


def html_page(status, text):
    """An error page as Werkzeug makes it."""
    phrase = HTTPStatus(status).phrase
    return Answer(status, HTML, (
        f"<!doctype html>\n<html lang=en>\n<title>{status} {phrase}</title>\n"
        f"<h1>{phrase}</h1>\n<p>{text}</p>\n"))


def error_answer(request_id, error):
    text = json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error.envelope()})
    return Answer(200, JSON, text, error=error.name)


def result_answer(request_id, result):
    """None has no place in the envelope: then there is neither result nor error."""
    document = {"jsonrpc": "2.0", "id": request_id}
    if result is not None:
        document["result"] = result
    return Answer(200, JSON, json.dumps(document))


def read_call(mimetype, body):
    """The Call in the body; `body` is None where the client left before it was whole."""
    if mimetype not in JSON_TYPES:
        return Call(refusal=html_page(400, (
            "Request inferred type is compatible with ['http'] but '/jsonrpc' is type='json'")))
    if body is None:
        return Call(refusal=error_answer(None, OdooError(
            "werkzeug.exceptions.ClientDisconnected",
            "400 Bad Request: The browser (or proxy) sent a request that this server could "
            "not understand.")))
    try:
        document = json.loads(body)
    except ValueError:
        return Call(refusal=Answer(400, HTML, "Invalid JSON data"))
    if not isinstance(document, dict):
        return Call(refusal=Answer(400, HTML, "Invalid JSON-RPC data"))
    return _describe(document)


def _describe(document):
    """Takes apart what has the usual shape; whatever else it is, is for `_dispatch` to refuse."""
    params = document.get("params")
    call = Call(id=document.get("id"), params=params if isinstance(params, dict) else {})
    call.service, call.method = call.params.get("service"), call.params.get("method")
    args = call.params.get("args")
    if not isinstance(args, list):
        return call
    call.db = args[0] if args else None
    if call.service == "object" and call.method == "execute_kw" and len(args) >= 5:
        call.model, call.method = args[3], args[4]
        call.args = args[5] if len(args) > 5 and isinstance(args[5], list) else []
        call.kwargs = dict(args[6]) if len(args) > 6 and isinstance(args[6], dict) else {}
    return call


class Rpc:
    """The services, for the one database and the one user that there are."""

    def __init__(self, store, db, user, passwords):
        self._store = store
        self._db = db
        self._user = user
        self._passwords = passwords

    def answer(self, call, plan):
        """Carries the call out within one transaction."""
        if call.refusal:
            return call.refusal
        try:
            return result_answer(call.id, self._dispatch(call, plan))
        except OdooError as error:
            return error_answer(call.id, error)
        except Exception as error:
            # Odoo reports its bugs, and wrong arguments, in just this way.
            return error_answer(call.id, OdooError(f"builtins.{type(error).__name__}", str(error)))

    def ordered(self, call, order):
        """The answer to a call that was ordered to fail with an error of Odoo."""
        if call.refusal:
            return call.refusal
        if call.service == "common" and order["error"] == "access_denied":
            return result_answer(call.id, False)
        return error_answer(call.id, ordered_error(order, call))

    def _dispatch(self, call, plan):
        missing = [name for name in ("service", "method", "args") if name not in call.params]
        if missing:
            plural = "s" if len(missing) > 1 else ""
            raise TypeError(f"RPC.jsonrpc() missing {len(missing)} required positional "
                            f"argument{plural}: {' and '.join(map(repr, missing))}")
        if call.service == "common":
            return self._common(call.method, call.params["args"])
        if call.service == "object":
            return self._object(call, plan)
        raise OdooError("builtins.KeyError", str(call.service))

    def _common(self, method, args):
        if method == "version":
            return VERSION
        if method in ("authenticate", "login"):
            db, user, password = args[:3]
            self._check_db(db)
            return UID if user == self._user and password in self._passwords else False
        raise Exception(f"Method not found: {method}")

    def _object(self, call, plan):
        if call.params["method"] != "execute_kw":
            raise NameError(f"Method not available {call.params['method']}")
        db, uid, password, model, method = call.params["args"][:5]
        self._check_db(db)
        if uid != UID:
            raise OdooError("odoo.exceptions.MissingError", (
                f"Record does not exist or has been deleted.\n"
                f"(Record: res.users({uid},), User: {uid})"))
        if password not in self._passwords:
            raise errors.access_denied()
        if model not in MODELS:
            raise errors.missing_model(model)
        if method.startswith("_"):
            raise errors.private_method(model, method)
        if not callable(getattr(MODELS[model], method, None)):
            raise errors.missing_method(model, method)
        # The context only carries language and time zone, on which nothing here depends.
        kwargs = {name: value for name, value in call.kwargs.items() if name != "context"}
        with self._store.transaction() as database:
            return getattr(MODELS[model](database, plan), method)(*call.args, **kwargs)

    def _check_db(self, db):
        if db != self._db:
            raise errors.database_gone(db)
