"""The addon's settings."""

from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    manychat_keep_payload = fields.Boolean(
        string="Keep payloads",
        config_parameter="manychat_integration.keep_payload",
        help="Store with each event the payload that came with it, where one came. "
        "Payloads can hold personal data that the contact's fields do not.",
    )
