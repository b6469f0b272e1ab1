import BackupModel

/// Looks at every source and at the destination before anything is touched.
struct Preflight: Sendable {
    private let engine: Engine

    init(_ engine: Engine) { self.engine = engine }

    struct Ready: Sendable {
        var source: any DumpSource
        var preview: SourcePreview
        var context: CaptureContext
        /// Whom it is encrypted for, where that is not pinned yet.
        var unpinned: Recipients?
        /// It is not encrypted, and this state folder is new: it may have been.
        var mayHaveBeenEncrypted = false
    }

    /// Sources that cannot be captured become gaps at once; the others go on.
    /// - Throws: ``RunStop/failed(_:)`` when a source that is marked `on-failure: abort` cannot be captured, or the
    ///   destination is not what the profile demands.
    /// - Parameter followers: those that are to be fed. One whose tools are missing is told of now and harms nothing else.
    func check(
        _ sources: [any DumpSource], feeding followers: [any Follower], _ record: RunRecord, _ recorder: RunRecorder,
        _ holdings: Holdings
    ) async throws -> [Ready] {
        do throws(RepositoryError) { try engine.primary.requireTools() } catch { throw RunStop.failed(error) }
        for follower in followers {
            do throws(RepositoryError) { try follower.requireTools() } catch {
                recorder.notice("\(follower.spec.name): \(error.description)")
            }
        }
        var ready: [Ready] = []
        let isNew = try !engine.pins.hasState(profile: engine.profile.name) || engine.store.wasRecreated
        // A run that has no private place to work in has no source to blame for it.
        _ = try await holdings.scratch(for: record)
        for source in sources {
            let name = source.spec.name
            do {
                var context = CaptureContext(
                    run: record.id, scratch: try await holdings.scratch(for: name, in: record)
                ) { text in
                    recorder.notice("\(name): \(text)")
                }
                try context.leaveOut(engine)
                let standing = try await RecipientPinning(engine).standing(of: source)
                let preview = try await source.preflight(context)
                for notice in preview.notices { recorder.notice("\(name): \(notice)") }
                await recorder.change { $0.tools.merge(preview.tools) { $1 } }
                ready.append(
                    Ready(
                        source: source, preview: preview, context: context, unpinned: standing.unpinned,
                        mayHaveBeenEncrypted: isNew && standing == .none))
            } catch {
                try await leaveOut(source, error, recorder)
            }
        }
        try await requireAny(ready, recorder)
        try checkDestination(ready)
        for notice in swallowedRepositories(ready) { recorder.notice(notice) }
        return ready
    }

    /// Pins recipients that are new, once the repository can be asked what it knows of them.
    /// - Returns: what may be captured.
    /// - Throws: as ``check(_:_:_:_:)``; ``RecipientsChanged`` for the repository's own.
    func settle(
        _ ready: [Ready], repository: Recipients?, _ catalog: RepositoryCatalog, _ recorder: RunRecorder
    ) async throws -> [Ready] {
        var unpinned: [RecipientSubject: Recipients] = [:]
        for item in ready { unpinned[.source(item.source.spec.name)] = item.unpinned }
        let own = RecipientSubject.repository(engine.primary.spec.pinName)
        unpinned[own] = repository
        let plain = ready.filter(\.mayHaveBeenEncrypted).map { RecipientSubject.source($0.source.spec.name) }
        let changed = try await RecipientPinning(engine).settle(unpinned, plain: plain, catalog) { recorder.notice($0) }
        if let change = changed[own] { throw RunStop.failed(change) }
        guard !changed.isEmpty else { return ready }
        var left: [Ready] = []
        for item in ready {
            if let change = changed[.source(item.source.spec.name)] {
                try await leaveOut(item.source, change, recorder)
            } else {
                left.append(item)
            }
        }
        try await requireAny(left, recorder)
        return left
    }

    private func leaveOut(_ source: any DumpSource, _ error: any Error, _ recorder: RunRecorder) async throws {
        let name = source.spec.name
        let failure = RunRecorder.failure(of: error)
        if failure.kind == .interrupted || Task.isCancelled { throw RunStop.cancelled }
        if source.spec.onFailure == .abort {
            throw RunStop.failed(Failure("\(name): \(failure.description)", hint: failure.hint, kind: failure.kind))
        }
        await recorder.gap(name, failure)
    }

    private func requireAny(_ ready: [Ready], _ recorder: RunRecorder) async throws {
        guard ready.isEmpty else { return }
        guard let first = await recorder.record.failures.first else {
            throw RunStop.failed(
                Failure("profile \(engine.profile.name) has no sources", hint: "add one under `sources:`"))
        }
        throw RunStop.noneCaptured(Failure("no source can be captured", kind: first.kind))
    }

    /// A repository inside what it backs up grows by itself with every run.
    private func swallowedRepositories(_ ready: [Ready]) -> [String] {
        let folders = ([engine.primary.location] + engine.followers.map(\.location)).filter { $0.hasPrefix("/") }
        return ready.flatMap { item in
            let spec = item.source.spec
            let excludes = (spec.settings["exclude"] ?? spec.entry["exclude"])?.strings ?? []
            return folders.compactMap { folder -> String? in
                guard item.preview.paths.contains(where: { Preflight.isInside(folder, $0) }),
                    !excludes.contains(where: { Preflight.isInside(folder, $0) })
                else { return nil }
                return
                    "\(spec.name): the repository at \(folder) lies inside this source and would be stored in itself; "
                    + "add it to `exclude:`"
            }
        }
    }

    private static func isInside(_ path: String, _ folder: String) -> Bool {
        path == folder || path.hasPrefix(folder.hasSuffix("/") ? folder : folder + "/")
    }

    /// A second copy on the disk of the first is lost with it.
    private func checkDestination(_ ready: [Ready]) throws {
        let failure = engine.sharedDisk(
            engine.primary.spec, at: engine.primary.location, with: ready.flatMap(\.preview.paths))
        if let failure { throw RunStop.failed(failure) }
    }
}
