/// What a takeover brought back.
module CallServer.Tests.Ledger.RecoveryTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests

let private at (seconds: int) = Instant.ofMicros (1_700_000_000_000_000L + int64 seconds * 1_000_000L)
let private began = at 0
let private gateway number = GatewayId.create $"gw{number}"

let private part number answered recovered confirmed (widths: int list) : GatewayRecovery =
    { Gateway = gateway number
      Completeness = Complete []
      IsTold = true
      Audits = 1
      Answered = at answered
      Recovered = recovered
      Confirmed = confirmed
      Ended = 1
      Unknown = 0
      Widths = widths |> List.map int64 |> Array.ofList
      Unbounded = 2
      RiskActive = TimeSpan.FromSeconds 3.0
      RiskEnded = TimeSpan.FromSeconds 1.0
      Unseen = ValueNone
      UnknownSince = [||]
      RiskUnknown = TimeSpan.Zero }

/// Builds gateways from small numbers; each gateway is named by its position.
let private parts (draws: (byte * byte * byte) list) =
    draws
    |> List.truncate 12
    |> List.mapi (fun number (answered, recovered, confirmed) ->
        part number (int answered) (int recovered) (int confirmed) [ int answered; int confirmed ])

let private all (parts: GatewayRecovery list) =
    let waiting = parts |> List.map _.Gateway

    (Recovery.start began waiting, parts)
    ||> List.fold (fun recovery part -> Recovery.take part recovery)

let ``the sums are those of the parts, in whichever order they come`` =
    lawBy Laws.plain (fun (draws: (byte * byte * byte) list) ->
        let parts = parts draws
        let figures = Recovery.figures (at 1000) (all parts)
        let sum pick = parts |> List.sumBy pick

        figures = Recovery.figures (at 1000) (all (List.rev parts))
        && figures.Recovered = sum _.Recovered
        && figures.Confirmed = sum _.Confirmed
        && figures.Ended = parts.Length
        && figures.Bounded = 2 * parts.Length
        && figures.Unbounded = 2 * parts.Length
        && figures.AtRisk = TimeSpan.FromSeconds(4.0 * float parts.Length)
        && figures.Half <= figures.Ninety
        && (figures.Ninety <= figures.Took || parts.IsEmpty)
        && Option.ofValueOption figures.WorstStart >= Option.ofValueOption figures.MedianStart)

let ``calls that nobody saw are summed over the gateways that count`` =
    example (fun () ->
        let counting number least most =
            { part number 5 1 1 [] with Unseen = ValueSome { Least = least; Most = most } }

        let figures =
            all [ counting 0 3L 4L; part 1 5 1 1 []; counting 2 10L 10L ] |> Recovery.figures (at 10)

        figures.Unseen |> Check.equal { Least = 13L; Most = 14L }
        figures.Counting |> Check.equal 2)

let ``a gateway that is settled counts once, and a stranger not at all`` =
    lawBy Laws.plain (fun (draws: (byte * byte * byte) list) ->
        let parts = parts draws
        let once = all parts
        let twice = (once, parts) ||> List.fold (fun recovery part -> Recovery.take part recovery)
        let strange = Recovery.take (part 99 1 1 1 []) once
        Recovery.isWhole once && twice = once && strange = once)

let ``one that is asked again is waited for, and what happened in both audits counts`` =
    example (fun () ->
        let first =
            Recovery.start began [ gateway 1 ] |> Recovery.take { part 1 1 5 10 [] with IsTold = false }

        Recovery.isWhole first |> Check.isFalse

        let second = Recovery.take (part 1 3 2 14 []) first
        let figures = Recovery.figures (at 9) second
        Recovery.isWhole second |> Check.isTrue
        figures.Recovered |> Check.equal 7

        figures.Confirmed
        |> Check.because "sixteen were heard in the end, and seven of them are new" (Check.equal 9)

        figures.Ended |> Check.equal 2
        figures.Took |> Check.equal (TimeSpan.FromSeconds 3.0))

let ``one that never tells everything is asked three times and no more`` =
    example (fun () ->
        let vague = { part 1 1 5 10 [] with IsTold = false }
        let once = Recovery.start began [ gateway 1; gateway 2 ] |> Recovery.take vague
        let twice = Recovery.take vague once
        let thrice = Recovery.take vague twice
        (once.Waiting.Count, twice.Waiting.Count, thrice.Waiting.Count) |> Check.equal (2, 2, 1)
        Recovery.take vague thrice |> Check.equal thrice)

let ``what is unknown costs more with every second`` =
    example (fun () ->
        let silent =
            { part 1 4 0 0 [] with
                Completeness = Partial [ Silent "no answer" ]
                Unknown = 2
                UnknownSince = [| at -10; at -20 |]
                RiskUnknown = TimeSpan.FromSeconds 2.0
                RiskActive = TimeSpan.Zero
                RiskEnded = TimeSpan.Zero }

        let recovery = Recovery.start began [ gateway 1 ] |> Recovery.take silent
        (Recovery.figures (at 0) recovery).AtRisk |> Check.equal (TimeSpan.FromSeconds 32.0)
        (Recovery.figures (at 5) recovery).AtRisk |> Check.equal (TimeSpan.FromSeconds 42.0))
