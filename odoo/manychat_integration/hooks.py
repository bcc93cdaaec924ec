"""Hooks of the installation."""

from odoo.exceptions import UserError


def pre_init_hook(env):
    """Refuses where another addon of the same technical name has left its tables."""
    env.cr.execute(
        r"SELECT relname FROM pg_class"
        r" WHERE relname LIKE 'integration\_manychat%' AND relkind IN ('r', 'p', 'v', 'm')"
        r" AND relnamespace = current_schema::regnamespace ORDER BY relname"
    )
    tables = ", ".join(name for (name,) in env.cr.fetchall())
    if tables:
        raise UserError(
            env._(
                "Another addon named manychat_integration has been in use here, and its tables "
                "are still there: %s. The two cannot share a database: uninstall the other one "
                "first, after saving its data.",
                tables,
            )
        )
