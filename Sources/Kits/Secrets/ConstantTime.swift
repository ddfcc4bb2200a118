/// Compares two byte strings in a time that depends on their lengths only, never on where they differ.
///
/// Lengths are not secret: strings of different lengths are answered at once.
package func constantTimeEquals(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(left, right) { difference |= one ^ other }
    return difference == 0
}
