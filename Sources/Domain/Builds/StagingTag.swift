/// The name under which a builder sends an image before any of the build's tags moves to it.
///
/// A builder moves all its tags in one request, so the image has to be there first without a tag that people see. The
/// registry keeps what a build's token pushes under such a name like a manifest without a tag: never listed, gone soon.
package enum StagingTag {
    private static let prefix = "_staging-"

    package static func name(for job: JobKey) -> String { prefix + job.text }

    /// Whether a build's token that pushes to `tag` means no tag at all.
    package static func isOne(_ tag: TagName) -> Bool { tag.text.hasPrefix(prefix) }
}
