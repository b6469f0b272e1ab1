import BackupModel
import Programs

/// Writes one dump out of a snapshot to a file: beside its place under a name of our own first, counted and proved there, and
/// only then given its name.
struct DumpReceiver: Sendable {
    var services: Services
    var context: CaptureContext

    /// - Parameter prove: looks at the finished file before it gets its name.
    /// - Throws: ``SourceError/targetExists(_:hint:)`` when something is at `target`. Nothing is left after any failure.
    func receive(
        _ request: RestoreRequest, as target: String,
        proving prove: (String) async throws(SourceError) -> RestoreProof
    ) async throws(SourceError) -> RestoreReport {
        if FileStatus.seen(target) != nil {
            throw .targetExists(target, hint: "restore into another folder with --to, or move it away first")
        }
        try services.checkRoom(for: request.part.bytes, at: request.directory)
        let partial = "\(request.directory)/.\(baseName(target)).\(context.run).partial"
        do {
            try System.createFolder(request.directory)
            try System.createPrivateFile(partial)
        } catch { throw .unreadable(partial, reason: "it cannot be made: \(error)") }
        do throws(SourceError) {
            try await fill(partial, from: request)
            let proof = try await prove(partial)
            do { try System.publish(partial, as: target) } catch {
                throw error.code == 17
                    ? .targetExists(target, hint: "it was made while the restore ran")
                    : .unreadable(target, reason: "it cannot be given its name: \(error)")
            }
            var report = RestoreReport(
                place: target, bytes: request.part.bytes, files: 1,
                proofs: ["\(request.part.bytes.bytes) bytes"] + proof.proofs, unproven: proof.unproven,
                notices: proof.notices)
            report.excused = proof.excused
            return report
        } catch {
            let reason = error
            do { try System.remove(partial) } catch {
                context.notice("\(partial) could not be removed after the failure: \(error)")
            }
            throw reason
        }
    }

    private func fill(_ partial: String, from request: RestoreRequest) async throws(SourceError) {
        let reading: [ToolCommand]
        do { reading = try await request.reader.dump(path: request.part.part) } catch { throw .repository(error) }
        var writing = ToolCommand("dd", ["of=\(partial)", "bs=1M", "oflag=nofollow", "conv=fsync", "status=none"])
        writing.teardown = TeardownStep.terminateFirst
        let watch = Task {
            while !Task.isCancelled {
                do { try await services.clock.sleep(for: .milliseconds(500)) } catch { return }
                guard let size = FileStatus.seen(partial)?.size else { return }
                request.progress(TransferProgress(bytes: ByteCount(size), totalBytes: request.part.bytes))
            }
        }
        defer { watch.cancel() }
        try await services.pipe(reading + [writing])
        do {
            let size = ByteCount(try FileStatus(partial, followingLinks: false).size)
            guard size == request.part.bytes else {
                throw SourceError.mismatch(
                    what: "the restored \(request.part.part)", expected: "\(request.part.bytes.bytes) bytes",
                    found: "\(size.bytes) bytes")
            }
        } catch let error as SystemError {
            throw error.reading(partial)
        } catch let error as SourceError {
            throw error
        } catch { throw .unreadable(partial, reason: "\(error)") }
    }
}

extension Services {
    /// Runs a pipeline whose every stage must do its work.
    /// - Throws: the failure of the stage that failed first.
    @discardableResult
    func pipe(
        _ stages: [ToolCommand], reading reader: (any LineReader)? = nil
    ) async throws(SourceError) -> [ToolResult] {
        let result: PipelineResult
        do { result = try await runner.pipeline(stages.map(prepared), refusingEmpty: true, reading: reader) } catch {
            throw .tool(error)
        }
        if result.wasEmpty { throw .producedNothing(tool: baseName(stages[0].program)) }
        let suspects = (result.firstFailure.map { [result.stages[$0]] } ?? []) + result.stages
        for stage in suspects {
            guard let failure = stage.failure else { continue }
            let (tool, said) = (baseName(stage.command.program), stage.errors.text)
            // A stream's key is tried only now, where a tree's was when it was unpacked.
            if tool == "age" && Age.tellsOfWrongKey(said) || tool == "gpg" && GnuPG.tellsOfWrongKey(said) {
                let reason = said.split(whereSeparator: \.isNewline).first.map(String.init) ?? "no key"
                throw .repository(.noKey(file: "the backup of it", tool: tool, detail: reason))
            }
            throw failure
        }
        guard result.committed else {
            throw .toolFailed(tool: baseName(stages[0].program), how: "its output was not let through", detail: "")
        }
        return result.stages
    }
}
