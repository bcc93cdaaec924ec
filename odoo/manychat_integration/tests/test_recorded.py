"""Replays the recorded calls by which the service's tests and its Odoo simulator are held."""

import json
import os
from pathlib import Path
from unittest.mock import patch

from odoo import api, release
from odoo.exceptions import UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger
from odoo.tools.json import json_default

from ..models import manychat_state
from .common import MANAGER, USER, ManychatCase

# In the repository; an addon that was copied out of it has no such file.
CASES = Path(__file__).resolve().parents[3] / "tests" / "data" / "odoo-ingest-cases.json"
RECORD = "MANYCHAT_RECORD"  # set to the path of a file: answers are written there, not compared


def renumbered(value, model, seen):
    """With ids replaced by the order in which they were first seen."""
    if isinstance(value, list):
        return [renumbered(member, model, seen) for member in value]
    if not isinstance(value, dict):
        return value
    models = {"id": model, "contact_id": "manychat.contact"}
    return {
        name: seen.setdefault((models[name], member), len(seen))
        if name in models
        else renumbered(member, model, seen)
        for name, member in value.items()
    }


@tagged("post_install", "-at_install")
class TestRecorded(ManychatCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            None: cls.integration,
            "manychat_user": new_test_user(cls.env, "mc-recorded", groups=USER),
        }
        cls.manager = new_test_user(cls.env, "mc-deleting", groups=MANAGER)

    @mute_logger("odoo.sql_db", "odoo.addons.base.models.ir_model")
    def test_recorded(self):
        if not CASES.is_file():
            self.skipTest("no recorded cases beside this addon")
        document = json.loads(CASES.read_text(encoding="utf-8"))
        seen, recorded_seen = {}, {}
        for case in document["cases"]:
            self.arrange(case)
            with patch.object(manychat_state, "TIME_BUDGET", case.get("seconds", 20)):
                answers = [self.answer(call, case.get("user")) for call in case["calls"]]
            for call, answer in zip(case["calls"], answers, strict=True):
                if RECORD in os.environ:
                    call.update(answer)
                    continue
                recorded = {name: call[name] for name in ("result", "error") if name in call}
                with self.subTest(case["name"], method=call["method"]):
                    self.assertEqual(
                        renumbered(answer, call["model"], seen),
                        renumbered(recorded, call["model"], recorded_seen),
                    )
        if RECORD in os.environ:
            document["odoo"] = release.version
            cases = ",\n".join(json.dumps(case) for case in document.pop("cases"))
            head = json.dumps(document, indent=1).removesuffix("\n}")
            text = f'{head},\n "cases": [\n{cases}\n]}}\n'
            Path(os.environ[RECORD]).write_text(text, encoding="utf-8")

    def arrange(self, case):
        if "sql" in case:
            self.env.cr.execute(case["sql"])
        events = self.env["manychat.state"].with_user(self.manager)
        events.search([("event_id", "in", case.get("delete", []))]).unlink()

    def answer(self, call, user):
        """What the client would get, as far as it may depend on the addon."""
        model = self.env[call["model"]].with_user(self.users[user])
        kwargs = {"context": {"tz": "UTC", "lang": "en_US"}, **call.get("kwargs", {})}
        # Through JSON, as the client's call comes.
        args = json.loads(json.dumps(call["args"]))
        try:
            with self.env.cr.savepoint():
                result = api.call_kw(model, call["method"], args, kwargs)
        except (UserError, TypeError) as error:
            kind = type(error)
            return {"error": {"name": f"{kind.__module__}.{kind.__name__}", "message": str(error)}}
        return {"result": json.loads(json.dumps(result, default=json_default))}
