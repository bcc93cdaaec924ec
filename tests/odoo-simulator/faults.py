"""Faults to order: what is to go wrong, for which calls, and how often."""

import threading
from dataclasses import dataclass, field
from http import HTTPStatus

from errors import CATALOGUE, OdooError

COMMON_KEYS = {"mode", "times", "method"}
SELECTORS = {"event_ids", "subscriber_ids", "state_contains"}
# Mode -> the keys that it takes besides, required ones first.
MODES = {
    "down": ((), ("commit",)),
    "slow": (("seconds",), ("when",)),
    "slow_events": (("seconds",), ()),
    "status": (("status",), ("retry_after", "commit")),
    "reset_before": ((), ()),
    "reset_after_commit": ((), ()),
    "non_json": ((), ("commit",)),
    "no_result": ((), ("commit",)),
    "error": (("error",), ()),
    "api_version": (("api_min",), ("api", "features")),
    "reject": ((), ("code", "error", *SELECTORS)),
    "reject_all": (("error",), ("code",)),
    "retry": ((), tuple(SELECTORS)),
    "kill": ((), tuple(SELECTORS)),
}
TYPES = {"mode": str, "times": int, "method": str, "seconds": (int, float), "when": str,
         "status": int, "retry_after": (str, int), "commit": bool, "error": (str, dict),
         "api": int, "api_min": int, "features": list, "code": str, "event_ids": list, "subscriber_ids": list,
         "state_contains": str}
ENDINGS = ("down", "status", "reset_before", "reset_after_commit", "non_json", "no_result",
           "error", "kill")
REJECT_TEXT = "The operation cannot be completed: rejected by order."


@dataclass
class Plan:
    """What was ordered for one call."""

    delay_before: float = 0.0
    delay_after: float = 0.0
    ending: dict | None = None
    api: dict = field(default_factory=dict)
    verdicts: list = field(default_factory=list)
    applied: list = field(default_factory=list)
    cleared: threading.Event = field(default_factory=threading.Event)  # ends its delays

    @property
    def does_the_work(self):
        """Whether the call is carried out, whatever its client is told."""
        return not self.ending or self.ending["mode"] == "reset_after_commit" \
            or self.ending.get("commit", False)

    def verdict(self, item):
        """The ordered result of one event, or None."""
        for order, result in self.verdicts:
            if selects(order, item):
                return result
        return None


def selects(order, item):
    """Whether one of the order's selectors meets the event; without any it meets all."""
    if not SELECTORS & order.keys():
        return True
    if not isinstance(item, dict):
        return False
    return (item.get("event_id") in order.get("event_ids", ())
            or item.get("subscriber_id") in order.get("subscriber_ids", ())
            or ("state_contains" in order
                and order["state_contains"] in str(item.get("state") or "")))


def ordered_error(order, call):
    """The OdooError of an order of mode `error`, made for this call."""
    error = order["error"]
    if isinstance(error, str):
        return CATALOGUE[error](call)
    return OdooError(error["name"], error["message"], error.get("context"))


class Faults:
    """The orders in force, in the order in which they were given."""

    def __init__(self):
        self._lock = threading.Lock()
        self._orders = []
        self._left = {}
        self._given = 0
        self._cleared = threading.Event()

    def order(self, document):
        """Takes an order, or clears them all; ValueError says what is wrong with it."""
        if not isinstance(document, dict):
            raise ValueError("an order is an object")
        if document == {"mode": "ok"} or document == {"clear": True}:
            with self._lock:
                self._orders.clear()
                self._cleared.set()
                self._cleared = threading.Event()
            return {"mode": "ok"}
        order = {"mode": "status", **document} if "status" in document else dict(document)
        _check(order)
        with self._lock:
            self._given += 1
            order["id"] = self._given
            self._left[order["id"]] = order.get("times")
            self._orders.append(order)
        return order

    def listing(self):
        """The orders in force, each with how often it will still be applied."""
        with self._lock:
            return [{**order, "left": self._left[order["id"]]} for order in self._orders]

    def plan(self, call):
        """What is in force for this call. An order that has no effect on it is not used up."""
        plan = Plan()
        with self._lock:
            plan.cleared = self._cleared
            meeting = [order for order in self._orders if _meets(order, call)]
            plan.ending = next((order for order in meeting if order["mode"] in ENDINGS), None)
            for order in meeting:
                if order is plan.ending or _add(plan, order, call):
                    plan.applied.append(order["mode"])
                    self._use(order)
        return plan

    def _use(self, order):
        left = self._left[order["id"]]
        if left == 1:
            self._orders.remove(order)
        elif left:
            self._left[order["id"]] = left - 1


def _meets(order, call):
    if "method" in order and order["method"] != call.method:
        return False
    mode = order["mode"]
    if mode == "error":
        # A changed password and a lost database are noticed at the login, too.
        return call.service == "object" or (call.method in ("authenticate", "login")
                                            and order["error"] in ("access_denied",
                                                                   "database_gone"))
    if mode == "api_version":
        return call.method == "api_info"
    if mode == "slow_events":
        return bool(call.events)
    if mode in ("reject", "reject_all", "retry", "kill"):
        return any(selects(order, item) for item in call.events)
    return True


def _add(plan, order, call):
    """Adds what is no ending; False where the call's ending leaves it without effect."""
    mode = order["mode"]
    if mode == "slow_events":
        plan.delay_before += order["seconds"] * len(call.events)
        return True
    if mode == "slow":
        if order.get("when", "after") == "before":
            plan.delay_before += order["seconds"]
        else:
            plan.delay_after += order["seconds"]
        return True
    if mode in ENDINGS or not plan.does_the_work:
        return False
    if mode == "api_version":
        plan.api = {"api": order.get("api", order["api_min"]), "api_min": order["api_min"]}
        if "features" in order:
            plan.api["features"] = order["features"]
    elif mode == "retry":
        plan.verdicts.append((order, {"status": "retry"}))
    else:
        plan.verdicts.append((order, {"status": "rejected",
                                      "code": order.get("code", "constraint"),
                                      "error": order.get("error", REJECT_TEXT)}))
    return True


def _check(order):
    mode = order.get("mode")
    if mode not in MODES:
        raise ValueError(f"no such mode: {mode!r}; known: ok, {', '.join(MODES)}")
    required, optional = MODES[mode]
    for key in required:
        if key not in order:
            raise ValueError(f"{mode} needs {key}")
    for key, value in order.items():
        if key not in COMMON_KEYS and key not in required and key not in optional:
            raise ValueError(f"{mode} does not take {key}")
        if not isinstance(value, TYPES[key]) or (isinstance(value, bool) and key != "commit"):
            raise ValueError(f"{key} is of the wrong type")
    if order.get("times", 1) < 1:
        raise ValueError("times is at least 1")
    if order.get("when", "after") not in ("before", "after"):
        raise ValueError("when is before or after")
    if order.get("status", 500) not in list(HTTPStatus) or order.get("status", 500) < 300:
        raise ValueError("status is an HTTP error or a redirect")
    _check_error(mode, order.get("error", ""))


def _check_error(mode, error):
    if mode != "error":
        if not isinstance(error, str):
            raise ValueError("error is a text")
    elif isinstance(error, str):
        if error not in CATALOGUE:
            raise ValueError(f"no such error: {error!r}; known: {', '.join(CATALOGUE)}")
    elif not {"name", "message"} <= error.keys() <= {"name", "message", "context"}:
        raise ValueError("error holds name, message and perhaps context")
