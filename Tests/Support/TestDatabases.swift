import Dispatch
import Foundation
import PostgresDriver
import Runtime
package import SQL
import SQLiteDriver

/// A fresh, empty database of a real engine, gone once nobody holds it any more.
///
/// It is a ``Database`` itself: pass it wherever one is wanted.
package final class TestDatabase: Database {
    package enum Engine: String, Sendable, CaseIterable {
        case sqlite
        case postgres

        /// A fresh database of this engine.
        package func make() async throws -> TestDatabase {
            switch self {
            case .sqlite: try TestDatabase.sqlite()
            case .postgres: try await TestDatabase.postgres()
            }
        }
    }

    /// For `@Test(arguments: TestDatabase.allEngines)`.
    package static let allEngines = Engine.allCases

    private let base: any Database
    private let storage: Storage

    private init(storage: Storage) throws {
        self.base = try storage.open()
        self.storage = storage
    }

    /// A file in a temporary folder, as programs use it.
    package static func sqlite() throws -> TestDatabase {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "db-test-\(Identifiers.system.uuid())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return try TestDatabase(storage: Storage(.file(folder)))
    }

    /// A new database on ``PostgresServer/shared``.
    package static func postgres() async throws -> TestDatabase {
        let server = try await PostgresServer.shared
        let name = "test_" + Identifiers.system.uuid().replacingOccurrences(of: "-", with: "")
        return try TestDatabase(storage: Storage(.server(server, name, url: try server.makeDatabase(named: name))))
    }

    /// Another instance on the same storage, as a second process would open it.
    package func another() throws -> TestDatabase { try TestDatabase(storage: storage) }

    /// The value of DB_URI for a program that shall use this database.
    package var uri: String { storage.uri }

    package var dialect: Dialect { base.dialect }

    package func read<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws
        -> Value
    { try await base.read(body) }

    @discardableResult
    package func write<Value: Sendable>(_ body: @escaping @Sendable (any Transaction) throws -> Value) async throws
        -> Value
    { try await base.write(body) }

    @discardableResult
    package func writeAlone<Value: Sendable>(
        _ body: @escaping @Sendable (any Transaction) throws -> Value
    ) async throws -> Value { try await base.writeAlone(body) }

    package func wakeUps(_ signal: Signal) -> AsyncStream<Void> { base.wakeUps(signal) }

    package func close() async { await base.close() }
}

/// What the instances on one database share; removed with the last of them.
private final class Storage: Sendable {
    enum Place {
        case file(_ folder: URL)
        case server(PostgresServer, _ name: String, url: String)
    }

    private let place: Place

    init(_ place: Place) { self.place = place }

    var uri: String {
        switch place {
        case .file(let folder): "sqlite:///" + folder.appendingPathComponent("test.db").path
        case .server(_, _, let url): url
        }
    }

    func open() throws -> any Database {
        switch place {
        case .file(let folder): try SQLiteDatabase(path: folder.appendingPathComponent("test.db").path)
        case .server(_, _, let url): try PostgresDatabase(url: url, poolSize: 8)
        }
    }

    // Best effort, and not on a thread of Swift's pool: dropping a database takes a while.
    deinit {
        DispatchQueue.global().async { [place] in
            switch place {
            case .file(let folder): try? FileManager.default.removeItem(at: folder)
            case .server(let server, let name, _): try? server.dropDatabase(named: name)
            }
        }
    }
}
