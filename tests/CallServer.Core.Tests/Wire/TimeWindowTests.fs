module CallServer.Tests.Wire.TimeWindowTests

open CallServer.Wire
open CallServer.Tests

let private clock boots time latest : EngineClock = { Boots = boots; Time = time; LatestReceived = latest }

// RFC 3414 section 3.2, step 7 b: the known clock is at 5 boots and 1000 seconds, the latest time heard is 900.
let ``judges at the side that is not authoritative`` =
    namedExamples
        [ "now", (5, 1000, true, 1000, 1000)
          "heard before, still in the window", (5, 900, true, 1000, 900)
          "later than all heard: the clock is set back to it", (5, 901, true, 901, 901)
          "150 seconds old", (5, 850, true, 1000, 900)
          "151 seconds old", (5, 849, false, 1000, 900)
          "far ahead: the clock follows", (5, 100000, true, 100000, 100000)
          "of an earlier start", (4, 1000, false, 1000, 900)
          "of a later start", (6, 3, true, 3, 3)
          "of an engine that is latched", (2147483647, 3, false, 3, 3) ]
        (fun (boots, time, inWindow, expectedTime, expectedLatest) ->
            TimeWindow.judge (clock 5 1000 900) boots time
            |> Check.equal { Clock = clock (max 5 boots) expectedTime expectedLatest; InWindow = inWindow })

// Step 7 a: the engine itself is at 5 boots and 1000 seconds.
let ``judges at the engine itself`` =
    examples
        [ 5, 1000, true
          5, 850, true
          5, 849, false
          5, 1150, true
          5, 1151, false
          5, -2147483648, false
          4, 1000, false
          6, 1000, false ]
        (fun (boots, time, inWindow) ->
            TimeWindow.judgeAtAuthority (clock 5 1000 0) boots time |> Check.equal inWindow)

let ``boots that are latched make every message untimely`` =
    example (fun () ->
        let latched = clock TimeWindow.LatchedBoots 1000 1000
        TimeWindow.judgeAtAuthority latched TimeWindow.LatchedBoots 1000 |> Check.equal false
        (TimeWindow.judge latched TimeWindow.LatchedBoots 1000).InWindow |> Check.equal false)

let ``a clock of which nothing is known follows the first message`` =
    example (fun () ->
        TimeWindow.judge TimeWindow.unknown 3 77 |> Check.equal { Clock = clock 3 77 77; InWindow = true }
        (TimeWindow.judge TimeWindow.unknown 0 0).InWindow |> Check.equal true)

let ``a message in the window never sets the clock to earlier boots`` =
    lawBy wireLaws (fun (boots: int) (time: int) (own: int) ->
        let judgement = TimeWindow.judge (clock own 1000 900) boots time
        judgement.Clock.Boots >= own && (judgement.InWindow || judgement.Clock.Boots >= boots))

let ``seconds pass, and the time stays at its highest`` =
    example (fun () ->
        TimeWindow.advance 5 (clock 1 10 3) |> Check.equal (clock 1 15 3)
        TimeWindow.advance 5 (clock 1 2147483645 3) |> Check.equal (clock 1 2147483647 3))
