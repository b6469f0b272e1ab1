import BackupModel
import Foundation
import ProcessSpawn

/// One output of a child: read to its end whatever happens, kept within bounds, and handed on as it comes.
final class OutputDrain {
    private let descriptor: Descriptor
    private var keeper: OutputKeeper
    private var splitter = LineSplitter()
    private let takeLine: ((UnsafeRawBufferPointer) -> Void)?
    /// Sees every chunk as it comes, after it has been kept.
    var observer: ((UnsafeRawBufferPointer) -> Void)?
    /// Nobody takes what comes: the child has to wait.
    var isPaused = false

    init(_ descriptor: Descriptor, kept: ByteCount, takeLine: ((UnsafeRawBufferPointer) -> Void)? = nil) {
        self.descriptor = descriptor
        keeper = OutputKeeper(limit: kept)
        self.takeLine = takeLine
        _ = hf_set_nonblocking(descriptor.number)
    }

    var isOpen: Bool { descriptor.isOpen }
    var number: Int32 { descriptor.number }
    var total: Int64 { keeper.total }
    var captured: CapturedOutput { keeper.captured }

    /// Reads what is there now, at most `rounds` buffers of it so that others get their turn.
    func drain(into buffer: UnsafeMutableRawBufferPointer, rounds: Int = 4) {
        for _ in 0..<rounds where isOpen {
            let count = read(descriptor.number, buffer.baseAddress, buffer.count)
            if count > 0 {
                take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            } else if count == 0 {
                close()
            } else if errno == EAGAIN {
                return
            } else if errno != EINTR {
                close()
            }
        }
    }

    /// No more is read; a last line without newline is handed over.
    func close() {
        guard isOpen else { return }
        descriptor.close()
        if let takeLine { splitter.finish(to: takeLine) }
    }

    private func take(_ chunk: UnsafeRawBufferPointer) {
        keeper.add(chunk)
        observer?(chunk)
        if let takeLine { splitter.feed(chunk, to: takeLine) }
    }
}
