"""The command line of the benchmarks: `python -m bench` runs them, other commands report.

The harness itself always runs with Pyston off: it starts itself again with PYSTON=0 where it has to.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = ROOT / "build" / "bench"
PEERS = ROOT / "build" / "peers"
DEFAULT_ROUNDS = 4
# How long a run may take unless MINUTES says otherwise: everything, or what ONLY chooses, a round.
MINUTES_FOR_ALL, MINUTES_A_ROUND = 80.0, 7.5

EPILOGUE = """
groups for ONLY: web (with socket), apps, startup, pure, libs, variants, small. Every option is also read from
the environment by its name in capitals, as `make bench ONLY=web ROUNDS=2` passes it. Results go to
build/bench/latest.

other commands: python -m bench list | readme [FOLDER] | report [FOLDER] | against OLD [NEW] | exact [NAMES]
                python -m bench census [NAMES]
                python -m bench.peers (sets the peers up)
"""


def parser() -> argparse.ArgumentParser:
    parse = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    env = os.environ.get
    parse.add_argument(
        "--only", default=env("ONLY", ""), help="groups and names of loads, separated by commas"
    )
    parse.add_argument(
        "--peers", default=env("PEERS", ""), help="all (default), none, names, or NAME=PATH of an interpreter"
    )
    parse.add_argument(
        "--rounds", type=int, default=int(env("ROUNDS", "") or DEFAULT_ROUNDS), help="default %(default)s"
    )
    parse.add_argument(
        "--minutes",
        type=float,
        default=env("MINUTES") or None,
        help=f"how long it may take; default {MINUTES_FOR_ALL:g}, with ONLY {MINUTES_A_ROUND:g} a round",
    )
    parse.add_argument(
        "--scale",
        type=float,
        default=env("SCALE") or None,
        help="times as much warm-up and measuring as usual; default 1, or less, to fit",
    )
    parse.add_argument(
        "--curve",
        type=float,
        default=env("CURVE") or None,
        help="seconds of the warm-up curves of each web load; 0: none; default 60, or less, to fit",
    )
    parse.add_argument(
        "--against", type=Path, default=env("AGAINST") or None, help="an earlier results.json or pyperf file"
    )
    parse.add_argument("--no-pin", action="store_true", help="do not keep a job on one core")
    parse.add_argument("--fresh", action="store_true", help="do not go on with an interrupted run")
    parse.add_argument("--python", default=sys.executable, help="the interpreter that Pyston is installed in")
    return parse


def command_run(arguments: list[str]) -> int:
    from bench import catalogue, configs, harness

    args = parser().parse_args(arguments)
    if args.minutes is None:
        args.minutes = min(MINUTES_FOR_ALL, MINUTES_A_ROUND * args.rounds) if args.only else MINUTES_FOR_ALL
    if args.rounds < 1 or args.minutes <= 0 or (args.scale is not None and args.scale <= 0):
        parser().error("rounds, minutes and scale must be above 0")
    try:
        loads = catalogue.choose(catalogue.all_loads(), args.only)
        chosen = configs.choose(configs.own_configs(args.python), configs.installed_peers(PEERS), args.peers)
    except (catalogue.NoSuchLoad, configs.NoSuchConfig, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    # As Ctrl-C: what was started is ended, and what was measured is reported.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    request = harness.Request(
        args.rounds, 60 * args.minutes, args.scale, args.curve, not args.no_pin, args.fresh, args.against
    )
    return harness.run_all(loads, chosen, request, RUNS)


def command_list(arguments: list[str]) -> int:
    from bench import catalogue

    for group in catalogue.GROUPS:
        names = [load.name for load in catalogue.all_loads() if load.group == group]
        print(f"{group} ({len(names)}): {', '.join(names)}")
    return 0


def command_readme(arguments: list[str]) -> int:
    """Writes the table of a run (the latest, or a given one) into README.md, between its markers."""
    from bench import table
    from bench.against import load_earlier

    found = load_earlier(Path(arguments[0]) if arguments else RUNS / "latest")
    table.put_into(ROOT / "README.md", found)
    print("README.md: the table between its markers is written")
    return 0


def command_report(arguments: list[str]) -> int:
    """Makes text and page again from a summary."""
    from bench import page, table
    from bench.against import load_earlier

    folder = Path(arguments[0]) if arguments else RUNS / "latest"
    found = load_earlier(folder)
    (folder / "report.html").write_text(page.render(found, []))
    print(table.as_text(found))
    return 0


def command_against(arguments: list[str]) -> int:
    from bench import against

    if not 1 <= len(arguments) <= 2:
        print("python -m bench against OLD [NEW]", file=sys.stderr)
        return 2
    new = Path(arguments[1]) if len(arguments) > 1 else RUNS / "latest"
    found = against.changes(against.load_earlier(Path(arguments[0])), against.load_earlier(new))
    for change in found:
        print(change.text())
    return int(any(change.regression for change in found))


def command_exact(arguments: list[str]) -> int:
    from bench import catalogue, configs, exact

    parse = argparse.ArgumentParser(prog="python -m bench exact", description=exact.__doc__)
    parse.add_argument("only", nargs="?", default="small", help="names of loads; default small")
    parse.add_argument("--peers", default="none")
    parse.add_argument("--python", default=sys.executable)
    parse.add_argument("--warmup", type=int, default=60, help="iterations before counting starts")
    parse.add_argument("--iterations", type=int, default=20, help="iterations that are counted")
    args = parse.parse_args(arguments)
    loads = [load for load in catalogue.choose(catalogue.all_loads(), args.only) if load.kind == "module"]
    chosen = configs.choose(configs.own_configs(args.python), configs.installed_peers(PEERS), args.peers)
    counts = exact.count_all(loads, chosen, args.warmup, args.iterations)
    RUNS.mkdir(parents=True, exist_ok=True)
    (RUNS / "exact.json").write_text(json.dumps(counts, indent=1))
    print(exact.as_text(counts))
    return 0


def command_census(arguments: list[str]) -> int:
    from bench import catalogue, census, configs

    parse = argparse.ArgumentParser(prog="python -m bench census", description=census.__doc__)
    parse.add_argument(
        "only", nargs="?", default="flask_shop,django_shop,fastapi_orders", help="names of loads"
    )
    parse.add_argument("--python", default=sys.executable)
    parse.add_argument(
        "--warmup", type=int, default=40, help="passes over the requests before the counted one"
    )
    args = parse.parse_args(arguments)
    loads = [load for load in catalogue.choose(catalogue.all_loads(), args.only) if load.kind == "module"]
    found = census.take_all(loads, configs.own_configs(args.python)[0], args.warmup)
    RUNS.mkdir(parents=True, exist_ok=True)
    (RUNS / "census.json").write_text(json.dumps(found, indent=1))
    print(f"\n{census.as_text(found)}\n\nas JSON: {RUNS / 'census.json'}")
    return 0 if len(found) == len(loads) else 1


COMMANDS = {
    "run": command_run,
    "list": command_list,
    "readme": command_readme,
    "report": command_report,
    "against": command_against,
    "exact": command_exact,
    "census": command_census,
}


def main() -> int:
    if os.environ.get("PYSTON") != "0":
        environment = {**os.environ, "PYSTON": "0"}
        os.execve(sys.executable, [sys.executable, "-m", "bench", *sys.argv[1:]], environment)
    from bench.against import NoResult

    arguments = sys.argv[1:]
    command = command_run
    if arguments and arguments[0] in COMMANDS:
        command = COMMANDS[arguments.pop(0)]
    try:
        return command(arguments)
    except NoResult as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
