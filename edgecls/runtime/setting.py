"""How a model is run: provider, threads, batches."""

from dataclasses import dataclass, replace

from edgecls.runtime.execution.providers import Provider

__all__ = ["Setting"]


@dataclass(frozen=True)
class Setting:
    """A way to run a model.

    Attributes:
        provider: What the network runs on; not AUTO.
        workers: Images processed concurrently.
        intra_op_threads: Threads that one run may use on the CPU.
        batch_size: Images that may run together; 1 for no batches.
    """

    provider: Provider
    workers: int
    intra_op_threads: int
    batch_size: int

    @property
    def batch_sizes(self) -> tuple[int, ...]:
        """The sizes in which batches come, the largest first, then all lower powers of two.

        They are few, as a provider may have to prepare for each size.
        """
        lower = [2**power for power in range((self.batch_size - 1).bit_length())]
        return (self.batch_size, *reversed(lower))

    def with_workers(self, workers: int | None) -> "Setting":
        """Return it with so many images at once, each of which then runs in one thread; itself for None."""
        return self if workers is None else replace(self, workers=workers, intra_op_threads=1)

    def __str__(self) -> str:
        images = "1 image at a time" if self.workers == 1 else f"{self.workers} images at once"
        threads = f", {self.intra_op_threads} threads a run" if self.intra_op_threads > 1 else ""
        batches = f", batches of up to {self.batch_size}" if self.batch_size > 1 else ""
        return f"{self.provider}, {images}{threads}{batches}"
