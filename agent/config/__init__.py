"""The configuration: `model` says what there is, `load` reads it and reports every problem at once."""

from agent.config.load import LoadedConfig, load_config
from agent.config.model import Config, secrets_of
from agent.config.paths import control_socket, private_folder
from agent.config.problems import ConfigError

__all__ = ["Config", "ConfigError", "LoadedConfig", "control_socket", "load_config", "private_folder", "secrets_of"]
