/// Is told of producers. They alone do not get a signal when we die, for they would hand their consumers an end of file; one
/// that never writes again would outlive us, so somebody has to remember it.
///
/// Called on the supervisor's thread: everything waits meanwhile.
package protocol ProducerWatch: Sendable {
    func started(_ program: String, process: Int32)
    /// It is dead and reaped.
    func ended(process: Int32)
}
