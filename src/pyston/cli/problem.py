"""What goes wrong in a way the user can mend."""

from __future__ import annotations


class Problem(Exception):
    """One clear sentence. `status`: 2 when the request makes no sense, 1 when it could not be fulfilled."""

    def __init__(self, sentence: str, status: int = 2) -> None:
        super().__init__(sentence)
        self.status = status
