"""What ansible-playbook is told through its environment; nothing of the user's own settings by accident."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

MITOGEN = "mitogen_linear"
PLAIN = "linear"
_CALLBACKS = Path(__file__).resolve().parent / "callback"
_NOTHING = Path(__file__).resolve().with_name("ansible.cfg")
_KEPT = "ANSIBLE_VAULT_"  # how vaults are opened is the user's to say


def mitogen_strategies() -> Path | None:
    """The folder of Mitogen's strategy plugins, None where Mitogen is not installed."""
    found = importlib.util.find_spec("ansible_mitogen")
    if found is None or not found.submodule_search_locations:
        return None
    folder = Path(found.submodule_search_locations[0]) / "plugins" / "strategy"
    return folder if folder.is_dir() else None


def ansible_environment(
    *, project: Path, state: Path, role_folders: Sequence[Path], strategy: str
) -> dict[str, str]:
    """What is set for the run; ``state`` is a folder for Ansible's own files.

    The project's ``ansible.cfg`` counts for all that is not set here (an environment variable is
    stronger than the file); ``~/.ansible.cfg``, ``/etc/ansible/ansible.cfg`` and the caller's
    ANSIBLE_* variables do not, so that a run is the same for everybody.
    """
    config = project / "ansible.cfg"
    chosen = {
        "ANSIBLE_CONFIG": str(config) if config.is_file() else str(_NOTHING),
        "ANSIBLE_HOME": str(state),
        "ANSIBLE_LOCAL_TEMP": str(state / "tmp"),
        "ANSIBLE_ROLES_PATH": ":".join(str(folder) for folder in role_folders),
        # What lies beside a playbook Ansible finds itself; roles are used from anywhere.
        "ANSIBLE_LIBRARY": ":".join(str(folder.parent / "library") for folder in role_folders),
        "ANSIBLE_MODULE_UTILS": ":".join(str(folder.parent / "module_utils") for folder in role_folders),
        "ANSIBLE_STRATEGY": strategy,
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_SSH_ARGS": "-o ControlMaster=auto -o ControlPersist=60s -o Compression=no",
        "ANSIBLE_SSH_CONTROL_PATH": "%(directory)s/%%C",
        "ANSIBLE_SSH_RETRIES": "2",
        "ANSIBLE_TIMEOUT": "60",
        "ANSIBLE_GATHERING": "smart",
        "ANSIBLE_CALLBACK_PLUGINS": str(_CALLBACKS),
        "ANSIBLE_CALLBACKS_ENABLED": "devbox_events",
        "ANSIBLE_STDOUT_CALLBACK": "default",
        "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
        "ANSIBLE_RETRY_FILES_ENABLED": "False",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_NOCOWS": "1",
        "ANSIBLE_DEPRECATION_WARNINGS": "False",
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "LC_ALL": "C.UTF-8",  # Ansible refuses to start under another encoding
        "PYTHONUNBUFFERED": "1",
    }
    strategies = mitogen_strategies()
    if strategies is not None:
        chosen["ANSIBLE_STRATEGY_PLUGINS"] = str(strategies)
    return chosen


def foreign(outer: Mapping[str, str]) -> list[str]:
    """The caller's own Ansible variables, which must not reach the run."""
    return sorted(name for name in outer if name.startswith("ANSIBLE_") and not name.startswith(_KEPT))
