"""What no compiler checks: layers, foreign headers, banned calls, first lines, and documents that match the code."""
import json
import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SRC = ROOT / "src"

# Each layer may include itself and these; the order is CMakeLists.txt's.
LAYERS = {
    "base": [],
    "wrap": ["base"],
    "domain": ["base", "wrap/json.h", "wrap/crypto.h"],
    "store": ["base", "wrap", "domain"],
    "odoo": ["base", "wrap", "domain"],
    "commit": ["base", "wrap", "domain", "store", "odoo"],
    "host": ["base", "wrap"],
    "fn": ["base", "wrap", "domain", "store", "odoo", "commit", "host"],
}
# A header of another project, or how its headers begin: the one file of src that may know it.
FOREIGN = {
    "civetweb.h": "host/server.c",
    "curl/": "wrap/http.c",
    "sql": "wrap/sql.c",
    "jansson.h": "wrap/json.c",
    "openssl/": "wrap/crypto.c",
}
# Calls that have a better way here; the file that may all the same.
BANNED = {name: None for name in (
    "strcpy strcat strncpy strncat sprintf vsprintf gets sscanf atoi atol strtok gmtime localtime ctime rand system "
    "popen alloca strerror mg_handle_form_request strdup strndup asprintf setenv putenv").split()}
BANNED.update({name: "src/base/alloc.c" for name in ("malloc", "calloc", "realloc")})
BANNED["getenv"] = "src/main.c"
# Keys are compared in constant time (enl_secret_equal), and only in these files.
SECRETS = ("src/fn/auth.c",)

NOT_OURS = {".git", ".run", "build", "__pycache__", "node_modules", ".cache", ".vscode", ".idea"}
# Formats that know no comment, and texts whose first line is given.
NO_FIRST_LINE = {".json", ".jsonl", ".example", ".b64", ".bin"}
GIVEN_FIRST_LINE = {"LICENSE"}
FUZZ_CORPUS = "tests/fuzz/corpus/"  # inputs as the fuzzer found them, many of them no text
ODOO = "odoo"  # an addon follows Odoo's conventions, which its own linter knows


def files(*tops, suffix=""):
    """The project's own files below these folders (all of them when none is named)."""
    for top in tops or (".",):
        for folder, folders, names in os.walk(ROOT / top):
            folders[:] = sorted(f for f in folders if f not in NOT_OURS)
            for name in sorted(names):
                path = pathlib.Path(folder, name)
                if name.endswith(suffix) and not is_product(path):
                    yield path


def is_product(path):
    """What running the service leaves in the root."""
    return path.parent == ROOT and (
        path.name.startswith(("enlace.db", ".localhost.sqlite")) or path.name == "local.settings.json")


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def read(path):
    return path.read_text(encoding="utf-8")


def code_of(path):
    """C without comments and texts; every line keeps its number."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: "\n" * m.group().count("\n") or " ", read(path))


def includes(path):
    return re.findall(r'^\s*#\s*include\s+(["<])([^">]+)[">]', read(path), re.M)


def functions():
    return sorted(p.parent.name for p in ROOT.glob("*/function.json"))


def settings_table():
    binary = os.environ.get("ENL_BINARY")
    if not binary:
        raise RuntimeError("ENL_BINARY must name the executable")
    return subprocess.run([binary, "settings"], check=True, capture_output=True, text=True).stdout


class Layers(unittest.TestCase):
    def test_every_folder_is_a_layer(self):
        self.assertEqual(sorted(p.name for p in SRC.iterdir() if p.is_dir()), sorted(LAYERS))

    def test_includes_point_downwards(self):
        for layer, below in LAYERS.items():
            for path in files(f"src/{layer}"):
                for quote, header in includes(path):
                    if quote == "<":
                        continue
                    allowed = header.split("/")[0] == layer or any(
                        header == b or header.startswith(b + "/") for b in below)
                    self.assertTrue(allowed, f"{name_of(path)} includes {header}")

    def test_foreign_headers_have_one_user(self):
        for path in files("src"):
            for quote, header in includes(path):
                for foreign, user in FOREIGN.items():
                    if quote == "<" and header.startswith(foreign):
                        self.assertEqual(name_of(path), "src/" + user, f"it includes <{header}>")

    def test_a_source_includes_its_own_header_first(self):
        for path in files("src", suffix=".c"):
            if path.with_suffix(".h").exists():
                own = path.with_suffix(".h").relative_to(SRC).as_posix()
                self.assertEqual(includes(path)[0][1], own, name_of(path))


class Code(unittest.TestCase):
    def test_banned_calls(self):
        call = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
        for path in files("src", "tools"):
            if path.suffix not in (".c", ".h"):
                continue
            for number, line in enumerate(code_of(path).splitlines(), 1):
                for name in call.findall(line):
                    self.assertEqual(name_of(path), BANNED[name], f"line {number} calls {name}")

    def test_secrets_are_compared_in_constant_time(self):
        for name in SECRETS:
            self.assertNotRegex(code_of(ROOT / name), r"\b(memcmp|strcmp|strncmp|bcmp)\s*\(", name)

    def test_no_line_is_longer_than_the_formatter_allows(self):
        for path in files("src", "tools"):
            for number, line in enumerate(read(path).splitlines(), 1):
                if path.suffix in (".c", ".h"):
                    self.assertLessEqual(len(line), 100, f"{name_of(path)}:{number}")


class FirstLines(unittest.TestCase):
    """Each file says in its first line what it is for."""

    def first_line(self, path):
        lines = read(path).splitlines() or [""]
        if lines[0].startswith("#!"):
            lines = lines[1:] or [""]
        if lines[0] == "/*":
            return "/*" + (lines[1:] or [""])[0].replace(" *", "", 1)
        return lines[0]

    def test_it_is_there(self):
        mark = {".c": "/* ", ".h": "/* ", ".pml": "/* ", ".py": '"""', ".sql": "-- ", ".md": "# "}
        for path in files():
            given = name_of(path).startswith((ODOO + "/", FUZZ_CORPUS))
            if given or path.suffix in NO_FIRST_LINE or path.name in GIVEN_FIRST_LINE:
                continue
            line = self.first_line(path)
            start = mark.get(path.suffix, "# ")
            self.assertTrue(line.startswith(start) and len(line) > len(start) + 8,
                            f"{name_of(path)} begins with {line!r}")

    def test_a_c_file_begins_with_its_name(self):
        for path in files("src", "tools"):
            if path.suffix in (".c", ".h"):
                self.assertTrue(self.first_line(path).startswith(f"/* {path.stem} - "), name_of(path))


