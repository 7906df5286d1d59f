"""A local provider that speaks OpenAI's organization API over real HTTP, with invented but repeatable traffic.

The demo and the tests use this one. It shares nothing with the code that reads it but the clock: its figures and
its bill are made request by request, so that agreement with the product proves something.
"""

from __future__ import annotations

from tracker.sandbox.server import SandboxServer
from tracker.sandbox.trouble import Trouble
from tracker.sandbox.world import World

__all__ = ["SandboxServer", "Trouble", "World"]
