"""Models of the ManyChat addon."""

from . import manychat_contact
from . import manychat_erased
from . import manychat_state
from . import res_config_settings
