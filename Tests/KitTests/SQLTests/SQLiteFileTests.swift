import Foundation
import SQL
import TestSupport
import Testing

@testable import SQLiteDriver

@Suite("A SQLite file") struct SQLiteFileTests {
    @Test("keeps what was answered through a power cut: WAL, FULL, and rules on") func settings() async throws {
        let folder = try TemporaryFolder()
        let database = try SQLiteDatabase(path: folder.path("test.db"))
        let settings = try await database.write { transaction in
            try ["journal_mode", "synchronous", "foreign_keys", "busy_timeout"].map { name in
                switch name {
                case "journal_mode": try transaction.row("PRAGMA journal_mode")?.values.first
                case "synchronous": try transaction.row("PRAGMA synchronous")?.values.first
                case "foreign_keys": try transaction.row("PRAGMA foreign_keys")?.values.first
                default: try transaction.row("PRAGMA busy_timeout")?.values.first
                }
            }
        }
        #expect(settings == [.text("wal"), .integer(2), .integer(1), .integer(5000)])
        await database.close()
    }

    @Test("SEC-Secrets shown to readers: only its owner may read it, and the files beside it") func mode() async throws
    {
        let folder = try TemporaryFolder()
        let database = try SQLiteDatabase(path: folder.path("test.db"))
        try await database.write { try $0.execute(ddl: "CREATE TABLE sample (id INTEGER)") }
        for name in ["test.db", "test.db-wal", "test.db-shm"] {
            let attributes = try FileManager.default.attributesOfItem(atPath: folder.path(name))
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
        await database.close()
    }

    @Test("that can't be used is refused with its path and what to do")
    func refused() throws {
        let folder = try TemporaryFolder()
        try folder.write(String(repeating: "This is no database. ", count: 100), to: "letter.txt")
        let cases = [
            ("missing/test.db", "create it"), (".", "is a folder"), ("letter.txt/test.db", "not a folder"),
            ("letter.txt", "restore a backup"),
        ]
        for (name, advice) in cases {
            let path = folder.path(name)
            let error = #expect(throws: DatabaseError.self) { try SQLiteDatabase(path: path) }
            #expect(error?.kind == .unreachable)
            #expect(error?.message.contains(folder.path) == true)
            #expect(error?.message.contains(advice) == true, "\(String(describing: error))")
        }
        #expect(try folder.read("letter.txt").hasPrefix("This is no database."))
    }

    @Test("that is damaged later is reported as such") func damaged() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path("test.db")
        let first = try SQLiteDatabase(path: path)
        try await first.write { transaction in
            try transaction.execute(ddl: "CREATE TABLE sample (id INTEGER PRIMARY KEY, words TEXT)")
            for _ in 0..<500 {
                try transaction.run("INSERT INTO sample (words) VALUES (\(String(repeating: "word ", count: 50)))")
            }
        }
        await first.close()
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try file.seek(toOffset: 4096)
        try file.write(contentsOf: Data(repeating: 0xEE, count: 60_000))
        try file.close()
        let second = try SQLiteDatabase(path: path)
        let error = await #expect(throws: DatabaseError.self) {
            try await second.read { try $0.rows("SELECT words FROM sample") }
        }
        #expect(error?.kind == .unreachable)
        #expect(error?.message.contains("restore a backup") == true, "\(String(describing: error))")
        await second.close()
    }

    private static let mounts = """
        22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
        40 22 0:35 / /net/share rw,relatime shared:9 master:2 - nfs4 server:/share rw,vers=4.2
        41 22 0:36 / /net/windows rw - cifs //server/share rw
        42 22 0:37 / /home/me/remote rw - fuse.sshfs me@host: rw
        43 22 0:38 / /home/me/secret rw - fuse.gocryptfs /enc rw
        44 22 0:39 / /tmp rw - tmpfs tmpfs rw
        45 22 0:40 / /data rw - overlay overlay rw,lowerdir=/a - b
        46 22 0:41 / /win rw - fuseblk /dev/sdb1 rw
        nonsense
        """

    @Test(
        "on a network file system is told from a local one",
        arguments: [
            ("254:1", nil), ("0:35", "nfs4"), ("0:36", "cifs"), ("0:37", "fuse.sshfs"), ("0:38", nil), ("0:39", nil),
            ("0:40", nil), ("0:41", nil), ("9:9", nil),
        ])
    func fileSystems(_ device: String, _ name: String?) {
        #expect(FileSystemKind.networkName(device: device, mounts: Self.mounts) == name)
    }

    @Test(
        "knows its device by both numbers",
        arguments: [(0xFE01, "254:1"), (0x23, "0:35"), (0x10_00FF, "0:511"), (0x1000_0000_0103, "4097:3")]
            as [(UInt, String)])
    func devices(_ number: UInt, _ name: String) {
        #expect(FileSystemKind.deviceName(number) == name)
    }

    @Test("in memory serves one process, with wake-ups") func inMemory() async throws {
        let database = try SQLiteDatabase.inMemory()
        var wakeUps = database.wakeUps(Signal("work_arrived")).makeAsyncIterator()
        await wakeUps.next()
        try await database.write { transaction in
            try transaction.execute(ddl: "CREATE TABLE sample (id INTEGER PRIMARY KEY)")
            try transaction.notify(Signal("work_arrived"))
        }
        await wakeUps.next()
        #expect(try await database.read { try $0.number("SELECT COUNT(*) FROM sample") } == 0)
        await database.close()
    }

    @Test("wakes listeners for any commit of another program, signal or none") func anyCommit() async throws {
        let folder = try TemporaryFolder()
        let database = try SQLiteDatabase(path: folder.path("test.db"))
        let other = try SQLiteDatabase(path: folder.path("test.db"))
        try await other.write { try $0.execute(ddl: "CREATE TABLE sample (id INTEGER PRIMARY KEY)") }
        let listening = Task {
            for await _ in database.wakeUps(Signal("work_arrived"))
            where try await database.read({ try $0.number("SELECT COUNT(*) FROM sample") }) == 1 { return }
        }
        try await other.write { try $0.run("INSERT INTO sample (id) VALUES (1)") }
        #expect(try await ends(within: .seconds(20)) { try await listening.value })
        await database.close()
    }
}
