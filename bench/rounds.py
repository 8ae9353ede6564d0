"""Rounds that alternate between servers, the gate against noise, and the tables."""
import statistics

FOREIGN_MAX = 0.10  # of a core that others may use; above it a measurement is repeated, then marked
REPEATS_MAX = 2


def quietly(measure):
    """The first measurement that nobody disturbed, or the last one."""
    for _ in range(1 + REPEATS_MAX):
        row = measure()
        if row["foreign"] <= FOREIGN_MAX:
            break
    return row


def alternate(count, servers, measure, tell):
    """Measures each server in each round: {name: its rows}."""
    rows = {}
    for number in range(count):
        for server in servers:
            row = quietly(lambda: measure(server))
            rows.setdefault(server.name, []).append(row)
            mark = " !" if row["foreign"] > FOREIGN_MAX else ""
            print(f"  round {number + 1}: {server.name:14} {tell(row)}{mark}", flush=True)
    return rows


def middle(rows, key):
    return statistics.median(row[key] for row in rows)


def ratio(rows, to, key):
    """The middle one of the ratios within a round: a slow minute of the machine is in both."""
    return statistics.median(row[key] / other[key] for row, other in zip(rows, to, strict=True))


def span(rows, key, form):
    every = [row[key] for row in rows]
    return f"{min(every):{form}}..{max(every):{form}}"


def table(title, columns, lines):
    print(f"\n{title}:\n\n| {' | '.join(columns)} |\n|{' --- |' * len(columns)}")
    for line in lines:
        print(f"| {' | '.join(map(str, line))} |")
    print(flush=True)
