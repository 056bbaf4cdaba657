"""The demo's main run: agents that research and write a few sentences about installed packages.

article-pipeline
├── research-phase          (parallel)
│   ├── package-researcher
│   └── code-researcher
└── write-review
    ├── writer
    ├── fact-checker        a run of its own, started below this one
    └── editor
"""

import asyncio
import platform
from collections.abc import Callable

import trodo_cli as trodo
from trodo_cli.demo import model, tools

TASK = "Write a few sentences about the packages that trodo-cli stands on."
MAX_PACKAGES = 5


async def run(announce: Callable[[str], None], pace: float) -> str:
    """Run the pipeline once, `pace` seconds between two steps; `announce` is told the run's id."""
    async with trodo.wrap_agent(
        "article-pipeline",
        distinct_id="demo",
        conversation_id="demo",
        metadata={"tags": ["demo", "pipeline"], "python": platform.python_version()},
        input=[{"role": "user", "content": TASK}],
    ) as run:
        announce(run.run_id)
        packages, notes = await research(pace)
        article = await write_review(packages, notes, pace)
        run.set_output({"role": "assistant", "content": article})
        return article


async def research(pace: float) -> tuple[list[str], str]:
    """Two researchers at the same time; gives the packages they looked at, and their notes."""
    async with trodo.span("research-phase", kind="agent", attributes={"mode": "parallel"}) as phase:
        listed: list[str] = tools.list_requirements("trodo-cli") or tools.list_packages()
        packages = listed[:MAX_PACKAGES]
        phase.set_input(packages)
        notes = await asyncio.gather(
            research_packages(packages, pace),
            research_code(packages, pace),
        )
        phase.set_output(notes)
        return packages, "\n".join(notes)


async def research_packages(packages: list[str], pace: float) -> str:
    """Read what each package says of itself."""
    async with trodo.span("package-researcher", kind="agent", input=packages) as agent:
        facts = [await read_metadata(name, pace) for name in packages]
        notes = await ask("Note what these packages are for.", "\n".join(facts), keep=6)
        agent.set_output(notes)
        return notes


async def research_code(packages: list[str], pace: float) -> str:
    """Measure what each package brings along."""
    async with trodo.span("code-researcher", kind="agent", input=packages) as agent:
        facts = [await measure_code(name, pace) for name in packages]
        notes = await ask("Note how large these packages are.", "\n".join(facts), keep=4)
        agent.set_output(notes)
        return notes


async def write_review(packages: list[str], notes: str, pace: float) -> str:
    """Make an article of the notes: write, check, edit."""
    async with trodo.span("write-review", kind="agent", input=notes) as phase:
        draft = await write("writer", "Write an article from these notes.", notes, keep=6)
        await asyncio.sleep(pace)
        confirmed = await check_facts(packages, draft, pace)
        article = await write("editor", "Shorten this article.", "\n".join(confirmed), keep=4)
        phase.set_output(article)
        return article


async def write(name: str, instructions: str, text: str, *, keep: int) -> str:
    """An agent that only asks the model."""
    async with trodo.span(name, kind="agent", input=[{"role": "user", "content": text}]) as agent:
        article = await ask(instructions, text, keep=keep)
        agent.set_output({"role": "assistant", "content": article})
        return article


async def check_facts(packages: list[str], draft: str, pace: float) -> list[str]:
    """A sub-agent with a run of its own: looks everything up again, gives the sentences that hold."""
    async with trodo.wrap_agent(
        "fact-checker", distinct_id="demo", conversation_id="demo", metadata={"tags": ["demo"]}, input=draft
    ) as run:
        facts = [await look(name, pace) for name in packages for look in (read_metadata, measure_code)]
        with trodo.span("compare", kind="step") as step:
            known, claims = model.sentences("\n".join(facts)), model.sentences(draft)
            confirmed = [claim for claim in claims if claim in known]
            step.set_output({"claims": len(claims), "confirmed": len(confirmed)})
        run.set_output(confirmed)
        return confirmed


# Each step below works in a thread: the other agents go on meanwhile, and the context that says which
# span is the parent goes along with `to_thread`.


async def read_metadata(package: str, pace: float) -> str:
    """One tool call, then a short pause."""
    facts = await asyncio.to_thread(tools.read_metadata, package)
    await asyncio.sleep(pace)
    return str(facts)


async def measure_code(package: str, pace: float) -> str:
    """One tool call, then a short pause."""
    facts = await asyncio.to_thread(tools.measure_code, package)
    await asyncio.sleep(pace)
    return str(facts)


async def ask(instructions: str, text: str, *, keep: int) -> str:
    """One model call."""
    return await asyncio.to_thread(model.ask, instructions, text, keep=keep)
