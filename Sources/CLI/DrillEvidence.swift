import BackupEngine
import BackupModel
import Foundation
import RunHistory

/// Keeps what a drill found where it can be shown.
struct DrillEvidence {
    private let live: Live
    private let run: RunRecord
    private let drill: DrillRecord

    /// `nil` for a run that is no drill.
    init?(_ run: RunRecord, _ live: Live) {
        guard let drill = run.drill else { return nil }
        self.live = live
        self.run = run
        self.drill = drill
    }

    private var document: String {
        JSONValue.object([
            ("holdfast", .string(ProgramVersion.text)), ("host", .string(live.profile.host)),
            ("record", RunViews.run(run)),
        ]).text(indented: true) + "\n"
    }

    private var page: String { DrillPage(run, drill, host: live.profile.host).text }

    /// - Returns: the page.
    func save() throws(StoreError) -> String {
        let folder = EvidenceFolder(folder: live.stateFolder)
        try folder.save(run.id, document: live.redacted(document), page: live.redacted(page))
        return folder.page(of: run.id)
    }

    /// Copies for somebody else; what is there of the same name is the same drill's.
    func copy(to folder: String) throws(Failure) {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            for (name, text) in [("\(run.id).json", document), ("\(run.id).html", page)] {
                let path = folder + "/" + name
                try Data(live.redacted(text).utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
                try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
            }
        } catch {
            throw Failure(
                "the evidence cannot be copied to \(folder): \(error.localizedDescription)",
                hint: "it is kept in \(live.stateFolder)/evidence; copy it from there")
        }
    }
}
