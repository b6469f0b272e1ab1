package import BackupModel
package import Foundation
import Programs

/// What the owner of a bucket may let expire, to the letter: only he can delete what a mirror put.
/// - Source: https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html: a date is midnight UTC, days are
///   counted from an object's creation, and a prefix is any beginning of a key.
package struct ExpiryRules: Sendable {
    private let generations: MirrorGenerations
    private let location: String
    private let address: S3Address?

    /// - Parameter location: the mirror's, without a generation.
    package init(_ generations: MirrorGenerations, location: String) {
        self.generations = generations
        self.location = location
        address = S3Address(location)
    }

    /// The closed generations that may still be there, with the day from which each may be deleted.
    package func deletable(at now: Date) -> [(generation: MirrorGeneration, date: Date)] {
        generations.all.compactMap { one in
            guard let date = generations.deletable(one), now.timeIntervalSince(date) < 30 * 86_400 else { return nil }
            return (one, date)
        }
    }

    /// A lifecycle configuration with a rule by date for each closed generation; `nil` outside of S3 and when there is none.
    package func byDate(at now: Date) -> String? { configuration(deletable(at: now).map { ($0.generation, $0.date) }) }

    /// One rule by age for all generations, those to come too; `nil` outside of S3. It touches nothing else below the address.
    package var byAge: String? {
        guard let address else { return nil }
        let days = Int((generations.rule.expiry.inSeconds / 86_400).rounded(.up))
        return document([rule("holdfast-generations", key("g-", address), #"{"Days":\#(days)}"#)])
    }

    /// What is guaranteed, in words.
    package var guarantee: String {
        let rule = generations.rule
        return
            "what was put stays for \(Words.days(rule.guarantee)) (expiry \(Words.days(rule.expiry)) less generation "
            + "\(Words.days(rule.length))), whatever is deleted here"
    }

    /// Of one generation that was closed just now.
    func words(on closed: MirrorGeneration) -> [String] {
        guard let date = generations.deletable(closed) else { return [] }
        let what = closed.completed == nil ? "was never complete and is given up" : "is closed"
        let rule = configuration([(closed, date)]).map { ": \($0)" } ?? ""
        return [
            "generation \(closed.name) \(what); \(place(closed)) may be deleted from \(UTCTime(date).dayInWords) on\(rule)"
        ]
    }

    /// Where a generation is, as its owner knows it.
    package func place(_ generation: MirrorGeneration) -> String {
        address.map { "s3://\($0.bucket)/\(key(generation.name, $0))/" } ?? "\(location)/\(generation.name)"
    }

    private func configuration(_ closed: [(MirrorGeneration, Date)]) -> String? {
        guard let address, !closed.isEmpty else { return nil }
        return document(
            closed.map { one, date in
                // With its slash, or it would be the beginning of that day's other generations too.
                rule("holdfast-\(one.name)", key(one.name, address) + "/", #"{"Date":"\#(UTCTime(date).extended)"}"#)
            })
    }

    private func key(_ name: String, _ address: S3Address) -> String {
        address.prefix.isEmpty ? name : address.prefix + "/" + name
    }

    private func document(_ rules: [String]) -> String { #"{"Rules":[\#(rules.joined(separator: ","))]}"# }

    private func rule(_ id: String, _ prefix: String, _ expiration: String) -> String {
        let quoted = prefix.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        return #"{"ID":"\#(id)","Status":"Enabled","Filter":{"Prefix":"\#(quoted)"},"Expiration":\#(expiration)}"#
    }
}
