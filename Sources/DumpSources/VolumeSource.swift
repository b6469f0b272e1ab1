package import BackupModel
import Programs

/// A volume of docker or podman by its name, read where it lies. Everything that holds for a `files` source holds for it.
package struct VolumeSource: DumpSource {
    package let spec: SourceSpec
    private let settings: VolumeSettings
    let services: Services
    private let recent = RecentWalk()

    package static let kind = DumpSourceKind(descriptor: VolumeSettings.descriptor) {
        (spec, services) throws(SourceError) in try VolumeSource(spec, services)
    }

    package init(_ spec: SourceSpec, _ services: Services) throws(SourceError) {
        self.spec = spec
        self.services = services
        settings = try VolumeSettings(spec.settings)
    }

    package func preflight(_ context: CaptureContext) async throws(SourceError) -> SourcePreview {
        let volume = try await locate()
        var preview = try await volume.files.preflight(context)
        preview.summary = "volume \(settings.name) of \(volume.engine) at \(volume.path)"
        return preview
    }

    package func capture(
        _ context: CaptureContext, storing store: PartStore
    ) async throws(SourceError) -> [PartReport] {
        let volume = try await locate()
        var reports = try await volume.files.capture(context, storing: store)
        for index in reports.indices {
            reports[index].restoreNotes["volume"] = settings.name
            reports[index].restoreNotes["engine"] = volume.engine.rawValue
        }
        return reports
    }

    /// Below the folder, at the path where the volume lay. Needs neither the volume nor its engine.
    package func restore(
        _ request: RestoreRequest, _ context: CaptureContext
    ) async throws(SourceError) -> RestoreReport {
        try await files(at: request.directory).restore(request, context)
    }

    /// Where the volume lies now; on another machine that may be elsewhere.
    package func livePlace(of part: ManifestPart) async throws(SourceError) -> LivePlace {
        let place = try await locate().path
        guard let old = part.restoreNotes[ManifestPart.rootsNote] != nil ? try FilesSource.roots(of: part).first : nil
        else {
            return .whole([
                LivePlace.Path(
                    restored: part.part.rawValue, live: part.part.rawValue, sideFiles: SQLiteCopier.sideFiles)
            ])
        }
        return .whole([LivePlace.Path(restored: old, live: place)])
    }

    /// A container that runs goes on with the folder that it was given, wherever that is moved to.
    package func users(of part: ManifestPart) async throws(SourceError) -> String? {
        let engine = try await ContainerSearch(services: services, engine: settings.engine).volume(settings.name).engine
        let names = try await services.succeed(engine.runningContainers(withVolume: settings.name)).output.text
            .split(whereSeparator: \.isNewline)
        guard let first = names.first else { return nil }
        return "container \(first) runs with it" + (names.count > 1 ? ", and \(names.count - 1) more" : "")
    }

    func files(at path: String) -> FilesSource {
        FilesSource(spec, services, settings.files(at: path), recent)
    }

    private func locate() async throws(SourceError) -> (engine: ContainerEngine, path: String, files: FilesSource) {
        let found = try await ContainerSearch(services: services, engine: settings.engine).volume(settings.name)
        let (engine, path) = (found.engine, withoutTrailingSlash(found.value.mountpoint))
        guard path.hasPrefix("/") else {
            throw .unsupported(
                "the volume \(settings.name): its driver \(found.value.driver) does not say where it lies",
                hint: "mount what it holds, and name the folder in a `files` source")
        }
        do { _ = try System.isEmptyFolder(path) } catch {
            throw error.isMissing
                ? .missing(
                    "the volume \(settings.name) at \(path)",
                    hint:
                        "does \(engine.rawValue) run on another machine or in a virtual one? A volume is read where it lies"
                )
                : .notPermitted(
                    "the volume \(settings.name) at \(path)", detail: error.description,
                    hint: services.host.effectiveUserID == 0
                        ? "is its file system in order?"
                        : "run as root: what containers write belongs to root or to users of their own")
        }
        return (engine, path, files(at: path))
    }
}
