"""The Python client of a network: `Client`, the records it answers with, and `Unanswered`."""

from clients.sdk.client import Client
from clients.sdk.connection import Unanswered

__all__ = ["Client", "Unanswered"]
