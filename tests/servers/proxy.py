"""A TCP proxy of a test, before a server: it cuts connections after byte k, swallows answers, and freezes.

    proxy = Proxy(server_port).start()         # clients connect to proxy.port
    proxy.cut_after = lambda: draw(1, 9000)    # each new connection is cut after so many bytes, both ways together; None: not
    proxy.swallow(is_commit, 3)                # of the next 3 requests that is_commit(bytes) takes: the server gets them, and
                                               # nothing more of what it answers comes back; then the connection is cut
    proxy.hold = is_ack                        # requests that it takes go nowhere, and nothing behind them does; None: not
    proxy.freeze(), proxy.thaw()               # nothing passes, nothing is refused
    proxy.cut()                                # every connection, now; returns how many there were

Requests are looked at as they were written: one that lies in two pieces of TCP is not seen whole. Counts: cuts, swallowed;
came: bytes of requests, also of those that wait.
"""
import asyncio
import threading

from ports import free_port

PIECE = 1 << 16
ANSWER = 0.3 # seconds a server is given to work on a swallowed request


def is_kafka(api_key):
    """Kafka's requests of this key: a frame's length, then the key."""
    def of(data):
        at = 0
        while at + 6 <= len(data):
            if int.from_bytes(data[at + 4:at + 6], "big") == api_key:
                return True
            at += 4 + int.from_bytes(data[at:at + 4], "big")
        return False
    return of


END_TXN = is_kafka(26)


class Ear(asyncio.StreamReader):
    """Counts what clients write, also while nothing passes."""

    def __init__(self, proxy):
        super().__init__(loop=proxy.loop)
        self.proxy = proxy

    def feed_data(self, data):
        self.proxy.came += len(data)
        super().feed_data(data)


class Link:
    """One connection, as two streams to and two from."""

    def __init__(self, proxy, client, server):
        self.proxy, self.client, self.server = proxy, client, server
        self.left = proxy.cut_after() if proxy.cut_after else None
        self.is_swallowed = False

    def cut(self):
        for _, writer in (self.client, self.server):
            writer.transport.abort()

    def spend(self, data):
        """What of the data may pass; cuts when nothing is left after it."""
        if self.left is None:
            return data
        data = data[:self.left]
        self.left -= len(data)
        return data

    async def carry(self, reader, writer, is_request):
        while data := await reader.read(PIECE):
            await self.proxy.running.wait()
            if is_request and self.proxy.hold and self.proxy.hold(data):
                await asyncio.Event().wait() # until the connection ends
            if is_request and self.proxy.takes(data):
                self.is_swallowed = True
                asyncio.get_running_loop().call_later(ANSWER, self.cut)
            if self.is_swallowed and not is_request:
                continue
            writer.write(self.spend(data))
            await writer.drain()
            if self.left == 0:
                self.proxy.cuts += 1
                break

    async def run(self):
        ways = [asyncio.create_task(self.carry(self.client[0], self.server[1], True)),
                asyncio.create_task(self.carry(self.server[0], self.client[1], False))]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        self.cut()


class Proxy:
    def __init__(self, server_port, port=0):
        self.server_port, self.port = server_port, port or free_port()
        self.cut_after = self.hold = None
        self.cuts = self.swallowed = self.came = 0
        self.links, self.wanted, self.to_swallow = set(), None, 0
        self.loop = asyncio.new_event_loop()
        self.running = asyncio.Event()
        self.running.set()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self):
        self.thread.start()
        self.do(self.listen())
        return self

    def do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(30)

    async def listen(self):
        self.listener = await self.loop.create_server(
            lambda: asyncio.StreamReaderProtocol(Ear(self), self.serve, loop=self.loop), "127.0.0.1", self.port)

    async def serve(self, reader, writer):
        try:
            server = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.transport.abort()
            return
        link = Link(self, (reader, writer), server)
        self.links.add(link)
        try:
            await link.run()
        finally:
            self.links.discard(link)

    def takes(self, data):
        if not self.to_swallow or not self.wanted(data):
            return False
        self.to_swallow -= 1
        self.swallowed += 1
        return True

    # ---- what a test asks for ----

    def swallow(self, wanted, count=1):
        self.wanted, self.to_swallow = wanted, count

    def freeze(self):
        self.loop.call_soon_threadsafe(self.running.clear)

    def thaw(self):
        self.loop.call_soon_threadsafe(self.running.set)

    def cut(self):
        async def all_links():
            links = list(self.links)
            for link in links:
                link.cut()
            self.cuts += len(links)
            return len(links)
        return self.do(all_links())

    def stop(self):
        async def end():
            self.listener.close()
            for link in list(self.links):
                link.cut()
            while self.links:
                await asyncio.sleep(0.01)
        self.do(end())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(30)
