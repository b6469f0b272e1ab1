import ArgumentParser
import BackupEngine
import BackupModel
import Foundation
import HostSystem

/// `holdfast ack`
struct Ack: OperatorCommand {
    static let configuration = CommandConfiguration(
        commandName: "ack",
        abstract: "Say that what was odd is in order; retention goes on then.",
        usage: "holdfast ack [<subject> ...] [--note <text>] [<options>]",
        discussion: """
            A backup that is unlike those before it is kept, and nothing older is
            removed until somebody has looked at it. The same goes for restore points
            that are gone although no run of Holdfast removed them. Without a subject
            it lists what is open and changes nothing.

            Examples: holdfast ack
                      holdfast ack uploads --note "moved to the new server"
                      holdfast ack repository:nas
                      holdfast ack all
            """)

    @Argument(
        help: ArgumentHelp(
            "What is in order: a source, `repository:NAME`, or `all` that is open.", valueName: "subject"))
    var subjects: [String] = []

    @Option(help: ArgumentHelp("Why, kept with it.", valueName: "text"))
    var note: String?

    @OptionGroup var global: GlobalOptions

    func perform(_ console: Console) async throws -> ExitStatus {
        let engine = try Live(global, console).engine()
        let review = MatterReview(engine)
        guard !subjects.isEmpty else {
            list(try review.matters(), engine.clock.now, console)
            return .success
        }
        let done = try review.acknowledge(
            subjects == ["all"] ? nil : subjects, by: UserDatabase.currentUserName, note: note)
        if console.isJSON {
            console.print(.object([("acknowledged", .array(done.map(MatterViews.document)))]))
        } else if done.isEmpty {
            console.print("nothing is open")
        }
        for matter in done where !console.isJSON {
            console.print("acknowledged \(matter.subject ?? ""): \(Console.harmless(matter.text))")
        }
        return .success
    }

    private func list(_ matters: [Matter], _ now: Date, _ console: Console) {
        if console.isJSON { return console.print(.object([("open", .array(matters.map(MatterViews.document)))])) }
        if matters.isEmpty { return console.print("nothing is open") }
        for matter in matters {
            for line in MatterViews.lines(matter, now) { console.print(Console.harmless(line)) }
            if let subject = matter.subject { console.print("  in order? holdfast ack \(subject)") }
        }
    }
}
