"""A request that no route takes leaves its handler in the cache of the middlewares."""
import asyncio

import probe
from aiohttp import web


@web.middleware
async def middleware(request, handler):
    return await handler(request)


async def answer(request):
    return web.Response(text="ok")


async def main():
    app = web.Application(middlewares=[middleware])
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await (site := web.TCPSite(runner, "127.0.0.1", 0)).start()
    port = site._server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)

    async def post():  # the route takes GET alone: 405
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))

    await probe.run_async(post, rate=150)

asyncio.run(main())
