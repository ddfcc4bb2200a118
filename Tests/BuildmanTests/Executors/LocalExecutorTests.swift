import Domain
import Foundation
import Glibc
import Logging
import Runtime
import TestSupport
import Testing

@testable import Buildman

/// Builders are shell scripts here: what matters is what they can reach, and that nothing of them stays.
@Suite("Local executor", .serialized) struct LocalExecutorTests {
    static let profile = ExecutorProfile(name: "local", server: "127.0.0.1:50051", stopsWithManager: true)
    static let key = JobKey(buildUUID: "1f0c5b1e-8f5e-4d7a-9c3b-0a1b2c3d4e5f", attempt: 1)

    /// An executor whose builders run `script`, with a data directory that holds a secret.
    struct Fixture {
        let folder: TemporaryFolder
        let executor: LocalExecutor
        let rooms: BuilderRooms
        var data: String { folder.path("data") }

        init(_ script: String, folder: TemporaryFolder? = nil) throws {
            let folder = try folder ?? TemporaryFolder()
            self.folder = folder
            chmod(folder.path, 0o711)
            try FileManager.default.createDirectory(atPath: folder.path("data"), withIntermediateDirectories: true)
            chmod(folder.path("data"), 0o700)
            try folder.write("geheim", to: "data/secrets")
            let program = try folder.write("#!/bin/sh\n" + script + "\n", to: "agent")
            chmod(program, 0o755)
            let settings = LocalExecutor.Settings(
                profile: LocalExecutorTests.profile, command: .init(program: program, runtime: "sh"),
                base: folder.path("rooms"),
                dataDirectory: folder.path("data"))
            executor = LocalExecutor(settings, clock: .system, logger: Logger(label: "test"))
            rooms = BuilderRooms(
                base: folder.path("rooms"), owner: getuid() == 0 ? BuilderUser(named: BuilderUser.defaultName) : nil)
        }

        func launch(_ key: JobKey = LocalExecutorTests.key) async throws -> String {
            try await executor.start(
                BuilderLaunch(
                    key: key, registrationToken: "token", server: "127.0.0.1:1", isInsecure: true,
                    registryHostname: "registry.test"))
        }

        /// What the builder has printed, once it has printed `text`.
        func printed(containing text: String) async throws -> String {
            for _ in 0..<1000 {
                let words = rooms.lastWords(of: LocalExecutorTests.key)
                if words.contains(text) { return words }
                try await WallClock.system.sleep(for: .milliseconds(10))
            }
            return rooms.lastWords(of: LocalExecutorTests.key)
        }

        func nextEnd() async -> BuilderEnd? {
            for await end in executor.ends { return end }
            return nil
        }
    }

    static let isRoot = getuid() == 0

    @Test("a builder gets its token, its addresses and a home of its own") func environment() async throws {
        let fixture = try Fixture(
            #"echo "$TOKEN $SERVER $INSECURE $REGISTRY_HOSTNAME $CONTAINER_RUNTIME"; pwd; echo $HOME; touch $HOME/mine && echo done; exec sleep 100"#
        )
        let execution = try await fixture.launch()
        let words = try await fixture.printed(containing: "done")
        #expect(words.contains("token 127.0.0.1:1 true registry.test sh"))
        #expect(words.contains("done"))
        // Asked again, it starts nothing new.
        #expect(try await fixture.launch() == execution)
        await fixture.executor.stop(Self.key)
        #expect(!FileManager.default.fileExists(atPath: fixture.rooms.home(of: Self.key)))
        #expect(fixture.rooms.known().isEmpty)
    }

    @Test("every process of an attempt ends with it, however it hides") func childrenDie() async throws {
        let fixture = try Fixture(
            """
            sleep 1001 & setsid sleep 1002 & (setsid sh -c 'trap "" TERM HUP INT; sleep 1003 & wait' &)
            env -i setsid sleep 1004 &
            echo started; exec sleep 1005
            """)
        _ = try await fixture.launch()
        _ = try await fixture.printed(containing: "started")
        func sleepers() -> Int {
            let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
            return names.filter { name in
                let line = FileManager.default.contents(atPath: "/proc/\(name)/cmdline") ?? Data()
                return String(decoding: line, as: UTF8.self).hasPrefix("sleep\u{0}100")
            }.count
        }
        while sleepers() < 5 { try await WallClock.system.sleep(for: .milliseconds(10)) }
        await fixture.executor.stop(Self.key)
        #expect(sleepers() == 0)
    }

