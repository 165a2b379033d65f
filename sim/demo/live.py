"""The demo in wall time: all parts as processes, calls on the line, until Ctrl-C."""

import json
import time
import webbrowser
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console

from sim.demo.api import CloudClient
from sim.demo.children import Child, Children
from sim.demo.script import PlannedCall, find_residents, plan_calls
from sim.demo.stack import NO_ACL, READY_S, Stack, StackSettings, check_port, program

ENDLESS = 2000
"""Calls of a demo without `--calls`: more than a day of them."""
FIRST_CALL_S = 8.0
EVERY_S = 50.0
RESIDENTS = 60
WATCH_S = 0.5


def run_live(settings: StackSettings, count: int | None, opens_browser: bool, out: Console) -> None:
    """Start everything, say where it is, play `count` calls (None: without end), stop everything.

    Raises:
        PortTaken: another program has the web port.
        SimulatorError: a part did not start, or ended by itself.
    """
    if settings.web_port:
        check_port(settings.web_port)
    settings.folder.mkdir(parents=True, exist_ok=True)
    with Children(settings.folder / "logs") as children:
        try:
            line = _start(Stack(settings, children), children, count, opens_browser, out)
            while line.process.poll() is None:
                children.check()
                time.sleep(WATCH_S)
            if line.process.returncode:
                raise line.failure(f"ended with code {line.process.returncode}")
            out.print("All calls are played.")
        except KeyboardInterrupt:
            out.print("\nStopping…")


def _start(stack: Stack, children: Children, count: int | None, opens_browser: bool, out: Console) -> Child:
    stack.seed()
    stack.start_broker()
    if stack.broker == "iotcore":
        out.print(NO_ACL, markup=False)
    cloud = stack.start_cloud()
    stack.await_cloud(cloud)
    scenario = _write_scenario(stack, count or ENDLESS)
    flash = scenario.with_name("flash.bin")
    argv = [program("cloudseat-sim"), "line", "--scenario", str(scenario), "--flash", str(flash)]
    line = children.start("line", argv)
    port = line.await_line(r"line\.ready port=(\S+)", READY_S)[1]
    stack.start_agent(0, [port]).await_line("agent.ready", READY_S)
    _welcome(stack, cloud, out)
    if opens_browser:
        webbrowser.open(stack.url)
    return line


def _write_scenario(stack: Stack, count: int) -> Path:
    """The script as a scenario file, with residents of the cloud's demo data."""
    login = stack.login("agent")
    client = CloudClient(stack.url, login.username, login.password)
    try:
        planned = plan_calls(find_residents(client, min(count, RESIDENTS)), count)
        path = stack.folder / "scenario.toml"
        path.write_text(format_scenario(planned), encoding="utf-8")
        return path
    finally:
        client.close()


def format_scenario(planned: Iterable[PlannedCall]) -> str:
    """Scenario TOML of calls one after the other. JSON values are TOML values, but for nested tables."""
    lines = ['name = "the demo"']
    for index, call in enumerate(planned):
        lines += ["", "[[call]]", f"at = {FIRST_CALL_S + index * EVERY_S}"]
        lines += [f"{key} = {_toml(value)}" for key, value in call.table.items()]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _welcome(stack: Stack, cloud: Child, out: Console) -> None:
    out.print(f"\n[bold]云坐席 CloudSeat[/bold]  {stack.url}\n")
    for login in stack.logins:
        out.print(f"  {login.username:<10} {login.password:<10} {login.role}", markup=False)
    pid = cloud.process.pid
    out.print("\nTo see the desk without its cloud, sign in as desk1, then halt the cloud and let it go on:")
    out.print(f"  kill -STOP {pid}      kill -CONT {pid}", markup=False)
    out.print(f"\nCalls come in at {stack.desks[0].name} every {EVERY_S:.0f} s. Ctrl-C ends everything.\n")
