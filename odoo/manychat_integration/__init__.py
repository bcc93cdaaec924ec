"""The ManyChat addon: models, and the check before they are installed."""

from . import models
from .hooks import pre_init_hook
