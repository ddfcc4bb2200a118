/// The units of a builder's machine: the build itself, and what ends the machine.
///
/// Nothing that a person or a configuration writes becomes part of a unit, except for a number.
struct BuilderUnits: Sendable {
    let maximumLifetime: Duration
    /// DEBUG: the end of the build is not the end of the machine.
    let staysOn: Bool
    /// Whether anybody can sign in: without a key there is no server for it.
    let acceptsSSH: Bool

    var units: [IgnitionConfig.Unit] {
        [
            .enabled("quay-builder.service", builder), .enabled("disable-aws-metadata.service", metadata),
            .enabled("machine-lifetime.service", lifetime),
        ] + shell
    }

    /// Runs until the build is over, however long that takes. Its end, good or bad, powers the machine off.
    private var builder: String {
        """
        [Unit]
        Description=Builds one container image
        Wants=network-online.target
        Requires=disable-aws-metadata.service
        After=network-online.target disable-aws-metadata.service
        \(staysOn ? "" : "SuccessAction=poweroff\nFailureAction=poweroff\n")
        [Service]
        Type=simple
        EnvironmentFile=\(BuilderFiles.environment)
        ExecStart=/bin/sh \(BuilderFiles.script)
        TimeoutStartSec=infinity
        TimeoutStopSec=30

        [Install]
        WantedBy=multi-user.target

        """
    }

    /// A route that leads nowhere, for both addresses of the cloud's metadata: no firewall that somebody reloads takes it
    /// away. A machine that can't be closed so doesn't build.
    private var metadata: String {
        """
        [Unit]
        Description=Keeps builds away from the metadata of the cloud
        Wants=network-online.target
        After=network-online.target afterburn-sshkeys@core.service
        Before=quay-builder.service
        \(staysOn ? "" : "FailureAction=poweroff\n")
        [Service]
        Type=oneshot
        RemainAfterExit=yes
        ExecStart=/bin/sh -ec 'ip route replace prohibit 169.254.169.254/32'
        ExecStart=/bin/sh -ec 'test ! -e /proc/net/if_inet6 || ip -6 route replace prohibit fd00:ec2::254/128'

        [Install]
        WantedBy=multi-user.target

        """
    }

    /// With DEBUG too: no machine lives on because nobody remembers it.
    private var lifetime: String {
        let seconds = maximumLifetime.components.seconds + (maximumLifetime.components.attoseconds > 0 ? 1 : 0)
        return """
            [Unit]
            Description=Powers this machine off after its longest time

            [Service]
            Type=simple
            ExecStart=/bin/sh -c 'sleep \(max(1, seconds)); exec systemctl poweroff'
            OOMScoreAdjust=-1000

            [Install]
            WantedBy=multi-user.target

            """
    }

    /// Both names that distributions have for the same server.
    private var shell: [IgnitionConfig.Unit] {
        acceptsSSH
            ? [.enabled("sshd.service")]
            : ["sshd.service", "sshd.socket", "ssh.service", "ssh.socket"].map { .masked($0) }
    }
}