    @Test(
        "SEC-Build escape: a builder can't see, signal or read what isn't its own",
        .enabled(if: isRoot, "only root can build the walls"))
    func walls() async throws {
        let fixture = try Fixture(
            """
            echo "user $(id -u) processes $(ls /proc | grep -c '^[0-9]')"
            kill -0 HOSTPID 2>/dev/null && echo SIGNALLED
            cat DATA/secrets 2>/dev/null
            ls DATA >/dev/null 2>&1 && echo LISTED
            cat /proc/HOSTPID/environ 2>/dev/null | head -c 1 | grep -q . && echo PEEKED
            ls ROOMS/attempts/* ROOMS/state 2>/dev/null | grep -q . && echo OTHERS
            touch ROOMS/work/mine && echo OWN
            umount ROOMS/attempts 2>/dev/null && echo UNMOUNTED
            mount -t tmpfs none /mnt 2>/dev/null && echo MOUNTED
            echo done; exec sleep 100
            """
            .replacing("HOSTPID", with: "\(getpid())"))
        let script = try fixture.folder.read("agent").replacing("DATA", with: fixture.data)
            .replacing("ROOMS", with: fixture.rooms.base)
        try fixture.folder.write(script, to: "agent")
        chmod(fixture.folder.path("agent"), 0o755)
        // Another attempt's home, with something in it.
        let other = JobKey(buildUUID: Self.key.buildUUID, attempt: 2)
        try fixture.rooms.prepare()
        try fixture.rooms.makeHome(of: other)
        _ = FileManager.default.createFile(atPath: fixture.rooms.home(of: other) + "/image", contents: Data("x".utf8))
        _ = try await fixture.launch()
        let words = try await fixture.printed(containing: "done")
        await fixture.executor.stop(Self.key)
        let user = try #require(BuilderUser(named: BuilderUser.defaultName))
        #expect(words.contains("user \(user.userID) processes"))
        for escape in ["SIGNALLED", "geheim", "LISTED", "PEEKED", "OTHERS", "UNMOUNTED", "MOUNTED"] {
            #expect(!words.contains(escape), "the builder got through: \(words)")
        }
        #expect(words.contains("OWN"))
        // Its own processes are all it sees: a handful, and no more.
        let seen = words.split(separator: "processes ").last.flatMap { Int($0.prefix { $0.isNumber }) }
        #expect(try #require(seen) < 10)
    }

    @Test(
        "a builder that ends by itself is reported, and reaped",
        arguments: [("exit 3", "code 3"), ("kill -9 $$", "signal 9")])
    func ends(_ script: String, _ how: String) async throws {
        let fixture = try Fixture(script)
        let execution = try await fixture.launch()
        let end = try #require(await fixture.nextEnd())
        #expect(end.key == Self.key)
        // Behind walls the kill ends the first process of a name space, whose parent tells.
        #expect(end.how.contains(how) || Self.isRoot)
        let identifier = try #require(Int32(execution.prefix { $0 != ":" }))
        #expect(ProcessTable.entry(identifier) == nil)
        await fixture.executor.stop(Self.key)
    }

    @Test("after a restart the builder of a live attempt is watched again, and every other is ended")
    func restart() async throws {
        let fixture = try Fixture("echo started; exec sleep 100")
        let mark = try await fixture.launch()
        _ = try await fixture.printed(containing: "started")
        let next = try Fixture("echo unused", folder: fixture.folder)
        await next.executor.reap(keeping: [Self.key])
        #expect(next.rooms.mark(of: Self.key)?.text == mark)
        let process = try #require(next.rooms.mark(of: Self.key))
        #expect(ProcessTable.isAlive(process))
        await next.executor.reap(keeping: [])
        #expect(!ProcessTable.isAlive(process))
        #expect(next.rooms.known().isEmpty)
        // Somebody may be starting it just now.
        try next.rooms.makeHome(of: Self.key)
        await next.executor.reap(keeping: [Self.key])
        #expect(next.rooms.known() == [Self.key])
        // A live attempt whose process is gone is told as ended.
        try "1 (gone) S 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1".write(
            toFile: next.rooms.stateFile(of: Self.key), atomically: true, encoding: .utf8)
        await next.executor.reap(keeping: [Self.key])
        #expect(await next.nextEnd()?.key == Self.key)
        await next.executor.stop(Self.key)
    }

    @Test("what is missing is said in a sentence that helps") func readiness() async throws {
        let fixture = try Fixture("exit 0")
        let settings = LocalExecutor.Settings(
            profile: Self.profile, command: .init(program: "/nowhere/agent", runtime: "no-such-runtime"),
            base: fixture.rooms.base,
            dataDirectory: fixture.data, user: "no-such-user")
        let executor = LocalExecutor(settings, clock: .system, logger: Logger(label: "test"))
        let problems = await executor.problems().joined(separator: "\n")
        #expect(problems.contains("BUILDER_BINARY_LOCATION"))
        #expect(problems.contains("no-such-runtime is not installed"))
        if Self.isRoot { #expect(problems.contains("scripts/install-packages run")) }
        await #expect(throws: ExecutorFailure.self) {
            try await executor.start(
                BuilderLaunch(
                    key: Self.key, registrationToken: "t", server: "s", isInsecure: true, registryHostname: "r"))
        }
    }

    @Test(
        "SEC-Build escape: a data directory that others may enter stops every build",
        .enabled(if: isRoot, "only root has another user to keep out"))
    func openDataDirectory() async throws {
        let fixture = try Fixture("exit 0")
        chmod(fixture.data, 0o755)
        #expect(await fixture.executor.problems().contains { $0.contains("chmod 700") })
    }

    @Test("a process is told by its number and its start, whatever its name is") func stat() throws {
        let line = "77 (a) b (c)) S 12 77 70 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4711 8192 1"
        let entry = try #require(ProcessTable.Entry(stat: line))
        #expect(entry.mark == ProcessMark(identifier: 77, startTime: 4711))
        #expect((entry.parent, entry.session, entry.isZombie) == (12, 70, false))
        #expect(ProcessTable.Entry(stat: "nonsense") == nil)
    }
}
