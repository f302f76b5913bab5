module CallServer.Tests.Wire.TimeWindowTests

open NUnit.Framework
open CallServer.Wire

let private clock boots time latest : EngineClock = { Boots = boots; Time = time; LatestReceived = latest }

// RFC 3414 section 3.2, step 7 b: the clock known is of 5 boots and 1000 seconds, the latest time heard 900.
[<TestCase(5, 1000, true, 1000, 1000, TestName = "now")>]
[<TestCase(5, 900, true, 1000, 900, TestName = "heard before, still in the window")>]
[<TestCase(5, 901, true, 901, 901, TestName = "later than all heard: the clock is set back to it")>]
[<TestCase(5, 850, true, 1000, 900, TestName = "150 seconds old")>]
[<TestCase(5, 849, false, 1000, 900, TestName = "151 seconds old")>]
[<TestCase(5, 100000, true, 100000, 100000, TestName = "far ahead: the clock follows")>]
[<TestCase(4, 1000, false, 1000, 900, TestName = "of an earlier start")>]
[<TestCase(6, 3, true, 3, 3, TestName = "of a later start")>]
[<TestCase(2147483647, 3, false, 3, 3, TestName = "of an engine that is latched")>]
let ``judges at the side that is not authoritative`` boots time inWindow expectedTime expectedLatest =
    TimeWindow.judge (clock 5 1000 900) boots time
    |> Check.equal { Clock = clock (max 5 boots) expectedTime expectedLatest; InWindow = inWindow }

// Step 7 a: the engine itself is at 5 boots and 1000 seconds.
[<TestCase(5, 1000, true)>]
[<TestCase(5, 850, true)>]
[<TestCase(5, 849, false)>]
[<TestCase(5, 1150, true)>]
[<TestCase(5, 1151, false)>]
[<TestCase(5, -2147483648, false)>]
[<TestCase(4, 1000, false)>]
[<TestCase(6, 1000, false)>]
let ``judges at the engine itself`` boots time inWindow =
    TimeWindow.judgeAtAuthority (clock 5 1000 0) boots time |> Check.equal inWindow

[<Test>]
let ``boots that are latched make every message untimely`` () =
    let latched = clock TimeWindow.LatchedBoots 1000 1000
    TimeWindow.judgeAtAuthority latched TimeWindow.LatchedBoots 1000 |> Check.equal false
    (TimeWindow.judge latched TimeWindow.LatchedBoots 1000).InWindow |> Check.equal false

[<Test>]
let ``a clock of which nothing is known follows the first message`` () =
    TimeWindow.judge TimeWindow.unknown 3 77 |> Check.equal { Clock = clock 3 77 77; InWindow = true }
    (TimeWindow.judge TimeWindow.unknown 0 0).InWindow |> Check.equal true

[<WireLaw>]
let ``a message in the window never sets the clock to earlier boots`` (boots: int) (time: int) (own: int) =
    let judgement = TimeWindow.judge (clock own 1000 900) boots time
    judgement.Clock.Boots >= own && (judgement.InWindow || judgement.Clock.Boots >= boots)

[<Test>]
let ``seconds pass, and the time stays at its highest`` () =
    TimeWindow.advance 5 (clock 1 10 3) |> Check.equal (clock 1 15 3)
    TimeWindow.advance 5 (clock 1 2147483645 3) |> Check.equal (clock 1 2147483647 3)
