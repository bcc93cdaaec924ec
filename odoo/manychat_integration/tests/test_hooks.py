"""Test of the check before the installation."""

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged

from ..hooks import pre_init_hook


@tagged("post_install", "-at_install")
class TestHooks(TransactionCase):
    def test_refuses_beside_the_other_addon(self):
        pre_init_hook(self.env)
        self.env.cr.execute("CREATE TABLE integration_manychat_log (id int)")
        with self.assertRaisesRegex(UserError, "integration_manychat_log"):
            pre_init_hook(self.env)

    def test_names_that_only_look_alike(self):
        self.env.cr.execute("CREATE TABLE integrationxmanychat (id int)")
        pre_init_hook(self.env)
