package import Domain
package import SQL

/// The SQL that builds ask about robots: whose images a builder may pull.
package enum PullRobotStore {
    /// The row of an enabled robot; nil when there is none of that name.
    package static func id(of robot: RobotName, in transaction: any Transaction) throws -> Int64? {
        try transaction.number("SELECT id FROM account WHERE name = \(robot.text) AND kind = 'robot' AND enabled = 1")
    }

    /// The robot's token in its stored form; nil when the robot is gone or disabled by now.
    package static func tokenCipher(of robot: RobotName, in transaction: any Transaction) throws -> String? {
        try transaction.row(
            """
            SELECT robot.token_cipher FROM robot JOIN account ON account.id = robot.account_id
            WHERE account.name = \(robot.text) AND account.kind = 'robot' AND account.enabled = 1
            """)?.text("token_cipher")
    }
}
