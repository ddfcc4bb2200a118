import ArgumentParser
import Foundation
import GRPCCore
import RegistryCore

typealias Failure = StartFailure

extension StartFailure {
    /// Runs a command's work; an error becomes one sentence and the exit code that the contract names.
    static func exiting(_ work: () async throws -> Void) async throws {
        do { try await work() } catch let code as ExitCode { throw code } catch {
            // gRPC wraps what the network said.
            let said = (error as? RuntimeError)?.cause ?? error
            let failure = StartFailure(explaining: said, addressOptions: "--listen or --metrics")
            FileHandle.standardError.write(Data("Buildman: \(failure.message)\n".utf8))
            throw ExitCode(failure.code.rawValue)
        }
    }
}
