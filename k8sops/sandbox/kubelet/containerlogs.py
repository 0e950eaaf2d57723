"""Answers requests for containers' logs, and lets whoever attaches to a container see its log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Final

from k8sops.sandbox.kubelet.followers import Follower, Followers
from k8sops.sandbox.kubelet.http import HttpRequest, Reader, Writer, answer
from k8sops.sandbox.kubelet.podnews import PodNews, Subscription
from k8sops.sandbox.logs.lives import Refusal, life_of
from k8sops.sandbox.logs.reading import Reading
from k8sops.sandbox.podlookup import PodLookup

HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
LAST_CHUNK: Final = b"0\r\n\r\n"


class ContainerLogs:
    """The logs of one sandbox's containers."""

    def __init__(self, pods: PodLookup) -> None:
        self._pods: Final = pods
        self._news: Final = PodNews(pods)
        self._followers: Final = Followers()

    async def serve(
        self, namespace: str, pod: str, container: str, request: HttpRequest, reader: Reader, writer: Writer
    ) -> bool:
        """Answer a request; returns whether the connection can take another one."""
        options = {name: values[-1] for name, values in request.query.items()}
        try:
            if options.get("follow") != "true":
                reading = await self._reading(namespace, pod, container, options)
                await _send(reading, writer)
            else:
                async with self._news.of(namespace, pod) as news:
                    reading = await self._reading(namespace, pod, container, options)
                    await _send(reading, writer)
                    await self._follow(container, reading, news, reader, writer)
        except Refusal as refusal:
            await answer(writer, refusal.status, str(refusal))
            return False
        writer.write(LAST_CHUNK)
        await writer.drain()
        return options.get("follow") != "true"

    async def attached(self, namespace: str, pod: str, container: str) -> AsyncGenerator[bytes, None]:
        """What a container says from now on, until it ends. Raises Refusal before the first block."""
        said: asyncio.Queue[bytes | None] = asyncio.Queue()
        async with self._news.of(namespace, pod) as news:
            reading = await self._reading(namespace, pod, container, {"tailLines": "0"})
            follower = Follower(container, reading, said.put_nowait, lambda: 0)
            follower.over.add_done_callback(lambda _: said.put_nowait(None))
            following = asyncio.create_task(self._followers.follow(follower, news))
            try:
                while (block := await said.get()) is not None:
                    yield block
            finally:
                following.cancel()

    async def _reading(self, namespace: str, pod: str, container: str, options: Mapping[str, str]) -> Reading:
        found = await self._pods.get(namespace, pod)
        life = life_of(found, f"{namespace}/{pod}", container, previous=options.get("previous") == "true")
        return Reading(life, options, time.time_ns())

    async def _follow(
        self, container: str, reading: Reading, news: Subscription, reader: Reader, writer: Writer
    ) -> None:
        if reading.over:
            return
        transport = writer.transport
        follower = Follower(
            container,
            reading,
            lambda block: transport.write(b"%x\r\n%b\r\n" % (len(block), block)),
            transport.get_write_buffer_size,
        )
        # A follower that hangs up says so by closing; without looking, a silent pod would keep the task for ever.
        hung_up = asyncio.ensure_future(reader.read())
        following = asyncio.create_task(self._followers.follow(follower, news))
        try:
            await asyncio.wait({hung_up, following}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (hung_up, following):
                task.cancel()
            await asyncio.gather(hung_up, following, return_exceptions=True)


async def _send(reading: Reading, writer: Writer) -> None:
    """The head of the answer, and what there is of the log by now."""
    writer.write(HEAD)
    for block in reading.lines():
        if block:
            writer.write(b"%x\r\n%b\r\n" % (len(block), block))
            await writer.drain()
