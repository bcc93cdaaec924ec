# What Odoo has to know of the addon: its name, its needs and its files.
{
    "name": "ManyChat Integration",
    "summary": "ManyChat's contacts and their events, stored once each and in real time",
    "version": "18.0.1.1.0",
    "category": "Marketing",
    "author": "Enlace contributors",
    "license": "LGPL-3",
    "depends": ["mail"],
    "data": [
        "security/manychat_groups.xml",
        "security/ir.model.access.csv",
        "security/manychat_rules.xml",
        "views/manychat_contact_views.xml",
        "views/manychat_state_views.xml",
        "views/manychat_erased_views.xml",
        "views/res_config_settings_views.xml",
        "views/manychat_menus.xml",
    ],
    "application": True,
    "installable": True,
    "pre_init_hook": "pre_init_hook",
}
