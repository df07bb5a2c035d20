#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Forwards TCP connections, every octet half a round trip later: delay.py PORT TO-PORT MILLISECONDS."""
import asyncio
import contextlib
import signal
import sys


async def pump(reader, writer, delay):
    """What comes meanwhile is not kept waiting by what came before."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            loop.call_later(delay, writer.write, data)
    loop.call_later(delay, writer.close)


async def main(port, to, delay):
    async def serve(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", to)
        except ConnectionError:
            writer.close()
            return
        await asyncio.gather(pump(reader, far_writer, delay), pump(far_reader, writer, delay))

    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=1000)
    async with server:
        await server.serve_forever()


signal.signal(signal.SIGTERM, signal.SIG_DFL)
asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]) / 2000))
