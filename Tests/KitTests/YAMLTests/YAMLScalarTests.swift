import Testing

@testable import YAML

@Suite("YAML scalars") struct YAMLScalarTests {
    /// Every expectation was read off PyYAML 6.0.3 (`yaml.safe_load("k: " + text)["k"]`).
    @Test(
        "a plain scalar means what it means to PyYAML",
        arguments: [
            ("yes", .bool(true)), ("Yes", .bool(true)), ("YES", .bool(true)), ("on", .bool(true)),
            ("true", .bool(true)),
            ("TRUE", .bool(true)), ("off", .bool(false)), ("Off", .bool(false)), ("no", .bool(false)),
            ("yEs", .text("yEs")), ("y", .text("y")), ("oFF", .text("oFF")), ("n", .text("n")),
            ("null", .null), ("~", .null), ("", .null), ("nULL", .text("nULL")),
            ("0", .integer(0)), ("00", .integer(0)), ("010", .integer(8)), ("007", .integer(7)), ("0_7", .integer(7)),
            ("08", .text("08")), ("0o17", .text("0o17")), ("0b101", .integer(5)), ("0b102", .text("0b102")),
            ("0b", .text("0b")), ("0x1F", .integer(31)), ("0xg", .text("0xg")), ("0x", .text("0x")),
            ("-0x10", .integer(-16)), ("0x-1", .text("0x-1")), ("+12", .integer(12)), ("-12", .integer(-12)),
            ("-0", .integer(0)), ("+", .text("+")), ("1_000", .integer(1000)), ("1_", .integer(1)), ("_1", .text("_1")),
            ("1:30", .integer(90)), ("-1:30", .integer(-90)), ("1:60", .text("1:60")), ("1:3:5", .integer(3785)),
            ("190:20:30", .integer(685_230)), ("01:30", .text("01:30")), ("0:30", .text("0:30")),
            ("07:5", .text("07:5")),
            ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
            ("9223372036854775808", .hugeInteger), ("0xFFFFFFFFFFFFFFFF", .hugeInteger),
            ("12345678901234567890123456789", .hugeInteger), ("100:00:00:00:00:00:00:00:00:00:00:00:00", .hugeInteger),
            ("1.", .float(1)), ("1.5", .float(1.5)), (".5", .float(0.5)), ("-1.5", .float(-1.5)), ("0.0", .float(0)),
            ("-.5", .text("-.5")), ("+.5", .text("+.5")), ("1e3", .text("1e3")), ("1.0e3", .text("1.0e3")),
            ("1.0e+3", .float(1000)), ("1.e+3", .float(1000)), ("1.0E+2", .float(100)), (".5e-1", .float(0.05)),
            ("1.5e+", .text("1.5e+")), ("1.5_0", .float(1.5)), ("1_0.5", .float(10.5)), ("._5", .text("._5")),
            (".", .text(".")), ("..", .text("..")), ("1.2.3", .text("1.2.3")), ("1:30.5", .float(90.5)),
            ("0:30.5", .float(30.5)), ("1:2:3.4", .float(3723.4)), ("1:60.5", .text("1:60.5")),
            ("0.5:3", .text("0.5:3")),
            (".inf", .float(.infinity)), ("-.inf", .float(-.infinity)), ("+.INF", .float(.infinity)),
            (".iNf", .text(".iNf")), ("-.nan", .text("-.nan")), ("10m", .text("10m")), ("20G", .text("20G")),
            ("1,000", .text("1,000")), ("٣", .text("٣")),
        ] as [(String, YAMLScalar.Value)])
    func plain(_ text: String, _ value: YAMLScalar.Value) {
        #expect(YAMLScalar.plain(text).value == value)
        #expect(YAMLScalar.plain(text).text == text)
    }

    @Test("not a number is a number", arguments: [".nan", ".NaN", ".NAN"])
    func notANumber(_ text: String) throws {
        guard case .float(let value) = YAMLScalar.plain(text).value else {
            Issue.record("\(text) is not a float")
            return
        }
        #expect(value.isNaN)
    }
}
