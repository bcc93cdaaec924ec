"""test_tls - Odoo behind TLS: whose certificate is trusted, and what is told about one that is not."""
import contextlib
import pathlib
import socket
import ssl
import subprocess
import threading
import unittest

from stack import Stack


def openssl(*arguments):
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Certificates:
    """An authority, and certificates of its making."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ca = self.folder / "ca.pem"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test authority",
                "-keyout", self.folder / "ca.key", "-out", self.ca)

    def issue(self, name):
        """(certificate, key) for a host name or address."""
        kind = "IP" if name[0].isdigit() else "DNS"
        key, request, cert = (self.folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={kind}:{name}\n")
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.folder / "ca.key", "-CAcreateserial",
                "-days", "2", "-extfile", extensions, "-out", cert)
        return cert, key


class TlsFront:
    """Takes TLS off and passes on: what a proxy before Odoo does."""

    def __init__(self, target, cert, key):
        self.target = target
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, key)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with contextlib.suppress(OSError), self.context.wrap_socket(client, server_side=True) as inside:
            with socket.create_connection(("127.0.0.1", self.target)) as outside:
                threading.Thread(target=self._pump, args=(outside, inside), daemon=True).start()
                self._pump(inside, outside)

    def _pump(self, source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.close()


class Tls(unittest.TestCase):
    def run_behind(self, name, ca):
        """A stack whose Odoo shows a certificate for that name."""
        stack = Stack(start=False)
        self.addCleanup(stack.close)
        certificates = Certificates(stack.folder)
        front = TlsFront(stack.simulator.port, *certificates.issue(name))
        self.addCleanup(front.close)
        stack.configure(ODOO_PROTOCOL="jsonrpc+ssl", ODOO_PORT=str(front.port),
                        ODOO_CA_FILE=str(certificates.ca) if ca else None)
        stack.start()
        return stack

    def test_trusted(self):
        stack = self.run_behind("127.0.0.1", True)
        stack.wait_status(stack.accept({"id": "1"}), "synced")

    def assert_not_trusted(self, stack):
        event_id = stack.accept({"id": "1"})
        stack.wait_status(event_id, "pending")
        _, health = stack.wait_health(lambda health: health["odoo"]["status"] == "down", "Odoo down")
        self.assertIn("certificate of ODOO_HOST is not trusted", health["odoo"]["reason"])
        self.assertEqual(health["status"], "degraded")
        self.assertEqual(stack.sql("SELECT COUNT(*) FROM dead_letters"), [(0,)])
        self.assertEqual(stack.simulator.get("/requests"), [], "nothing was sent")

    def test_unknown_authority(self):
        self.assert_not_trusted(self.run_behind("127.0.0.1", False))

    def test_other_host(self):
        self.assert_not_trusted(self.run_behind("odoo.example.org", True))


class Redirects(unittest.TestCase):
    def test_a_redirect_is_not_followed(self):
        stack = Stack()
        self.addCleanup(stack.close)
        stack.simulator.order(status=303, method="authenticate")
        event_id = stack.accept({"id": "1"})
        _, health = stack.wait_health(lambda health: health["odoo"]["status"] == "down", "three requests, no answer")
        self.assertIn("303", health["odoo"]["reason"])
        stack.wait_status(event_id, "pending")


if __name__ == "__main__":
    unittest.main()
