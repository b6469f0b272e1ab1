/// Words for a shell to read.
package enum ShellWord {
    /// One word for any POSIX shell, whatever is in it.
    package static func quoted(_ word: String) -> String {
        var result = "'"
        for scalar in word.unicodeScalars {
            if scalar == "'" { result += "'\\''" } else { result.unicodeScalars.append(scalar) }
        }
        return result + "'"
    }
}
