"""A seat in wall time, played by a thread of its own, whose people are told what to do from outside."""

import queue
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import TypeVar

from sim.board import Board, BoardSettings
from sim.pace import BlockHook, run_paced
from sim.port import PseudoPort
from sim.scenario import Scenario, ScenarioRun
from sim.seat import Seat

T = TypeVar("T")
ANSWER_S = 10.0


class PacedLine:
    """While the context is open the line lives in real time; `do` acts on it between two blocks.

    Args:
        on_block: as of `run_paced`.
    """

    def __init__(
        self, settings: BoardSettings, scenario: Scenario, on_block: BlockHook | None = None
    ) -> None:
        self.scene = ScenarioRun(scenario)
        self._settings = settings
        self._on_block = on_block
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._must_stop = threading.Event()
        self._failure: BaseException | None = None
        self._resources = ExitStack()
        self._thread = threading.Thread(target=self._run, name="paced line")

    def __enter__(self) -> "PacedLine":
        self.port = PseudoPort()
        self._resources.callback(self.port.close)
        self._board = Board(self._settings)
        self._resources.callback(self._board.close)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._must_stop.set()
        self._thread.join()
        self._resources.close()
        if self._failure is not None and error is None:
            raise self._failure

    def do(self, action: Callable[[ScenarioRun], T]) -> T:
        """Run `action` on the scene between two blocks; its result.

        Raises:
            TimeoutError: the line does not run any more.
        """
        answer: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._tasks.put(lambda: answer.put(action(self.scene)))
        try:
            return answer.get(timeout=ANSWER_S)
        except queue.Empty:
            raise TimeoutError("the line stands still") from self._failure

    def _run(self) -> None:
        try:
            run_paced(
                Seat(self.scene.line, self._board, self.port), self._must_stop.is_set, self._between_blocks
            )
        except Exception as error:  # noqa: BLE001  (told by the owner's thread)
            self._failure = error

    def _between_blocks(self, played: int, end_ns: int) -> None:
        while not self._tasks.empty():
            self._tasks.get()()
        if self._on_block is not None:
            self._on_block(played, end_ns)
