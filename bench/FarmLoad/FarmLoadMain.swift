import Foundation
import Logging
import NIOCore
import NIOPosix
import Runtime
import Synchronization

/// Plays the agents of a whole farm: what Buildman starts tells this program its registration token, and the rest is
/// spoken over gRPC as an agent would, each on a connection of its own.
///
/// usage: FarmLoad PORT SECONDS LINES. Listens on the loopback at PORT; a builder sends one line, `SERVER TOKEN BUILD`, and
/// stays until it is hung up. Each build takes SECONDS and prints LINES. Prints one line of JSON for each build that ended.
@main
enum FarmLoadMain {
    static func main() async throws {
        let words = ProcessInfo.processInfo.arguments.dropFirst().compactMap(Double.init)
        guard words.count == 3 else {
            FileHandle.standardError.write(Data("usage: FarmLoad PORT SECONDS LINES\n".utf8))
            exit(64)
        }
        let pace = LoadAgent.Pace(duration: .milliseconds(Int64(words[1] * 1000)), lines: Int(words[2]))
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(ChannelOptions.backlog, value: 1024)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .bind(host: "127.0.0.1", port: Int(words[0])) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        print("ready")
        try await server.executeThenClose { builders in
            try await withThrowingDiscardingTaskGroup { group in
                for try await builder in builders { group.addTask { await play(builder, pace) } }
            }
        }
    }

    private static func play(_ builder: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ pace: LoadAgent.Pace) async {
        let arrived = WallClock.system.now
        do {
            // Hanging up lets the builder's program end, as an agent does after its build.
            let report = try await builder.executeThenClose { inbound, _ in
                var text = ""
                for try await buffer in inbound {
                    text += String(buffer: buffer)
                    if text.hasSuffix("\n") { break }
                }
                return await LoadAgent.run(text, pace, arrived: arrived)
            }
            print(report)
            // A pipe keeps what isn't flushed.
            fflush(nil)
        } catch { FileHandle.standardError.write(Data("a builder could not be heard: \(error)\n".utf8)) }
    }
}
