import BackupModel

/// Names of sources as they are given on a command line.
enum SourceWords {
    /// Each may be several, separated by commas.
    /// - Throws: ``Failure`` where something was given and names nothing, as an unset variable of a shell does: that must not mean
    ///   all of them.
    static func read(_ texts: [String], _ option: String? = nil) throws(Failure) -> [String] {
        let words = texts.flatMap { $0.split(separator: ",").map { String($0).trimmed } }
        if let empty = texts.first(where: { $0.split(separator: ",").allSatisfy { String($0).trimmed.isEmpty } }) {
            throw Failure(
                "\(option ?? "the name of a source") is empty" + (empty.isEmpty ? "" : " (`\(empty)`)"),
                hint:
                    "name one, as in \(option.map { "\($0) " } ?? "")db (is a variable of the shell unset?), or leave it out "
                    + "for all sources", kind: .usage)
        }
        return words.filter { !$0.isEmpty }
    }
}

extension String {
    fileprivate var trimmed: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
