"""Files: an upload address first, then the bytes, then the completion that shows them somewhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from k8sops_local_slack.refusals import Refusal
from k8sops_local_slack.timing import Ids, Time


@dataclass
class File:
    """One file; it is there for others once completed."""

    id: str
    name: str
    length: int
    upload_key: str
    user: str
    made_at: float
    title: str = ""
    content: bytes | None = None
    completed: bool = False
    channels: list[str] = field(default_factory=list)


class Files:
    """All files of the workspace."""

    def __init__(self, clock: Time, ids: Ids) -> None:
        self._clock, self._ids = clock, ids
        self._files: dict[str, File] = {}

    def announce(self, name: str, length: int, user: str) -> File:
        """Give a file its id and upload address."""
        file = File(self._ids.new("F"), name, length, self._ids.word(), user, self._clock.now(), title=name)
        self._files[file.id] = file
        return file

    def receive(self, key: str, content: bytes) -> int:
        """Take the bytes posted to an upload address; they must be as many as announced."""
        file = next((file for file in self._files.values() if file.upload_key == key), None)
        if file is None or file.completed:
            raise Refusal("invalid_upload_url")
        if len(content) != file.length:
            raise Refusal("file_size_mismatch")
        file.content = content
        return len(content)

    def get(self, file_id: str) -> File:
        """Find a file by its id."""
        if file_id not in self._files:
            raise Refusal("file_not_found")
        return self._files[file_id]

    def complete(self, file_id: str, title: str | None) -> File:
        """Finish an upload; refused where no bytes came, or twice."""
        file = self.get(file_id)
        if file.content is None or file.completed:
            raise Refusal("file_not_found")
        file.completed, file.title = True, title or file.name
        return file

    def all(self) -> list[File]:
        """List the files that were completed."""
        return [file for file in self._files.values() if file.completed]
