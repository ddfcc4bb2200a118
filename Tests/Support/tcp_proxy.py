"""A TCP proxy on the loopback that a test can make deaf or dead.

usage: tcp_proxy.py LISTEN TARGET[,TARGET …] CONTROL     ports; a connection goes to the first target, in turn, that takes
it. GET on the control port sets the mode:
  /pass   bytes flow
  /hold   connections stand and are accepted, and nothing gets through: a network that swallows everything
  /cut    every connection is reset, and new ones are refused
  /count  answers how many connections there have been
"""
import asyncio
import sys

listen, control = int(sys.argv[1]), int(sys.argv[3])
targets = [int(word) for word in sys.argv[2].split(",")]
flowing = asyncio.Event()
links = set()
made = 0
server = None


async def pump(reader, writer):
    while data := await reader.read(65536):
        await flowing.wait()
        writer.write(data)
        await writer.drain()
    await flowing.wait()
    writer.write_eof()


async def link(reader, writer):
    global made
    made += 1
    # What the target can't take yet waits at the client's end, as on a real line.
    await flowing.wait()
    for turn in range(len(targets)):
        try:
            target = targets[(made + turn) % len(targets)]
            onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", target)
            break
        except OSError:
            pass
    else:
        writer.transport.abort()
        return
    pair = (writer, onward_writer)
    links.add(pair)
    try:
        await asyncio.gather(pump(reader, onward_writer), pump(onward_reader, writer))
        for end in pair:
            end.close()
    except OSError:
        for end in pair:
            end.transport.abort()
    finally:
        links.discard(pair)


async def serve():
    global server
    if server is None:
        server = await asyncio.start_server(link, "127.0.0.1", listen)


async def command(reader, writer):
    global server
    word = (await reader.readline()).decode().split()[1].strip("/")
    while (await reader.readline()).strip():
        pass
    if word == "pass":
        await serve()
        flowing.set()
    elif word == "hold":
        await serve()
        flowing.clear()
    elif word == "cut":
        if server is not None:
            server.close()
            server = None
        for pair in list(links):
            for end in pair:
                end.transport.abort()
        flowing.set()
    text = str(made)
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode())
    await writer.drain()
    writer.close()


async def main():
    flowing.set()
    await serve()
    controls = await asyncio.start_server(command, "127.0.0.1", control)
    print("ready", flush=True)
    async with controls:
        await controls.serve_forever()


asyncio.run(main())
