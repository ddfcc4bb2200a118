import Domain
import Foundation
import RegistryCore
import Secrets

/// How robot accounts look in the API.
enum RobotResponses {
    /// Without the token.
    static func robot(_ robot: Robot) -> JSONValue {
        [
            "name": .string(robot.name.text), "created": .string(RFC2822.text(robot.created)),
            "last_accessed": JSONValue(robot.lastAccessed.map(RFC2822.text)), "description": .string(robot.description),
            "unstructured_metadata": metadata(robot.metadataJSON),
        ]
    }

    /// With the token, for who administers the namespace.
    static func robot(_ revealed: RobotService.Revealed) -> JSONValue {
        robot(revealed.robot).merging(["token": .string(revealed.token.text)])
    }

    /// What was stored was valid once; a value that is not is shown as none.
    private static func metadata(_ json: String) -> JSONValue {
        do { return try JSONValue(parsing: Array(json.utf8)) } catch { return .object([:]) }
    }
}
