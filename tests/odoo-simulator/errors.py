"""Errors as Odoo 18 reports them inside an HTTP 200, with the texts that were recorded from it."""

DESCRIPTIONS = {"manychat.contact": "ManyChat contact", "manychat.state": "ManyChat state event"}

# About as long as a real one: Odoo's answers to errors are some 4 KiB because of it.
FRAMES = (("http", "_serve_db"), ("service/model", "retrying"), ("api", "call_kw"),
          ("models", "create"))
TRACEBACK = "Traceback (most recent call last):\n" + "".join(
    f'  File "/usr/lib/python3/dist-packages/odoo/{module}.py", line {line}, in {function}\n'
    f"    return {function}_next(*args, **kwargs)\n"
    for line, (module, function) in enumerate(FRAMES * 9, 1900))


class OdooError(Exception):
    """An exception raised in Odoo: `name` is module.Class, `message` what str() gives."""

    def __init__(self, name, message, context=None):
        super().__init__(message)
        self.name = name
        self.message = message
        self.context = context or {}

    def envelope(self):
        """The member `error` of the JSON-RPC answer."""
        return {"code": 200, "message": "Odoo Server Error", "data": {
            "name": self.name, "debug": f"{TRACEBACK}{self.name}: {self.message}\n",
            "message": self.message, "arguments": [self.message], "context": self.context}}


def access_denied():
    return OdooError("odoo.exceptions.AccessDenied", "Access Denied")


def access_error(model, method):
    verb = "create" if method in ("api_info", "ingest", "create") else "access"
    return OdooError("odoo.exceptions.AccessError", (
        f"You are not allowed to {verb} '{DESCRIPTIONS.get(model, model)}' ({model}) records.\n\n"
        "This operation is allowed for the following groups:\n\t- ManyChat integration\n\n"
        "Contact your administrator to request access if necessary."))


def database_gone(name):
    return OdooError("psycopg2.OperationalError", (
        'connection to server at "127.0.0.1", port 55432 failed: '
        f'FATAL:  database "{name}" does not exist\n'))


def invalid_field(model, field):
    return OdooError("builtins.ValueError", f"Invalid field '{field}' on model '{model}'")


def missing_method(model, method):
    return OdooError("builtins.AttributeError", f"The method '{model}.{method}' does not exist")


def missing_model(model):
    return OdooError("odoo.exceptions.UserError", f"Object {model} doesn't exist")


def private_method(model, method):
    return OdooError("odoo.exceptions.AccessError", (
        f"Private methods (such as '{model}.{method}') cannot be called remotely."))


def user_error(message):
    return OdooError("odoo.exceptions.UserError", message)


def validation_error(message):
    return OdooError("odoo.exceptions.ValidationError", message)


def _mandatory(model):
    label = "State (state)" if model == "manychat.state" else "Subscriber (subscriber_id)"
    return validation_error((
        "The operation cannot be completed:\n- Create/update: a mandatory field is not set.\n"
        "- Delete: another model requires the record being deleted. "
        "If possible, archive it instead.\n\n"
        f"Model: {DESCRIPTIONS.get(model, model)} ({model})\nField: {label}\n"))


# What a test may order by name; each is made for the call that it hits.
CATALOGUE = {
    "access_denied": lambda call: access_denied(),
    "access_error": lambda call: access_error(call.model, call.method),
    "database_gone": lambda call: database_gone(call.db),
    "invalid_field": lambda call: invalid_field("manychat.contact", "nope"),
    "key_error": lambda call: OdooError("builtins.KeyError", "nope"),
    "mandatory_field": lambda call: _mandatory(call.model),
    "missing_method": lambda call: missing_method(call.model, call.method),
    "missing_model": lambda call: missing_model(call.model),
    "serialization": lambda call: OdooError(
        "psycopg2.errors.SerializationFailure",
        "could not serialize access (raised on purpose)\n"
        "CONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE\n"),
    "unique": lambda call: validation_error(
        "The operation cannot be completed: "
        "A ManyChat contact with this subscriber id exists already."),
    "user_error": lambda call: user_error("plain UserError"),
    "validation_error": lambda call: validation_error("Bad e-mail bad"),
    "zero_division": lambda call: OdooError("builtins.ZeroDivisionError", "division by zero"),
}
