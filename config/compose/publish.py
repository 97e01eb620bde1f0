"""Makes one loopback port of this network namespace reachable through a published port.

    publish.py PORT HOST:PORT

`dev` listens on loopback only, whatever is configured, and a published port ends at the container's other address. So this
stands between them. What keeps others out is then the publication: ../docker-compose.yml publishes on 127.0.0.1 of your
machine only, and nothing else is on the network.
"""

import asyncio
import sys


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything that comes, then its end, so that each direction can end by itself."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


async def main(port: int, host: str, target: int) -> None:
    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = None
        try:
            onward, there = await asyncio.open_connection(host, target)
            await asyncio.gather(copy(reader, there), copy(onward, writer))
        except OSError:
            pass  # Either end hung up, or nobody listens yet; the other end learns it by the closing below.
        finally:
            for each in (writer, there):
                if each is not None:
                    each.close()

    server = await asyncio.start_server(converse, "0.0.0.0", port)
    await server.serve_forever()


if __name__ == "__main__":
    there, _, behind = sys.argv[2].rpartition(":")
    asyncio.run(main(int(sys.argv[1]), there, int(behind)))
