"""Records runs in a folder of their own, opens the explorer on them, and paints what it shows."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from tests.pictures import DARK, LIGHT, Palette, lines_of, svg
from tests.tui.exploring import Exploring
from trodo_cli.client import connect
from trodo_cli.client.base import Client
from trodo_cli.render.theme import UNICODE
from trodo_cli.tui.app import Explorer

FOLDER = Path(__file__).parents[2] / "screenshots"
AGENT = Path(__file__).with_name("agent.py")
LIVE_SECONDS = "120"

Story = Callable[[Exploring], Awaitable[None]]


async def runs(it: Exploring) -> None:
    await it.shows("demo-live", "support-agent", "PaymentTimeout")
    await it.press("j")


async def trace(it: Exploring) -> None:
    await it.shows("PaymentTimeout", "create_refund")
    await it.press("r")
    await it.shows("name        create_refund", "payments.internal")


async def chat(it: Exploring) -> None:
    await it.shows("create_refund")
    await it.press("r", "k")
    await it.shows("provider", "scripted-model-1")
    await it.press("tab")
    await it.shows("get_order", "desk lamp")


async def live(it: Exploring) -> None:
    await it.shows("following", "live", "● ◆ round-")


async def cancel(it: Exploring) -> None:
    await it.shows("following", "● ◆ round-")
    await it.press("c")
    await it.shows("Ask to stop")
    await it.press(*"wrong customer")


async def filtered(it: Exploring) -> None:
    await it.press("a", "slash", *"status:failed", "enter")
    await it.no_longer_shows("demo-live")
    await it.press("slash", *" agent:")
    await it.shows("licence-audit  support-agent")


STORIES: tuple[tuple[Story, str | None, tuple[int, int], Palette], ...] = (
    (runs, None, (126, 16), DARK),
    (trace, "support-agent", (126, 22), DARK),
    (chat, "support-agent", (126, 22), LIGHT),
    (live, "demo-live", (126, 22), DARK),
    (cancel, "demo-live", (126, 22), DARK),
    (filtered, None, (126, 12), LIGHT),
)
"""What is shown, of which agent's run, how large, and in which colours."""


def main() -> int:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, recorded(Path(folder)) as client:
        for story, agent, size, palette in STORIES:
            run_id = client.runs.find(f"latest:{agent}") if agent else None
            picture = asyncio.run(_painted(client, story, run_id, size, palette))
            _write(story.__name__, picture)
    return 0


@contextmanager
def recorded(home: Path) -> Iterator[Client]:
    """Runs that have ended and one that goes on."""
    environment = {**os.environ, "TRODO_HOME": str(home), "PYTHONPATH": str(FOLDER.parent)}
    for arguments in (["-m", "trodo_cli.demo"], [str(AGENT), "ok"], [str(AGENT)]):
        subprocess.run([sys.executable, *arguments], env=environment, check=True, stdout=subprocess.DEVNULL)
    command = [sys.executable, "-m", "trodo_cli.demo", "--live", LIVE_SECONDS, "--pace", "0.4"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as agent:
        assert agent.stdout is not None
        agent.stdout.readline()
        client = connect(str(home / "trodo.db"))
        try:
            yield client
        finally:
            client.close()
            agent.terminate()


async def _painted(
    client: Client, story: Story, run_id: str | None, size: tuple[int, int], palette: Palette
) -> str:
    app = Explorer(client, UNICODE, run_id=run_id)
    async with app.run_test(size=size, notifications=True) as pilot:
        if palette is LIGHT:
            app.theme = "ansi-light"
        await story(Exploring(client, pilot, app))  # type: ignore[arg-type]
        await pilot.pause(0.3)
        return svg(lines_of(app), size[0], palette, title="trodo")


def _write(name: str, picture: str) -> None:
    """Both forms of a picture, which tells nothing of the machine that it was made on."""
    import cairosvg  # by hand: `pip install cairosvg`, which brings Pillow; nothing else needs them
    from PIL import Image

    for private in (str(Path.home()), str(FOLDER.parent), tempfile.gettempdir(), os.uname().nodename):
        assert private not in picture, f"{name} shows {private}"
    (FOLDER / f"{name}.svg").write_text(picture)
    png = cairosvg.svg2png(bytestring=picture.encode(), scale=2)
    Image.open(BytesIO(png)).quantize(255, method=Image.Quantize.FASTOCTREE).save(
        FOLDER / f"{name}.png", optimize=True
    )
    print(f"{name}.svg {name}.png")


if __name__ == "__main__":
    sys.exit(main())
