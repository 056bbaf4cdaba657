"""Connections to a stream are cut again and again."""

import argparse
import time
from collections.abc import Iterator
from threading import Lock

from tests.harness.audit import Books, check_writers
from tests.harness.following import Away
from tests.harness.home import Home, Program
from tests.harness.proxy import Cuts, Proxy
from tests.harness.scene import Scene
from tests.harness.traffic import Mark, batches, run_end, run_start, span_events
from tests.harness.verdict import Figures, Limit, spread
from trodo_cli.model.ids import new_run_id

LEAD = 0.05
"""How far the writers may be ahead of the cuts, as a share of all events."""

EVENT_BYTES = {"full": 550, "light": 300}
"""About what an event takes in the stream of each follower."""

RECORDED_SPANS = 5
"""How many spans the SDK records at a time."""


class SseCut(Scene):
    """A run is followed over connections that are cut again and again; each follower's log must be 1 to N."""

    max_seconds = 480

    def __init__(self, asked: argparse.Namespace, home: Home, limit: Limit) -> None:
        super().__init__(asked, home, limit, asked.writers)
        self._run_id = new_run_id()
        self._cuts = Cuts(asked.cuts)
        self._pace = Pace(asked.events, self._cuts, limit)
        self._proxies: dict[str, Proxy] = {}
        self._down: list[tuple[float, float]] = []
        """When the server was away."""

    @staticmethod
    def options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--cuts", type=int, default=1_000)
        parser.add_argument("--events", type=int, default=20_000, help="of the run that is followed")
        parser.add_argument("--writers", type=int, default=4, help="one of them is a program with the SDK")
        parser.add_argument("--batch", type=int, default=40, help="events in one, at most")
        parser.add_argument("--kills", type=int, default=0, help="how often the server is killed meanwhile")

    def play(self) -> None:
        key = self.home.make_key()
        self.start_servers()
        self.writers[0].deliver([run_start(self._run_id)])
        for who in EVENT_BYTES:
            self._proxies[who] = self._proxy(who)
            self.follow(who, self._proxies[who].url, self._run_id, TRODO_API_KEY=key)
        self._write()
        for number in range(self.asked.kills):
            self._until_cut((number + 1) * self.asked.cuts // (self.asked.kills + 1))
            self._kill(number)
        self.until_all_is_sent()
        self._until_cut(self.asked.cuts)
        self.writers[0].deliver([run_end(self._run_id)])
        self.until_all_is_told()
        self.stop_servers()

    def close(self) -> None:
        super().close()
        for proxy in self._proxies.values():
            proxy.close()

    def audited(self, books: Books) -> Figures:
        total = check_writers(books, self.writers, self._recorded())
        self.check_followers(books, self._run_id)
        cuts = self._cuts.made
        return {
            "events of the run": len(books.run(self._run_id)),
            "events of all runs": total,
            "cuts": f"{len(cuts)}, {sum(cut.resets for cut in cuts)} by RST, "
            f"{sum(cut.in_request and not cut.in_silence for cut in cuts)} in a request, "
            f"{sum(cut.in_silence for cut in cuts)} in silence",
            "kills": len(self._down),
            "batches sent again": sum(writer.retries for writer in self.writers),
            "connections": sum(proxy.connections for proxy in self._proxies.values()),
            "reconnects": sum(log.reconnects for log in self.logs.values()),
            "streams ended as lost": sum(log.times_lost for log in self.logs.values()),
            **self._resumes(),
        }

    def _proxy(self, who: str) -> Proxy:
        """Cuts a little more often than the writers may go on, so that there is mostly something to cut."""
        share = self.asked.events / self.asked.cuts * len(EVENT_BYTES)
        usual_bytes = int(share * EVENT_BYTES[who] * 0.5)
        return Proxy(
            [server.port for server in self.servers], self._cuts, usual_bytes, self.chance(f"{who} proxy")
        )

    def _until_cut(self, times: int) -> None:
        self.until(lambda: len(self._cuts.made) >= times)

    def _kill(self, number: int) -> None:
        began = time.monotonic()
        self.server_of(number).kill()
        self.server_of(number).start()
        self._down.append((began, time.monotonic()))

    def _write(self) -> None:
        """Let every writer begin: the last one is the SDK's program, the others share what that one leaves."""
        total, writers = self.asked.events - 2, self.asked.writers
        spans = total // writers // 2 if writers > 1 else 0
        hands = max(writers - 1, 1)
        for number in range(hands):
            left = total - 2 * spans
            self.begin(self._publish, number, left // hands + (number < left % hands))
        if spans:
            program = self.home.start("tests.harness.recording", self.servers[-1].url, self._run_id)
            self.programs["recording"] = program
            self.begin(self._record, program, spans)

    def _publish(self, number: int, count: int) -> None:
        chance, beside = self.chance(f"writer {number}"), new_run_id()
        events = span_events(chance, self._run_id, f"w{number}")
        others = span_events(chance, beside, f"b{number}")
        self.writers[number].deliver([run_start(beside)])
        for batch in batches(chance, events, count, self.asked.batch, others):
            self._pace.take(len(batch))
            self.writers[number].deliver(batch)
        self.writers[number].deliver([run_end(beside)])

    def _record(self, program: Program, spans: int) -> None:
        for began in range(0, spans, RECORDED_SPANS):
            number = min(RECORDED_SPANS, spans - began)
            self._pace.take(2 * number)
            program.say(f"{number}\n")
        program.say_no_more()
        self.limit.until(lambda: program.has_ended)

    def _recorded(self) -> Iterator[tuple[str, Mark]]:
        """The events of the SDK's program, which wrote down its spans."""
        spans = self.programs["recording"].out.read_text().split() if "recording" in self.programs else ()
        for span_id in spans:
            yield self._run_id, ("span-start", span_id)
            yield self._run_id, ("span-end", span_id)

    def _resumes(self) -> Figures:
        """How long followers were without a connection, by what was the matter."""
        found: dict[str, list[float]] = {"a cut": [], "several in a row": [], "a kill": []}
        for who, log in self.logs.items():
            for away in log.away:
                found[self._matter(who, away)].append(away.until - away.since)
        return {f"resumed after {what}": f"{len(times)}: {spread(times)}" for what, times in found.items()}

    def _matter(self, who: str, away: Away) -> str:
        if any(away.since < up and away.until > down for down, up in self._down):
            return "a kill"
        is_again = any(away.since < at < away.until for at in self._proxies[who].cut_at)
        return "several in a row" if is_again or not away.is_first else "a cut"


class Pace:
    """Lets writers go on only as the cuts do, so that there is something to tell for as long as there are cuts."""

    def __init__(self, events: int, cuts: Cuts, limit: Limit) -> None:
        self._events, self._cuts, self._limit = events, cuts, limit
        self._lock = Lock()
        self._taken = 0

    def take(self, count: int) -> None:
        """Wait until so many more events may be sent."""
        with self._lock:
            self._taken += count
            mine = self._taken
        self._limit.until(lambda: self._cuts.is_enough or mine <= self._allowed())

    def _allowed(self) -> float:
        return self._events * (len(self._cuts.made) / self._cuts.wanted + LEAD)
