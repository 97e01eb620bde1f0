"""AWS in the network namespace of a task: the issuer of the tests, with its keys behind TLS as AWS' are.

    clerk.py ISSUER CERTIFICATE

Prints the issuer's facts with `https` addresses, then answers orders: a line of JSON on standard input, what to mint, becomes
a line of JSON on standard output, the three fields of the load balancer. Ends with its standard input.
"""

import asyncio
import json
import ssl
import subprocess
import sys
import urllib.parse
import urllib.request


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve_keys(plain: int, certificate: str) -> int:
    """A port whose TLS connections end at the plain one's server."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        onward, there = await asyncio.open_connection("127.0.0.1", plain)
        await asyncio.gather(copy(reader, there), copy(onward, writer), return_exceptions=True)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(converse, "127.0.0.1", 0, ssl=context)
    return server.sockets[0].getsockname()[1]


def mint(address: str, order: dict) -> str:
    with urllib.request.urlopen(f"{address}?{urllib.parse.urlencode(order)}", timeout=10) as answer:
        return answer.read().decode()


async def main(issuer: str, certificate: str) -> None:
    with subprocess.Popen([issuer], stdout=subprocess.PIPE, text=True) as child:
        try:
            facts = json.loads(child.stdout.readline())
            plain = urllib.parse.urlsplit(facts["keys_url"]).port
            port = await serve_keys(plain, certificate)
            for name in ("keys_url", "jwks_url"):
                assert facts[name].startswith(f"http://127.0.0.1:{plain}")
                facts[name] = facts[name].replace(f"http://127.0.0.1:{plain}", f"https://localhost:{port}")
            print(json.dumps(facts), flush=True)
            while order := await asyncio.to_thread(sys.stdin.readline):
                print(await asyncio.to_thread(mint, facts["mint_url"], json.loads(order)), flush=True)
        finally:
            child.kill()


asyncio.run(main(*sys.argv[1:]))
