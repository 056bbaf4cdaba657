"""What a command stands on: the terminal it writes to, and the client it asks."""

import os
import sys
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from trodo_cli import config
from trodo_cli.cli.diagnostics import ask, note
from trodo_cli.cli.options import at_the_end, given
from trodo_cli.errors import InvalidInput, TrodoError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trodo_cli.client.base import Client
    from trodo_cli.config import FoundKey
    from trodo_cli.render.theme import Glyphs
    from trodo_cli.sdk.leftovers import Drained

PICK_RUNS = 10


class Context:
    """One command's surroundings; what it does not use is never opened or imported.

    Where to look is what the command says, else what stands before it; see `options`.
    """

    def __init__(
        self, target_flag: str | None, *, agents: "Sequence[str] | None" = None, create: bool = False
    ) -> None:
        self._agents, self._create = agents, create
        self.target = config.target(target_flag or given("target"), given("profile"))
        self._key_flag = given("api_key")

    @cached_property
    def key(self) -> "FoundKey | None":
        """The key to the target, and what said so."""
        return config.find_key(self.target, self._key_flag) if self.target.is_hosted else None

    @property
    def given_key(self) -> str | None:
        """The key that the command line says; any other a program of the same user finds by itself."""
        return self.key.value if self._key_flag is not None and self.key else None

    def api_key(self) -> str | None:
        """The key to send now: a server on this machine has a new one each time it starts. A flag is read once."""
        if self._key_flag is not None:
            return self.key.value if self.key else None
        return config.api_key(self.target)

    @cached_property
    def client(self) -> "Client":
        """The target, after what dead programs left in the spool has been shipped and their runs have been ended."""
        from trodo_cli.client import connect

        self._ship_leftovers()
        self._tell_of_withheld_key()
        create = self._create or self.target.is_default
        client = connect(self.target.place, create=create, key_of=self.api_key, agents=self._agents)
        at_the_end(client.close)
        _settle_left(client)
        return client

    def settle_left(self) -> None:
        """Do so again, later."""
        _settle_left(self.client)

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads stdout."""
        return sys.stdout.isatty()

    @property
    def is_interactive(self) -> bool:
        """Whether a person reads stdout and types."""
        return self.is_terminal and sys.stdin.isatty()

    @property
    def colour(self) -> bool:
        """Whether stdout takes colours."""
        wanted = config.wants_colour()
        return self.is_terminal if wanted is None else wanted

    @property
    def width(self) -> int:
        """Columns of the terminal."""
        try:
            return max(40, os.get_terminal_size(sys.stdout.fileno()).columns)
        except (OSError, ValueError):
            return 80

    @property
    def glyphs(self) -> "Glyphs":
        """Signs that stdout can show."""
        from trodo_cli.render.theme import ASCII, UNICODE

        return UNICODE if config.draws_signs(sys.stdout.encoding) else ASCII

    def run_id(self, reference: str | None) -> str:
        """The run a person means; without a word they pick one from a list."""
        return self.client.runs.find(reference if reference else self._picked())

    def _picked(self) -> str:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            raise InvalidInput("which run?", "name it by its id, or say `latest`")
        from trodo_cli.model.ids import now_ns
        from trodo_cli.render.format import age, short_id

        rows = self.client.runs.list(limit=PICK_RUNS).rows
        for number, run in enumerate(rows, start=1):
            note(
                f"{number:>3}  {run.status:<9}  {age(run.started_ns, now_ns()):>8}  {short_id(run.id)}  {run.agent}"
            )
        answer = ask("which run? [1]")
        if answer is None:
            raise KeyboardInterrupt
        answer = answer or "1"
        return f"@{answer}" if answer.isdigit() else answer

    def _tell_of_withheld_key(self) -> None:
        target = self.target
        if target.is_hosted and config.is_withheld(target) and self.key is None:
            note(f"trodo: TRODO_API_KEY is not sent: only {target.source} names {target.shown}")
            note(f"       if you trust that server, add --target {target.shown}")

    def drained(self, *, any_key: bool = False) -> "Drained":
        """Ship what programs left for this target that died before they could.

        What was recorded with another key than ours stays, unless `any_key`.
        """
        from trodo_cli.client import connect
        from trodo_cli.sdk.leftovers import drain

        def opened(place: str) -> "Client":
            return connect(place, key_of=self.api_key)

        def has_key(_place: str, mark: str) -> bool:
            return any_key or (self.key is not None and self.key.mark == mark)

        return drain(config.spool_folder(), opened, only=self.target.place, has_key=has_key)

    def _ship_leftovers(self) -> None:
        """Ship what there is to ship; tell only about trouble."""
        folder = config.spool_folder()
        if not os.path.isdir(folder) or not any(name.endswith(".seg") for name in os.listdir(folder)):
            return
        troubles = self.drained().troubles
        if troubles:
            from trodo_cli.render.format import counted

            note(f"trodo: events of {counted(len(troubles), 'program')} could not be shipped: {troubles[0]}")
            note("       they stay in the spool; `trodo spool status` shows them")


def _settle_left(client: "Client") -> None:
    """End the runs that were started here by programs which have died; one look when there are none."""
    from trodo_cli.client.local import LocalClient

    folder = config.runs_folder()
    if isinstance(client, LocalClient) and client.starter and os.path.isdir(folder) and os.listdir(folder):
        with suppress(TrodoError, OSError):
            client.starter.settle_left(client)
