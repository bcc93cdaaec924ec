"""Tests of who may do what."""

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import INTEGRATION, MANAGER, USER, ManychatCase, make_event


@tagged("post_install", "-at_install")
class TestAccess(ManychatCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.users = {
            "nobody": new_test_user(cls.env, "mc-nobody", groups="base.group_user"),
            "user": new_test_user(cls.env, "mc-user", groups=USER),
            "manager": new_test_user(cls.env, "mc-manager", groups=MANAGER),
            "integration": cls.integration,
        }

    @mute_logger("odoo.addons.base.models.ir_model", "odoo.addons.base.models.ir_rule")
    def test_operations_by_group(self):
        may = {
            "manychat.contact": {
                "nobody": "",
                "user": "read write",
                "manager": "read write create unlink",
                "integration": "read write create",
            },
            "manychat.state": {
                "nobody": "",
                "user": "read",
                "manager": "read unlink",
                "integration": "read write create",
            },
            "manychat.erased": {
                "nobody": "",
                "user": "",
                "manager": "read unlink",
                "integration": "",
            },
        }
        for model, table in may.items():
            for who, operations in table.items():
                for operation in ("read", "write", "create", "unlink"):
                    with self.subTest(model=model, who=who, operation=operation):
                        self.assertEqual(
                            self.env[model].with_user(self.users[who]).has_access(operation),
                            operation in operations.split(),
                        )

    def test_the_integration_user_is_no_internal_user(self):
        self.assertFalse(self.integration.has_group("base.group_user"))
        self.assertTrue(self.integration.share)
        self.assertFalse(self.users["manager"].has_group(INTEGRATION))
        internal = self.env.ref("base.group_user")
        self.assertNotIn(self.env.ref(USER), internal.trans_implied_ids)

    @mute_logger("odoo.addons.base.models.ir_model")
    def test_only_the_integration_may_ingest(self):
        for who in ("nobody", "user", "manager"):
            model = self.env["manychat.state"].with_user(self.users[who])
            with self.subTest(who):
                with self.assertRaises(AccessError):
                    model.ingest([make_event("denied")])
                with self.assertRaises(AccessError):
                    model.api_info()

    def test_the_integration_reads_what_it_wrote(self):
        self.ingest(make_event("look", "look", state="lead"))
        row = self.States.search_read(
            [("event_id", "=", "look")], ["event_id", "contact_id", "state"]
        )[0]
        self.assertEqual(
            row,
            {
                "id": self.event("look").id,
                "event_id": "look",
                "contact_id": (self.contact("look").id, "ManyChat look"),
                "state": "lead",
            },
        )

    def test_a_manager_deletes_a_contact_with_its_events(self):
        self.ingest(make_event("gone", "gone"))
        self.contact("gone").with_user(self.users["manager"]).unlink()
        self.env.invalidate_all()
        self.assertFalse(self.event("gone"))

    def test_companies(self):
        other = self.env["res.company"].create({"name": "Other"})
        self.ingest(make_event("here", "here"), make_event("there", "there"))
        self.contact("there").company_id = other
        self.env.flush_all()
        for model, field in (
            ("manychat.contact", "subscriber_id"),
            ("manychat.state", "event_id"),
        ):
            with self.subTest(model):
                found = self.env[model].with_user(self.users["user"])
                self.assertEqual(
                    found.search([(field, "in", ("here", "there"))]).mapped(field),
                    ["here"],
                )

    def test_what_a_rule_hides_is_there_all_the_same(self):
        """Else the constraint would be violated at every repetition."""
        other = self.env["res.company"].create({"name": "Other"})
        for model in ("manychat.contact", "manychat.state"):
            self.env["ir.rule"].create(
                {
                    "name": "one of the database's own",
                    "model_id": self.env["ir.model"]._get_id(model),
                    "domain_force": "[('company_id', 'in', company_ids + [False])]",
                }
            )
        (first,) = self.ingest(make_event("hide-1", "hide", 1))
        self.contact("hide").company_id = other
        self.env.flush_all()
        self.assertFalse(self.States.search([("event_id", "=", "hide-1")]))
        (second,) = self.ingest(make_event("hide-2", "hide", 2, contact={"phone": "1"}))
        (duplicate,) = self.ingest(make_event("hide-1", "hide", 1))
        self.assertEqual(duplicate, {**first, "status": "duplicate"})
        self.assertEqual(second["status"], "created")
        self.assertEqual(second["contact_id"], first["contact_id"])
        self.assertEqual(self.event("hide-2").company_id, other)
        self.assertEqual(self.contact("hide").phone, "1")
