"""Tests of transitions, which depend on the order of times and not on that of arrival."""

from itertools import permutations

from odoo.tests import tagged

from .common import ManychatCase, make_event


@tagged("post_install", "-at_install")
class TestTransitions(ManychatCase):
    def transitions(self, name, seconds):
        events = [self.event(f"{name}-{second}") for second in seconds]
        return [event.is_transition for event in events]

    def test_in_one_batch(self):
        self.ingest(
            *(
                make_event(f"one-{second}", "one", second, state=state)
                for second, state in enumerate(("lead", "lead", "", "won", "", "won", "lead"))
            )
        )
        self.assertEqual(
            self.transitions("one", range(7)),
            [True, False, False, True, False, False, True],
        )

    def test_in_every_order(self):
        states = {1: "lead", 2: "won", 3: "won", 4: "lead"}
        for number, order in enumerate(permutations(states)):
            for second in order:
                self.ingest(
                    make_event(
                        f"any{number}-{second}",
                        f"any{number}",
                        second,
                        state=states[second],
                    )
                )
            self.assertEqual(
                self.transitions(f"any{number}", states),
                [True, True, False, True],
                order,
            )

    def test_a_late_event_changes_its_next_neighbour(self):
        self.ingest(
            make_event("late-1", "late", 1, state="lead"),
            make_event("late-3", "late", 3, state="lead"),
            make_event("late-4", "late", 4, state="lead"),
        )
        self.assertEqual(self.transitions("late", (1, 3, 4)), [True, False, False])
        self.ingest(make_event("late-2", "late", 2, state="won"))
        self.assertEqual(self.transitions("late", (1, 2, 3, 4)), [True, True, True, False])
        self.ingest(make_event("late-0", "late", 0, state="lead"))
        self.assertEqual(self.transitions("late", (0, 1)), [True, False])

    def test_contacts_do_not_meet(self):
        self.ingest(
            make_event("a-1", "a", 1, state="lead"),
            make_event("b-2", "b", 2, state="lead"),
        )
        self.assertTrue(self.event("a-1").is_transition)
        self.assertTrue(self.event("b-2").is_transition)
