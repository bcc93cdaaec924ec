"""test_webhook_contract - what the webhook takes, keeps with warnings and refuses, through the whole stack."""
import http.client
import json
import unittest

from stack import KEY, WEBHOOK, Stack, wait_until

BIG = "x" * 60000


def nested(depth):
    return '{"id":"deep","x":' + "[" * (depth - 1) + "]" * (depth - 1) + "}"


class Contract(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = Stack(odoo=False, settings={"API_KEY": f"old-key, ,{KEY}", "LOCAL_UTC_OFFSET": "-06:00",
                                                "DUPLICATE_WINDOW_SECONDS": "0"})

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def test_keys(self):
        cases = [
            ("no key", {}, 401), ("wrong", {"X-API-Key": "no"}, 401), ("right", {"X-API-Key": KEY}, 200),
            ("second of the list", {"X-API-Key": "old-key"}, 200), ("the list itself", {"X-API-Key": f"old-key, ,{KEY}"}, 401),
            ("an empty entry is no key", {"X-API-Key": " "}, 401), ("bearer", {"Authorization": f"Bearer {KEY}"}, 200),
            ("bearer in any case", {"Authorization": f"bEARER {KEY}"}, 200),
            ("other scheme", {"Authorization": f"Basic {KEY}"}, 401),
            ("X-API-Key counts first", {"X-API-Key": "no", "Authorization": f"Bearer {KEY}"}, 401),
            ("an empty X-API-Key is absent", {"X-API-Key": "", "Authorization": f"Bearer {KEY}"}, 200),
        ]
        for name, headers, status in cases:
            with self.subTest(name):
                got, answer = self.stack.post('{"id":"1"}', headers, key=None)
                self.assertEqual(got, status, answer)

    def test_two_keys_are_wrong(self):
        connection = http.client.HTTPConnection("localhost", self.stack.port)
        connection.putrequest("POST", WEBHOOK)
        for _ in range(2):
            connection.putheader("X-API-Key", KEY)
        connection.putheader("Content-Length", "10")
        connection.endheaders(b'{"id":"1"}')
        self.assertEqual(connection.getresponse().status, 401)
        connection.close()

    def test_refused(self):
        octets = {"Content-Type": "application/octet-stream"}
        cases = [
            ("multipart", '{"id":"1"}', {"Content-Type": "multipart/form-data; boundary=x"}, 415, None),
            ("over 1 MiB, not parsed", b"{" * 1048577, {}, 413, None),
            ("empty", "", {}, 400, None), ("no JSON", "id=1", {}, 400, None), ("trailing text", '{"id":"1"} x', {}, 400, None),
            ("cut", '{"id":"1"', {}, 400, None), ("1e999", '{"id":"1","n":1e999}', {}, 400, None),
            ("U+0000", '{"id":"1","n":"\\u0000"}', {}, 400, None), ("lone surrogate", '{"id":"1","n":"\\ud800"}', {}, 400, None),
            ("too deep", nested(2049), {}, 400, None), ("octets that are no UTF-8", b'{"id":"\xff"}', octets, 400, None),
            ("array", "[1]", {}, 422, "$"), ("text", '"x"', {}, 422, "$"), ("null", "null", {}, 422, "$"),
            ("no id", "{}", {}, 422, "id"), ("no id in the wrapper", '{"data":{"name":"x"}}', {}, 422, "data.id"),
            ("empty id", '{"id":""}', {}, 422, "id"), ("id with a space", '{"id":"a b"}', {}, 422, "id"),
            ("id not ASCII", '{"id":"ñ"}', {}, 422, "id"), ("id of 65 characters", json.dumps({"id": "x" * 65}), {}, 422, "id"),
            ("id a fraction", '{"id":1.5}', {}, 422, "id"), ("id negative", '{"id":-1}', {}, 422, "id"),
            ("id over 2^63-1", '{"id":9223372036854775808}', {}, 422, "id"),
            ("id an object", '{"data":{"id":{}},"id":null}', {}, 422, "data.id"),
            ("event_id with a space", '{"id":"1","event_id":"a b"}', {}, 422, "event_id"),
            ("event_id inside", '{"data":{"id":"1","event_id":"a b"}}', {}, 422, "data.event_id"),
            ("event_id of 129", json.dumps({"id": "1", "event_id": "x" * 129}), {}, 422, "event_id"),
            ("header's id", '{"id":"1"}', {"Idempotency-Key": "a/b"}, 422, "Idempotency-Key"),
            ("too large for the queue", json.dumps({"id": "1", "x": BIG}), {}, 413, None),
        ]
        for name, body, headers, status, field in cases:
            with self.subTest(name):
                got, answer = self.stack.post(body, headers)
                self.assertEqual(got, status, answer)
                self.assertEqual(answer["status"], status)
                self.assertEqual(answer.get("field"), field)
                self.assertTrue(answer["title"])
                if status == 400:
                    self.assertGreaterEqual(min(answer["line"], answer["column"]), 1)

    def test_refusals_are_problem_json(self):
        status, headers, text = self.stack.request(WEBHOOK, "{}", "POST", {"X-API-Key": KEY})
        self.assertEqual((status, headers["Content-Type"]), (422, "application/problem+json; charset=utf-8"))
        self.assertNotIn(KEY, text)

    def test_place_of_an_error(self):
        _, answer = self.stack.post('{"id":"1",\n "x":  tru}')
        self.assertEqual((answer["line"], answer["column"] > 1), (2, True))

    def test_chunked_is_411(self):
        connection = http.client.HTTPConnection("localhost", self.stack.port)
        connection.request("POST", WEBHOOK, iter([b'{"id":"1"}']), {"X-API-Key": KEY}, encode_chunked=True)
        self.assertEqual(connection.getresponse().status, 411)
        connection.close()

    def test_taken(self):
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        octets = {"Content-Type": "application/octet-stream"}
        day = "2026-05-04T10:54:33-06:00"
        cases = [
            ("a bare id", '{"id":"1"}', {}, dict(subscriber_id="1", kind="interaction", state=None), []),
            ("as curl -d posts it", '{"id":"1"}', form, dict(subscriber_id="1"), []),
            ("no content type worth the name", '{"id":"1"}', {"Content-Type": "text/plain"}, dict(subscriber_id="1"), []),
            ("octets", '{"id":"ñandú","manychat_id":"o1"}', octets, dict(subscriber_id="o1"), []),
            ("a BOM", "\ufeff" + '{"id":"bom"}', {}, dict(subscriber_id="bom"), []),
            ("the last of two keys", '{"id":"a","id":"b"}', {}, dict(subscriber_id="b"), []),
            ("an integer id", '{"id":42}', {}, dict(subscriber_id="42"), []),
            ("minus zero", '{"id":-0}', {}, dict(subscriber_id="0"), []),
            ("leading zeros kept", '{"id":" 007 "}', {}, dict(subscriber_id="007"), []),
            ("manychat_id before id", '{"id":"a","manychat_id":"b"}', {}, dict(subscriber_id="b"), []),
            ("an integer beyond 64 bits", '{"id":"1","n":123456789012345678901234567890}', {}, dict(subscriber_id="1"), []),
            ("deep, but within the limit", nested(2048), {}, dict(subscriber_id="deep"), []),
            ("under data", '{"data":{"id":"d"},"canal":"WA"}', {}, dict(subscriber_id="d"), []),
            ("under full_contact", '{"full_contact":{"id":"f"}}', {}, dict(subscriber_id="f"), []),
            ("under full-data", '{"full-data":{"id":"g"}}', {}, dict(subscriber_id="g"), []),
            ("under subscriber", '{"subscriber":{"id":"h"}}', {}, dict(subscriber_id="h"), []),
            ("under contact, flat", '{"contact":{"manychat_id":"i","estado_inicial":"nuevo"}}', {},
             dict(subscriber_id="i", kind="state", state="nuevo"), []),
            ("the first wrapper that holds an id", '{"data":{"x":1},"contact":{"id":"j"}}', {}, dict(subscriber_id="j"), []),
            ("flat contact", json.dumps({"manychat_id": "1", "datetime_suscripcion": day}), {}, dict(kind="contact"), []),
            ("assignment", '{"manychat_id":"1","campaign_id":7,"ultimo_estado":"x"}', {},
             dict(kind="assignment", state="x"), []),
            ("state of a custom field", '{"id":"1","custom_fields":{"estado":"tibio"}}', {}, dict(kind="state", state="tibio"), []),
            ("no state of an empty one", '{"id":"1","custom_fields":{"estado":""}}', {}, dict(kind="interaction", state=None), []),
            ("a state that is an object", '{"id":"1","custom_fields":{"estado":{}}}', {}, dict(state=None),
             ['custom_fields["estado"]']),
            ("a state too long", json.dumps({"id": "1", "estado_inicial": "x" * 129}), {}, dict(state=None), ["estado_inicial"]),
            ("time of the event", json.dumps({"id": "1", "datetime_actual": day}), {},
             dict(occurred_at="2026-05-04T16:54:33.000Z"), []),
            ("a bare date is local midnight", '{"id":"1","datetime_actual":"2026-05-05"}', {},
             dict(occurred_at="2026-05-05T06:00:00.000Z"), []),
            ("a localised date", '{"id":"1","datetime_actual":"20 Oct 2025, 05:41pm"}', {},
             dict(occurred_at="2025-10-20T23:41:00.000Z"), []),
            ("a Spanish month", '{"id":"1","datetime_actual":"3 mayo 2026 17:41"}', {},
             dict(occurred_at="2026-05-03T23:41:00.000Z"), []),
            ("a date without a year", '{"id":"1","datetime_actual":"3 de mayo"}', {}, {}, ["datetime_actual"]),
            ("an ambiguous date", '{"id":"1","datetime_actual":"05/04/2026"}', {}, {}, ["datetime_actual"]),
            ("a wrong date in a wrapper", '{"data":{"id":"1","subscribed":"never"}}', {}, {}, ["data.subscribed"]),
            ("null and empty are absent", '{"id":"1","datetime_actual":null,"estado_inicial":""}', {}, dict(state=None), []),
            ("a switch that is none", '{"id":"1","optin_phone":"maybe"}', {}, {}, ["optin_phone"]),
            ("custom fields that are none", '{"id":"1","custom_fields":7}', {}, {}, ["custom_fields"]),
            ("empty custom fields", '{"id":"1","custom_fields":[]}', {}, {}, []),
            ("key does not replace id, but is no harm", '{"key":"user:9","id":"9"}', {}, dict(subscriber_id="9"), []),
        ]
        for name, body, headers, facts, warned in cases:
            with self.subTest(name):
                sent = body.encode() if isinstance(body, str) else body
                status, answer = self.stack.post(sent, headers)
                self.assertEqual(status, 200, answer)
                self.assertEqual((answer["version"], answer["status"]), ("v2", "queued"))
                self.assertEqual(answer["content"], {"messages": [], "actions": [], "quick_replies": []})
                self.assertEqual([warning["field"] for warning in answer["warnings"]], warned)
                event = self.stack.wait_status(answer["event_id"], "pending")
                self.assertEqual({fact: event[fact] for fact in facts}, facts)
                self.assertEqual(event["warnings"], answer["warnings"])
                [(stored,)] = self.stack.sql("SELECT body FROM events WHERE event_id = ?", answer["event_id"])
                self.assertEqual(stored.encode(), sent, "raw is kept to the byte")

    def test_event_ids(self):
        cases = [
            ("the header first", '{"id":"1","event_id":"body-1"}', {"Idempotency-Key": "head-1"}, "head-1"),
            ("quotes are stripped", '{"id":"1"}', {"Idempotency-Key": '"head-2"'}, "head-2"),
            ("an empty header is absent", '{"id":"1","event_id":"body-2"}', {"Idempotency-Key": ""}, "body-2"),
            ("top before wrapper", '{"event_id":"top-1","data":{"id":"1","event_id":"in-1"}}', {}, "top-1"),
            ("in the wrapper", '{"data":{"id":"1","event_id":"in-2"}}', {}, "in-2"),
            ("an integer", '{"id":"1","event_id":12345}', {}, "12345"),
            ("every allowed character", '{"id":"1","event_id":"Az09._:~@+=,-"}', {}, "Az09._:~@+=,-"),
            ("one that is not used is not checked", '{"id":"1","event_id":"a b"}', {"Idempotency-Key": "head-3"}, "head-3"),
        ]
        for name, body, headers, event_id in cases:
            with self.subTest(name):
                self.assertEqual(self.stack.accept(body, headers), event_id)
                self.stack.wait_status(event_id, "pending")
        self.assertRegex(self.stack.accept('{"id":"1"}'), "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")

    def test_two_idempotency_keys_are_422(self):
        connection = http.client.HTTPConnection("localhost", self.stack.port)
        connection.putrequest("POST", WEBHOOK)
        connection.putheader("X-API-Key", KEY)
        for key in ("k-1", "k-2"):
            connection.putheader("Idempotency-Key", key)
        connection.putheader("Content-Length", "10")
        connection.endheaders(b'{"id":"1"}')
        answer = connection.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())["field"]), (422, "Idempotency-Key"))
        connection.close()

    def test_strict_handling(self):
        body = '{"data":{"id":"1","subscribed":"never"}}'
        status, answer = self.stack.post(body, {"Prefer": "respond-async, handling=strict"})
        self.assertEqual((status, [w["field"] for w in answer["warnings"]]), (422, ["data.subscribed"]))
        self.assertEqual(self.stack.post('{"id":"1"}', {"Prefer": "handling=strict"})[0], 200)
        self.assertEqual(self.stack.post(body, {"Prefer": "handling=lenient"})[0], 200)

    def test_many_warnings_are_cut_at_twenty(self):
        body = {"id": "1", "custom_fields": {f"f{i}": i for i in range(3)},
                **{key: {} for key in ("first_name", "last_name", "name", "phone", "whatsapp_phone", "email", "locale",
                                       "timezone", "gender", "live_chat_url", "ig_username", "status", "page_id",
                                       "subscribed", "last_interaction", "datetime_actual", "optin_phone",
                                       "optin_email", "optin_whatsapp", "estado_inicial", "campaign_id",
                                       "comercial_id", "medico_id", "tipo_asignacion", "summary")}}
        status, answer = self.stack.post(body)
        self.assertEqual((status, len(answer["warnings"])), (200, 20))

    def test_body_through_the_queue(self):
        """W9: it comes to SQL to the byte."""
        body = '{"id": "q1",  "n": 1.50, "e": "ñ 😀"}'
        event_id = self.stack.accept(body, {"Idempotency-Key": "queued-1"})
        self.stack.wait_status(event_id, "pending")
        [(stored, key)] = self.stack.sql("SELECT body, order_key FROM events WHERE event_id = 'queued-1'")
        self.assertEqual(stored, body)
        self.assertRegex(key, "^[0-9a-f]{16}:queued-1$")

    def test_health_tells_that_odoo_is_not_configured(self):
        def settled():
            status, health = self.stack.health()
            return health if status == 200 else None
        health = wait_until(settled, "/health answers 200")
        self.assertEqual((health["status"], health["odoo"]["status"]), ("degraded", "not_configured"))


if __name__ == "__main__":
    unittest.main()
