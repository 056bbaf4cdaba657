"""Settings, paths and secrets; the only reader of the environment.

A setting is taken from the first that has it: a flag, the environment, the project file, the user file.
`TRODO_HOME` moves every file of ours under one folder. What only a server needs is loaded when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trodo_cli.config.paths import (
    DATABASE_NAME,
    config_folder,
    credentials_file,
    data_folder,
    process_environment,
    runs_folder,
    spool_folder,
    user_file,
)
from trodo_cli.config.profiles import profiles, remove_profile, stop_using_profile, use_profile
from trodo_cli.config.project import find_project
from trodo_cli.config.targets import FIRST_PROFILE, Target, profile_to_change, set_target, target
from trodo_cli.config.terminal import draws_signs, pager, speaks_unicode, user_name, wants_colour
from trodo_cli.config.urls import checked_origin, origin_of, without_password

if TYPE_CHECKING:
    from trodo_cli.config import secrets
    from trodo_cli.config.agents import AgentSource, agent_sources, project_agents
    from trodo_cli.config.keys import (
        OWN_MARK,
        FoundKey,
        api_key,
        find_key,
        is_withheld,
        read_key_file,
        read_key_line,
        recording_key,
        recording_mark,
    )
    from trodo_cli.config.servers import local_server_key, server_key_file, write_server_key

__all__ = [
    "DATABASE_NAME",
    "FIRST_PROFILE",
    "OWN_MARK",
    "AgentSource",
    "FoundKey",
    "Target",
    "agent_sources",
    "api_key",
    "checked_origin",
    "config_folder",
    "credentials_file",
    "data_folder",
    "draws_signs",
    "find_key",
    "find_project",
    "is_withheld",
    "local_server_key",
    "origin_of",
    "pager",
    "process_environment",
    "profile_to_change",
    "profiles",
    "project_agents",
    "read_key_file",
    "read_key_line",
    "recording_key",
    "recording_mark",
    "remove_profile",
    "runs_folder",
    "secrets",
    "server_key_file",
    "set_target",
    "speaks_unicode",
    "spool_folder",
    "stop_using_profile",
    "target",
    "use_profile",
    "user_file",
    "user_name",
    "wants_colour",
    "without_password",
    "write_server_key",
]

_HOMES = {
    **dict.fromkeys(("AgentSource", "agent_sources", "project_agents"), "agents"),
    **dict.fromkeys(
        ("FoundKey", "api_key", "find_key", "is_withheld", "read_key_file", "read_key_line"), "keys"
    ),
    **dict.fromkeys(("OWN_MARK", "recording_key", "recording_mark"), "keys"),
    **dict.fromkeys(("local_server_key", "server_key_file", "write_server_key"), "servers"),
}
"""Where a name lives that is loaded late."""


def __getattr__(name: str) -> Any:
    if name == "secrets":
        return import_module("trodo_cli.config.secrets")
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"trodo_cli.config.{_HOMES[name]}"), name)
