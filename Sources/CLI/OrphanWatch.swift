import BackupModel
import Synchronization
import Tools

/// Notes every producer of a dump in the journal for as long as it lives, so that the next run can end one that outlived us.
final class OrphanWatch: ProducerWatch, RunObserver {
    private let journal: any ResourceJournal
    private let host: any HostFacts
    private let observer: any RunObserver

    private struct State {
        var run: RunRecord?
        /// Journal entries by process.
        var noted: [Int32: String] = [:]
    }
    private let state = Mutex(State())

    /// - Parameter observer: everything that is observed is passed on to it.
    init(journal: any ResourceJournal, host: any HostFacts, observer: any RunObserver) {
        self.journal = journal
        self.host = host
        self.observer = observer
    }

    func observe(_ event: RunEvent) {
        if case .began(let record) = event { state.withLock { $0.run = record } }
        observer.observe(event)
    }

    func started(_ program: String, process: Int32) {
        guard let run = state.withLock({ $0.run }), let identity = host.process(process) else { return }
        let entry = JournalEntry(
            id: "process-\(run.id)-\(process)", run: run.id, profile: run.profile, order: 1, process: run.process,
            action: .endProcess(identity, program: program))
        state.withLock { $0.noted[process] = entry.id }
        say { () throws(StoreError) in try journal.add(entry) }
    }

    func ended(process: Int32) {
        guard let entry = state.withLock({ $0.noted.removeValue(forKey: process) }) else { return }
        say { () throws(StoreError) in try journal.remove(entry) }
    }

    /// A journal that cannot be written costs the dump nothing: only a kill would make it matter.
    private func say(_ body: () throws(StoreError) -> Void) {
        do { try body() } catch { observer.observe(.notice("the journal of child processes: \(error.description)")) }
    }
}
