import BackupModel
import Testing

@Suite("The pace of a transfer")
struct TransferPaceTests {
    /// A second apart.
    private func pace(_ mebibytes: [Int64]) -> TransferPace {
        var pace = TransferPace()
        for (second, count) in mebibytes.enumerated() { pace.add(.mebibytes(count), at: .seconds(second)) }
        return pace
    }

    @Test func `is told with the time left once enough was seen`() {
        #expect(pace([0, 10]).perSecond == nil)
        #expect(pace([0, 10, 20]).perSecond == .mebibytes(10))
        #expect(pace([0, 10, 20]).left(of: .mebibytes(70)) == .seconds(5))
        #expect(TransferPace().perSecond == nil && TransferPace().left(of: 1) == nil)
    }

    @Test func `is that of the last seconds`() {
        let slowing = (0...20).map { Int64($0) * 100 } + (1...30).map { 2000 + Int64($0) }
        #expect(pace(slowing).perSecond == .mebibytes(1))
    }

    @Test func `leaves no time to tell where nothing moves or all is there`() {
        #expect(pace([5, 5, 5, 5]).perSecond == .zero)
        #expect(pace([5, 5, 5, 5]).left(of: .mebibytes(10)) == nil)
        #expect(pace([0, 5, 10]).left(of: .mebibytes(10)) == nil)
        #expect(pace([0, 5, 10]).left(of: .mebibytes(9)) == nil)
    }

    @Test func `begins anew with the next thing of the same name`() {
        #expect(pace([0, 50, 100, 0, 1]).perSecond == nil)
        #expect(pace([0, 50, 100, 0, 1, 2]).perSecond == .mebibytes(1))
    }
}
