import BackupModel
import Foundation
import HostSystem
import Repositories
import RunHistory

/// The generations of a mirror, as the operator and the bucket's owner need to know them.
struct GenerationViews {
    private let generations: MirrorGenerations
    private let rules: ExpiryRules
    private let now: Date

    /// - Parameter location: the mirror's, without a generation.
    init(_ generations: MirrorGenerations, location: String, now: Date) {
        self.generations = generations
        rules = ExpiryRules(generations, location: location)
        self.now = now
    }

    /// Those that may still be there, newest first.
    private var shown: [(generation: MirrorGeneration, deletable: Date?)] {
        let closed = rules.deletable(at: now)
        return generations.all.reversed().compactMap { one in
            guard one.closed != nil else { return (one, nil) }
            return closed.first { $0.generation.name == one.name }.map { ($0.generation, $0.date) }
        }
    }

    /// What is read of it: `g-20261121, whole since 2026-11-21, unproven`
    var relied: String? { generations.relied.map(words) }

    private func words(_ one: MirrorGeneration) -> String {
        guard let completed = one.completed else {
            return "\(one.name), begun \(Format.time(one.started)), not whole yet"
        }
        let proof = one.proven.map { "proven \(Format.time($0))" } ?? "unproven"
        return "\(one.name), whole since \(Format.time(completed)), \(proof)"
    }

    var guarantee: String { "guaranteed: " + rules.guarantee }

    /// What is wrong, in words.
    var alarm: String? {
        generations.alarm(at: now).map {
            "\($0.generation) \($0.expires > now ? "begins" : "began") to expire on "
                + "\(UTCTime($0.expires).dayInWords), and no newer generation is whole"
        }
    }

    /// Everything, for `repository list`.
    var lines: [String] {
        var lines = shown.map { one, date in
            "generation " + words(one)
                + (date.map { "; closed, \(rules.place(one)) may be deleted from \(UTCTime($0).dayInWords) on" } ?? "")
        }
        if shown.isEmpty { lines.append("no generation yet") }
        if let alarm { lines.append("ALARM: " + alarm) }
        if let byDate = rules.byDate(at: now) {
            lines.append("rules for the bucket's owner, by date: \(byDate)")
        }
        if let byAge = rules.byAge { lines.append("or one rule by age, for all of them: \(byAge)") }
        lines.append(guarantee)
        return lines
    }

    var document: JSONValue {
        .object([
            ("length", JSONValue(generations.rule.length)), ("expiry", JSONValue(generations.rule.expiry)),
            ("guaranteed", JSONValue(generations.rule.guarantee)),
            ("relied", JSONValue(generations.relied?.name)), ("alarm", JSONValue(alarm)),
            (
                "generations",
                .array(
                    shown.map { one, date in
                        .object([
                            ("name", .string(one.name)), ("started", JSONValue(one.started)),
                            ("completed", JSONValue(one.completed)), ("closed", JSONValue(one.closed)),
                            ("proven", JSONValue(one.proven)), ("deletable", JSONValue(date)),
                        ])
                    })
            ),
            ("lifecycleByDate", JSONValue(rules.byDate(at: now))), ("lifecycleByAge", JSONValue(rules.byAge)),
        ])
    }
}

extension Live {
    /// What is on record of a mirror with generations; `nil` for any other repository.
    /// - Parameter repository: the mirror itself, not a generation of it.
    func generations(of repository: any Repository) throws -> GenerationViews? {
        guard let rule = repository.spec.follow?.generations else { return nil }
        let known = try store().generations(at: repository.location)
        return GenerationViews(MirrorGenerations(rule, known), location: repository.location, now: clock.now)
    }

    /// The generation of a mirror that is relied on, as far as is on record; anything else as it is.
    func generation(of repository: any Repository) throws -> any Repository {
        guard let rule = repository.spec.follow?.generations,
            let relied = MirrorGenerations(rule, try store().generations(at: repository.location)).relied
        else { return repository }
        var spec = repository.spec
        spec.generation = relied.name
        return try self.repository(spec)
    }

    /// Enters that a credential that may read has found a generation sound.
    func prove(_ repository: any Repository) throws {
        guard let name = repository.spec.generation else { return }
        var spec = repository.spec
        spec.generation = nil
        let place = try self.repository(spec).location
        let store = try store()
        guard var generation = try store.generations(at: place).first(where: { $0.name == name }) else { return }
        generation.proven = clock.now
        try store.save([generation], at: place)
    }
}
