"""Test of the calls as the service makes them: over HTTP, as the integration user only."""

import json

from odoo.tests import HttpCase, get_db_name, new_test_user, tagged
from odoo.tools import mute_logger

from .common import INTEGRATION, make_event

PASSWORD = "a password of some length"


@tagged("post_install", "-at_install")
class TestRpc(HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = new_test_user(cls.env, "enlace-rpc", groups=INTEGRATION, password=PASSWORD)

    def call(self, service, method, *args):
        """The JSON-RPC answer."""
        response = self.url_open(
            "/jsonrpc",
            data=json.dumps(
                {
                    "jsonrpc": "2.0",
                    "method": "call",
                    "id": 1,
                    "params": {"service": service, "method": method, "args": args},
                }
            ),
            headers={"Content-Type": "application/json"},
            timeout=60,
        )
        self.assertEqual(response.status_code, 200)
        return response.json()

    def execute(self, method, *args, password=PASSWORD, model="manychat.state"):
        return self.call(
            "object",
            "execute_kw",
            get_db_name(),
            self.user.id,
            password,
            model,
            method,
            args,
            {"context": {"tz": "UTC", "lang": "en_US"}},
        )

    def test_login_version_ingest(self):
        answer = self.call("common", "authenticate", get_db_name(), "enlace-rpc", PASSWORD, {})
        self.assertEqual(answer["result"], self.user.id)
        self.assertEqual(self.execute("api_info")["result"]["api"], 1)
        event = make_event("rpc", "rpc", state="lead", custom_fields={"a": "é"})
        for status in ("created", "duplicate"):
            (result,) = self.execute("ingest", [event])["result"]["results"]
            self.assertEqual((result["event_id"], result["status"]), ("rpc", status))
        row = self.execute("search_read", [["event_id", "=", "rpc"]], ["state", "occurred_at"])[
            "result"
        ]
        self.assertEqual(
            row,
            [
                {
                    "id": result["id"],
                    "state": "lead",
                    "occurred_at": "2026-05-04 10:00:00",
                }
            ],
        )

    def test_look_up(self):
        """By what the service holds to be stored here, whatever company it is in by now."""
        (stored,) = self.execute("ingest", [make_event("look", "look")])["result"]["results"]
        contact = self.env["manychat.contact"].browse(stored["contact_id"])
        contact.company_id = self.env["res.company"].create({"name": "Other"})
        self.env.flush_all()
        answer = self.call(
            "object",
            "execute_kw",
            get_db_name(),
            self.user.id,
            PASSWORD,
            "manychat.state",
            "search_read",
            [],
            {
                "domain": [["event_id", "in", ["look", "never"]]],
                "fields": ["event_id", "contact_id"],
                "load": None,
                "context": {"tz": "UTC", "lang": "en_US", "active_test": False},
            },
        )
        row = {"id": stored["id"], "event_id": "look", "contact_id": stored["contact_id"]}
        self.assertEqual(answer["result"], [row])

    @mute_logger(
        "odoo.http",
        "odoo.addons.base.models.ir_model",
        "odoo.addons.base.models.ir_rule",
    )
    def test_what_it_may_not(self):
        self.execute("ingest", [make_event("keep", "keep")])
        for model, method, args in (
            ("manychat.state", "unlink", [[1]]),
            ("manychat.contact", "unlink", [[1]]),
            ("manychat.erased", "search_read", [[], ["event_id"]]),
            ("manychat.state", "_ingest", [[]]),
            ("res.partner", "search_read", [[], ["name"]]),
            ("res.users", "write", [[self.user.id], {"groups_id": [[4, 1]]}]),
        ):
            with self.subTest(model=model, method=method):
                error = self.execute(method, *args, model=model)["error"]
                self.assertEqual(error["data"]["name"], "odoo.exceptions.AccessError")

    @mute_logger("odoo.http")
    def test_wrong_calls(self):
        for args, name in (
            (("ingest",), "builtins.TypeError"),
            (("ingest", [], []), "builtins.TypeError"),
            (("ingest", {"event": 1}), "odoo.exceptions.UserError"),
        ):
            with self.subTest(args):
                self.assertEqual(self.execute(*args)["error"]["data"]["name"], name)

    def test_with_an_api_key(self):
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.user)
            .sudo()
            ._generate("rpc", "enlace", None)
        )
        answer = self.execute("ingest", [make_event("key")], password=key)
        self.assertEqual(answer["result"]["results"][0]["status"], "created")
