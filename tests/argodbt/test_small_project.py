"""A dbt project of three models and a test, made in place, on PostgreSQL: over pods and in one process."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from tests import forked

from stocks.embedded import EmbeddedPostgres

FILES = {
    "dbt_project.yml": """
        name: shop
        version: "1.0"
        profile: shop
        models: {+materialized: table}
        """,
    "profiles.yml": """
        shop:
          target: dev
          outputs:
            dev:
              type: postgres
              host: "{{ env_var('SHOP_HOST') }}"
              port: "{{ env_var('SHOP_PORT') | as_number }}"
              user: "{{ env_var('SHOP_USER') }}"
              password: "{{ env_var('DBT_ENV_SECRET_SHOP') }}"
              dbname: "{{ env_var('SHOP_DATABASE') }}"
              schema: "{{ env_var('SHOP_SCHEMA', 'public') }}"
              threads: 1
        """,
    "models/orders.sql": "select 1 as order_id, {{ var('amount', 10) }} as amount",
    "models/customers.sql": "select order_id from {{ ref('orders') }}",
    "models/report.sql": "select count(*) as orders from {{ ref('customers') }}",
    "models/models.yml": """
        models:
          - name: orders
            columns:
              - name: amount
                data_tests: [not_null]
        """,
    # The hooks of the project: they write down how they are called, and build in a schema of their own.
    "books.py": """
        import contextlib, json, os
        from pathlib import Path
        from argodbt.hooks import Hooks

        def note(*what):
            with Path(os.environ["SHOP_BOOK"]).open("a") as book:
                print(json.dumps(what), file=book)

        class Refused(Exception):
            exit_code, message, hint = 65, "The book is closed.", ""

        class Books(Hooks):
            hint = "Readers see what they saw."

            @contextlib.contextmanager
            def around(self, command):
                facts = {}
                try:
                    yield facts
                finally:
                    note("around", command, self.run_id, facts)

            def is_due(self):
                return self.run_id != "idle"

            def left_out(self, nodes, *, full_refresh):
                return {"model.shop.orders"} if self.run_id == "again" and not full_refresh else ()

            def variables(self, *, published=False):
                return {"SHOP_SCHEMA": "public" if published else "beside"}

            def begin(self, selection, left):
                if self.run_id == "refused":
                    raise Refused
                note("begin", len(selection.nodes), selection.asked.is_whole, sorted(left.undone) if left else None)
                return {"number": 7}

            def check(self, ticket):
                note("check", ticket)

            def judge(self, ticket, results):
                note("judge", ticket, {result.name: result.status for result in results})
                return {result.unique_id: ["look here"] for result in results if result.is_bad}

            def publish(self, ticket):
                note("publish", ticket)
        """,
}


@dataclass(frozen=True, kw_only=True)
class Shop:
    """The project, and a database of its own."""

    folder: Path
    url: str
    environment: dict[str, str]

    def run(self, *arguments: str, code: int = 0, **variables: str) -> str:
        """Runs `argodbt`; gives what it said."""
        ended = forked.run("argodbt", arguments, cwd=self.folder, env={**self.environment, **variables})
        assert ended.returncode == code, ended.stdout + ended.stderr
        return ended.stdout

    def write(self, name: str, text: str) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)

    def tables(self, schema: str = "public") -> set[str]:
        with psycopg.connect(self.url) as connection:
            return {
                row[0] for row in connection.execute("select tablename from pg_tables where schemaname = %s", [schema])
            }

    def book(self) -> list[list[Any]]:
        """What the hooks have written down."""
        return [json.loads(line) for line in (self.folder / "book").read_text().splitlines()]


@pytest.fixture
def shop(postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Shop]:
    name = f"shop_{uuid.uuid4().hex[:12]}"
    url = postgres.url("postgres").rsplit("/", 1)[0]
    login = psycopg.conninfo.conninfo_to_dict(url)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR")}
    own = Shop(
        folder=tmp_path,
        url=f"{url}/{name}",
        environment={
            **kept,
            "PYTHONPATH": str(tmp_path),
            "SHOP_BOOK": str(tmp_path / "book"),
            "SHOP_HOST": str(login["host"]),
            "SHOP_PORT": str(login["port"]),
            "SHOP_USER": str(login["user"]),
            "DBT_ENV_SECRET_SHOP": str(login["password"]),
            "SHOP_DATABASE": name,
        },
    )
    for path, text in FILES.items():
        indent = len(text.lstrip("\n")) - len(text.lstrip())
        own.write(path, "\n".join(line[indent:] for line in text.lstrip("\n").splitlines()))
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        yield own
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def pods(shop: Shop, *prepare: str, codes: dict[str, int] | None = None, **variables: str) -> list[str]:
    """Runs what a workflow runs, a process a pod; gives the tasks that were started."""
    out = shop.folder / "out"
    shop.run(
        "prepare", "--selection=out/selection.json", "--to=out/selected", "--state=out/last", *prepare, **variables
    )
    graph = json.loads(shop.run("graph", "--format=json"))
    selected = (out / "selected").read_text()
    started = [task["name"] for task in graph["tasks"] if selected == "all" or f",{task['name']}," in selected]
    for name in started:
        code = (codes or {}).get(name, 0)
        shop.run("task", name, "--selection=out/selection.json", f"--results=out/tasks/{name}", code=code, **variables)
        if code:
            break
    code = (codes or {}).get("finish", 0)
    shop.run("finish", "--selection=out/selection.json", "--parts=out/tasks", "--results=out", code=code, **variables)
    return started


def dbt_parse(shop: Shop) -> None:
    ended = forked.run("dbt", ["--quiet", "parse"], cwd=shop.folder, env=shop.environment)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_pods_build_what_one_process_builds(shop: Shop) -> None:
    dbt_parse(shop)
    assert pods(shop) == ["orders", "customers", "report"]
    assert shop.tables() == {"orders", "customers", "report"}
    by_pods = json.loads((shop.folder / "out" / "run_results.json").read_text())["results"]
    shop.run("build")
    at_once = json.loads((shop.folder / "target" / "argodbt" / "run_results.json").read_text())["results"]
    assert [(r["unique_id"], r["status"]) for r in at_once] == [(r["unique_id"], r["status"]) for r in by_pods]
    assert len(at_once) == 4


def test_hooks_are_called_around_a_build_and_choose_its_place(shop: Shop) -> None:
    told = shop.run("build", "--hooks=books:Books", "--run-id=one", "--vars={amount: 3}")
    assert '"event": "finished"' in told
    assert (shop.tables("beside"), shop.tables()) == ({"orders", "customers", "report"}, set())
    ticket = {"number": 7}
    statuses = dict.fromkeys(("customers", "orders", "report"), "success") | {"not_null_orders_amount": "pass"}
    assert shop.book() == [
        ["begin", 4, True, None],
        ["check", ticket],
        ["judge", ticket, statuses],
        ["publish", ticket],
        ["around", "build", "one", {"built": 3, "tests": 1, "warnings": 0}],
    ]


def test_hooks_say_what_a_whole_build_leaves_out(shop: Shop) -> None:
    for options in (["--run-id=one"], ["--run-id=again"], ["--run-id=again", "--full-refresh"]):
        shop.run("build", "--hooks=books:Books", *options)
    assert [entry[1] for entry in shop.book() if entry[0] == "begin"] == [4, 3, 4]
    built = [sorted(entry[2]) for entry in shop.book() if entry[0] == "judge"]
    assert [("orders" in names, "customers" in names) for names in built] == [(True, True), (False, True), (True, True)]


def test_nothing_is_built_where_nothing_is_due_or_hooks_refuse(shop: Shop) -> None:
    shop.run("build", "--hooks=books:Books", "--run-id=idle", "--if-due")
    assert shop.book() == [["around", "build", "idle", {}]]
    said = shop.run("build", "--hooks=books:Books", "--run-id=refused", "--if-due", code=65)
    assert "The book is closed." in said
    shop.run("build", "--hooks=books:Nobody", code=78)
    assert shop.tables("beside") == set()


def test_failed_node_is_gone_on_with_by_what_hooks_have_kept(shop: Shop) -> None:
    hooks = {"ARGODBT_HOOKS": "books:Books"}
    shop.write("models/customers.sql", "select no_such_column from {{ ref('orders') }}")
    dbt_parse(shop)
    assert pods(shop, codes={"customers": 78, "finish": 78}, **hooks) == ["orders", "customers", "report"]
    assert "publish" not in [entry[0] for entry in shop.book()]
    shop.write("models/customers.sql", FILES["models/customers.sql"])
    dbt_parse(shop)
    undone = "--select=1+result:error+ result:skipped+"
    assert pods(shop, undone, **hooks) == ["orders", "customers", "report"]
    begun = [entry for entry in shop.book() if entry[0] == "begin"]
    assert begun[-1][2:] == [False, ["model.shop.customers", "model.shop.report"]]
    assert shop.book()[-2][0] == "publish"


LOST = "select pg_terminate_backend(pg_backend_pid())::text as order_id"


def test_passing_fault_is_tried_again_by_whoever_met_it_alone(shop: Shop) -> None:
    shop.write("models/customers.sql", LOST)
    dbt_parse(shop)
    # finish met nothing itself: it has written down what others met, and would only say it again.
    pods(shop, codes={"customers": 75, "finish": 1})
    shop.run("build", code=75)
    shop.write("models/customers.sql", FILES["models/customers.sql"])
    assert '"built": 2' in shop.run("build", "--select=1+result:error+ result:skipped+", "--exclude=orders")
