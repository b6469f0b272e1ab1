/// Words as those who read them want them quoted.
enum Quoting {
    /// For `ExecStart=` of a unit: one word, whatever is in it.
    /// - Source: systemd.service(5), "Command lines", and systemd.syntax(7), "Quoting", systemd 252.
    static func unitWord(_ word: String) throws(ScheduleError) -> String {
        "\"" + (try unitText(word)).replacing("$", with: "$$") + "\""
    }

    /// The program itself is no place for variables, and `$` stands for itself there.
    static func unitProgram(_ word: String) throws(ScheduleError) -> String { "\"" + (try unitText(word)) + "\"" }

    /// For `Environment=`: `"NAME=value"`.
    static func unitVariable(_ name: String, _ value: String) throws(ScheduleError) -> String {
        "\"" + (try unitText("\(name)=\(value)")) + "\""
    }

    /// For settings that take paths, which are not unquoted but have their specifiers replaced.
    static func unitPath(_ path: String) throws(ScheduleError) -> String {
        try unitText(path).contains(" ") ? "\"" + unitText(path) + "\"" : unitText(path)
    }

    private static func unitText(_ text: String) throws(ScheduleError) -> String {
        try refuseControl(text)
        return text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("%", with: "%%")
    }

    /// For a line of a crontab: first for the shell, then for cron, where `%` begins the standard input.
    /// - Source: crontab(5), Debian's cron 3.0pl1.
    static func cronWord(_ word: String) throws(ScheduleError) -> String {
        try refuseControl(word)
        let isPlain =
            !word.isEmpty
            && word.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || [43, 44, 45, 46, 47, 58, 61, 64, 95].contains(byte)
            }
        let quoted = isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
        return quoted.replacing("%", with: "\\%")
    }

    static func xml(_ text: String) throws(ScheduleError) -> String {
        try refuseControl(text)
        return text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
    }

    private static func refuseControl(_ text: String) throws(ScheduleError) {
        guard text.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else { return }
        throw .impossible(
            "a path or variable with a control character cannot stand in a timer",
            hint: "rename it: \(text.debugDescription)")
    }
}
