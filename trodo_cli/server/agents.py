"""`/agents`, and how one of them is started."""

import msgspec
from starlette.responses import Response

from trodo_cli.errors import InvalidInput, NotFound
from trodo_cli.model import ids
from trodo_cli.model.agent import given
from trodo_cli.model.event import RunEnd, RunStart
from trodo_cli.model.run import Run
from trodo_cli.server.call import Call, answer, in_thread
from trodo_cli.server.runs import answered_run
from trodo_cli.wire.agntz_agents import agent_object
from trodo_cli.wire.requests import StartOrder
from trodo_cli.wire.values import plain_value, storable_text


def list_agents(call: Call) -> Response:
    """The agents that the operator of this server has named."""
    agents = call.client.agents.list()
    return answer(
        agents if call.is_native else [agent_object(agent) for agent in agents], native=call.is_native
    )


async def start_run(call: Call) -> Response:
    """Start an agent. For agntz' clients one that there is not makes a run that failed."""
    asked = await call.shaped(StartOrder, empty=StartOrder())
    if not asked.agent_id:
        raise InvalidInput("Missing required field: agentId")
    asked.check()
    return await in_thread(_started, call, asked)


def _started(call: Call, asked: StartOrder) -> Response:
    try:
        agent_id = asked.agent_id.removesuffix("@latest")
        run = call.client.runs.start(
            agent_id=agent_id, input=asked.input, session_id=asked.session_id or None
        )
    except NotFound:
        if call.is_native:
            raise
        run = _failed(call, asked)
    answered = answered_run(call, run, status=201)
    answered.headers["location"] = f"/runs/{run.id}"
    return answered


def _failed(call: Call, asked: StartOrder) -> Run:
    """The run of an agent that there is not."""
    now_ns, agent = ids.now_ns(), storable_text(asked.agent_id)
    run = Run(
        id=ids.new_run_id(),
        agent=agent,
        session=storable_text(asked.session_id) if asked.session_id else None,
        started_ns=now_ns,
        payload=msgspec.Raw(msgspec.json.encode({"input": plain_value(given(asked.input))})),
    )
    ended = Run(id=run.id, status="failed", error=f'Agent "{agent}" not found', ended_ns=now_ns)
    call.client.publish([RunStart(run_id=run.id, run=run), RunEnd(run_id=run.id, run=ended)])
    return call.client.runs.get(run.id)
