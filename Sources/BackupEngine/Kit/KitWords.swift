import BackupModel
import Synchronization

/// What a sheet says while its lines are carried out, each word with the step that it belongs to. A step says at its end that it was
/// `ok: TITLE` or `FAILED: TITLE`; what came before it is its own.
package struct KitWords: Sendable, Equatable {
    private struct Word: Sendable, Equatable {
        var line: String
        /// `nil` for what no step has ended that could have said it.
        var step: String?
    }

    private var words: [Word] = []

    private static let marks = ["proven: ", "not proven: ", "WRONG: ", "FAILED: ", "stop: "]
    /// Ends what is said of an encrypted file that no key was there for.
    package static let unopened = "it was not opened"
    /// Far more than any sheet says; a program that a dump makes talk may say more.
    private static let mostWords = 100_000

    package init(_ lines: [String] = []) { for line in lines { add(line) } }

    mutating func add(_ line: String) {
        let end = ["ok: ", "FAILED: "].first(where: line.hasPrefix).map { String(line.dropFirst($0.count)) }
        if KitWords.marks.contains(where: line.hasPrefix), words.count <= KitWords.mostWords {
            let isTooMuch = words.count == KitWords.mostWords
            words.append(Word(line: isTooMuch ? "not proven: the sheet said more than is kept" : line, step: nil))
        }
        guard let end else { return }
        for index in words.indices.reversed() {
            guard words[index].step == nil else { break }
            words[index].step = end
        }
    }

    /// All that counts, as it was said.
    package var lines: [String] { words.map(\.line) }

    /// What the sheet said of one of these parts, by their titles. What cannot be laid at the door of one was said of all; but why it
    /// stopped altogether is no part's.
    func lines(of title: String, among titles: [String]) -> [String] {
        words.filter { word in
            guard let owner = KitWords.owner(of: word, among: titles) else { return !word.line.hasPrefix("stop: ") }
            return owner == title
        }.map(\.line)
    }

    private static func owner(of word: Word, among titles: [String]) -> String? {
        // A step that is left out has no end, and names itself.
        var text = word.line
        for mark in marks where text.hasPrefix(mark) { text = String(text.dropFirst(mark.count)) }
        return owner(of: text, titles) ?? word.step.flatMap { owner(of: $0, titles) }
    }

    /// The title of the part, or that and what is done with it: `db /postgres/app.sql: load it into database app`.
    private static func owner(of text: String, _ titles: [String]) -> String? {
        titles.filter { text == $0 || text.hasPrefix($0 + ": ") }.max { $0.count < $1.count }
    }
}

/// Takes a sheet's words as they come, however much its programs say beside them.
final class KitListener: LineReader {
    private let heard = Mutex(KitWords())
    private let clean: @Sendable (String) -> String

    init(_ clean: @escaping @Sendable (String) -> String) { self.clean = clean }

    var words: KitWords { heard.withLock { $0 } }

    func read(line bytes: UnsafeRawBufferPointer) {
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            let line = clean(String(line))
            heard.withLock { $0.add(line) }
        }
    }
}