class Settings(unittest.TestCase):
    def test_readme_has_the_table(self):
        self.assertIn(settings_table(), read(ROOT / "README.md"), "README.md is not what `enlace settings` prints")

    def test_example_has_each_setting(self):
        values = json.loads(read(ROOT / "local.settings.json.example"))["Values"]
        rows = re.findall(r"^\| `(\w+)` \| \w+ \| (?:`([^`]*)`)? *\|", settings_table(), re.M)
        # The host itself sets the port.
        table = {name: default for name, default in rows if name != "FUNCTIONS_CUSTOMHANDLER_PORT"}
        for_the_host = {"FUNCTIONS_WORKER_RUNTIME", "AzureWebJobsStorage"}
        self.assertGreater(len(table), 10)
        self.assertEqual({k: v for k, v in values.items() if k not in for_the_host}, table)


class Functions(unittest.TestCase):
    def test_readme_names_each(self):
        text = read(ROOT / "README.md")
        self.assertTrue(functions())
        for name in functions():
            self.assertIn(f"`{name}`", text)

    def test_http_functions_are_anonymous(self):
        """The default is `function`, and only Azure, not Core Tools, would ask for its key."""
        for name in functions():
            for binding in json.loads(read(ROOT / name / "function.json"))["bindings"]:
                if binding["type"] == "httpTrigger":
                    self.assertEqual(binding.get("authLevel"), "anonymous", name)

    def test_publishing_sends_what_the_host_reads_and_no_more(self):
        patterns = [line for line in read(ROOT / ".funcignore").splitlines() if line and line[0] != "#"]
        sent = {"host.json", "build/enlace", *(f"{name}/function.json" for name in functions())}
        made = ["build/enlace", "build/dev/enlace", "build/configure.log", "build/.gitignore", ".git/config",
                ".run/queues.sqlite", "enlace.db", "enlace.db-wal", "local.settings.json"]
        for name in [*made, *map(name_of, files())]:
            self.assertEqual(not is_denied(name, patterns), name in sent, name)


def is_denied(name, patterns):
    """As Core Tools reads .funcignore: prefixes of the path, of which an accepting one always wins."""
    def matches(pattern):
        regex = re.escape(pattern.lstrip("!").removeprefix("/")).replace(r"\*\*", ".+").replace(r"\*", "[^/]+")
        return re.match(regex, name)
    return (any(matches(p) for p in patterns if p[0] != "!")
            and not any(matches(p) for p in patterns if p[0] == "!"))


class Documents(unittest.TestCase):
    def test_they_name_no_missing_file(self):
        tops = {p.name for p in ROOT.iterdir()} - {"build", ".run"}
        for document in files(suffix=".md"):
            if name_of(document).startswith(ODOO + "/"):
                continue
            text = re.sub(r"^```.*?^```", "", read(document), flags=re.M | re.S)
            named = [(ROOT, n) for n in re.findall(r"`([\w.-]+(?:/[\w.-]+)*/?)`", text)
                     if n.split("/")[0] in tops or n.endswith(".md")]
            named += [(document.parent, n.split("#")[0]) for n in re.findall(r"\]\(([^)\s]+)\)", text)
                      if not n.startswith(("http:", "https:", "#", "mailto:"))]
            for folder, name in named:
                found = (folder / name).exists() or (document.parent / name).exists()
                self.assertTrue(found or is_product(ROOT / name), f"{name_of(document)} names {name}")

    def test_reliability_names_tests_that_exist(self):
        named = re.findall(r"`(test_\w+)\.(test_\w+)`", read(ROOT / "docs" / "reliability.md"))
        self.assertGreater(len(named), 40)
        for module, test in named:
            sources = [*(ROOT / "tests").glob(f"*/{module}.py"), *(ROOT / "tests").glob(f"*/{module}.c")]
            self.assertTrue(any(re.search(rf"\b{test}\(", read(source)) for source in sources), f"{module}.{test}")

    def test_readme_is_short(self):
        self.assertLess(len(read(ROOT / "README.md").splitlines()), 250)

    def test_readme_tours_the_source(self):
        text = read(ROOT / "README.md")
        for layer in LAYERS:
            self.assertIn(f"src/{layer}/", text)


if __name__ == "__main__":
    unittest.main()
