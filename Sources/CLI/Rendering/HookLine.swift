import BackupEngine
import BackupModel

/// One line of `hook list`, and what `hook run` tells.
struct HookLine {
    /// `run.before`, `acquire`, `release`, or empty for the run's own work.
    let event: String
    let subject: String?
    let name: String
    let program: String
    /// Where its file is.
    var path: String?
    var problem: Failure?
    var timeLimit: Duration?
    var rule: HookFailureRule?

    init(_ line: HookOrder.Line, _ hooks: any HookRunner) {
        switch line {
        case .work(let text): self.init(work: text)
        case .hook(let event, let subject, let hook):
            self.init(event.description, subject, hook.action, hook.rule(at: event.moment), hooks)
        case .acquire(let spec, let subject):
            self.init("acquire", subject, spec.acquire, spec.onFailure, hooks)
        case .release(let spec, let subject):
            self.init("release", subject, spec.release, .abort, hooks)
        }
    }

    private init(work: String) {
        (event, subject, name, program) = ("", nil, work, "")
    }

    private init(
        _ event: String, _ subject: String?, _ action: HookAction, _ rule: HookFailureRule, _ hooks: any HookRunner
    ) {
        self.event = event
        self.subject = subject
        name = action.name
        program = action.program.words
        timeLimit = action.timeLimit
        self.rule = rule
        do throws(HookError) { path = try hooks.locate(action) } catch {
            problem = Failure("\(event) \(action.name): \(error.description)", hint: error.hint, kind: error.kind)
        }
    }

    /// What does not run in a backup that ends so.
    static func others(_ profile: Profile, outcome: Outcome, _ hooks: any HookRunner) -> [HookLine] {
        HookEvent.all.filter { event in
            guard event.scope != .drill, event.scope != .restore else { return true }
            return ![.before, .after].contains(event.moment) && event != HookEvent.of(outcome, event.scope)
        }.flatMap { event in
            profile.hooks.filter { $0.events.contains(event) }.map { hook in
                let subject: String? =
                    switch hook.owner {
                    case .profile: nil
                    case .source(let name): name.rawValue
                    case .repository(let name): name.rawValue
                    }
                return HookLine(event.description, subject, hook.action, hook.rule(at: event.moment), hooks)
            }
        }
    }

    static func table(_ lines: [HookLine]) -> String {
        var table = Table([("WHEN", .left), ("ABOUT", .left), ("HOOK", .left), ("IF IT FAILS", .left), ("RUNS", .left)])
        for line in lines {
            if line.event.isEmpty {
                table.add(["", "", "– \(line.name) –", "", ""])
            } else {
                let runs = line.program.split(whereSeparator: \.isNewline).joined(separator: " ")
                table.add([
                    line.event, line.subject ?? "", line.name, line.rule?.rawValue ?? "",
                    line.problem == nil ? String(runs.prefix(100)) : "CANNOT RUN, see below",
                ])
            }
        }
        return table.text
    }

    var json: JSONValue {
        guard !event.isEmpty else { return .object([("work", .string(name))]) }
        return .object([
            ("event", .string(event)), ("subject", JSONValue(subject)), ("hook", .string(name)),
            ("program", .string(program)), ("file", JSONValue(path)), ("timeLimitSeconds", JSONValue(timeLimit)),
            ("onFailure", JSONValue(rule?.rawValue)), ("problem", problem.map(RunViews.failure) ?? .null),
        ])
    }

    // MARK: What was tried

    static func isBad(_ tried: HookTrial.Tried, _ event: HookEvent) -> Bool {
        guard case .success(let report) = tried.result else { return true }
        return !report.isGood && !(event.moment == .before && report.saysNotNow)
    }

    static func document(_ tried: HookTrial.Tried) -> JSONValue {
        var entries: [(String, JSONValue)] = [
            ("event", .string(tried.event)), ("subject", JSONValue(tried.subject)),
            ("hook", .string(tried.hook.action.name)), ("program", .string(tried.hook.action.program.words)),
        ]
        switch tried.result {
        case .failure(let error): entries.append(("problem", RunViews.failure(Failure(error))))
        case .success(let report):
            entries += [
                ("good", JSONValue(report.isGood)), ("ended", .string(report.words)),
                ("seconds", JSONValue(report.duration)), ("message", JSONValue(report.message)),
                ("facts", JSONValue(report.facts)), ("output", .string(report.output)),
            ]
        }
        return .object(entries)
    }

    static func tell(_ tried: HookTrial.Tried, _ console: Console) {
        let about = tried.subject.map { " (\($0))" } ?? ""
        let title = "\(tried.event) \(tried.hook.action.name)\(about): \(tried.hook.action.program.words)"
        console.print(Console.harmless(title))
        switch tried.result {
        case .failure(let error): console.report(error)
        case .success(let report):
            console.print("  " + Console.harmless("\(report.words), in \(Format.duration(report.duration))"))
            for (key, value) in report.facts.sorted(by: { $0.key < $1.key }) {
                console.print(Console.harmless("  fact \(key): \(value)"))
            }
            for line in report.output.split(whereSeparator: \.isNewline) {
                console.print("  | " + Console.harmless(String(line)))
            }
        }
    }
}
