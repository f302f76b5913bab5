/// Calls that add up: the balance of a record with its gateway's running total.
module CallServer.Tests.Ledger.BalanceTests

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests

let private start = Instant.ofMicros 1_790_000_000_000_000L

let private after (seconds: float) = start + TimeSpan.FromSeconds seconds

/// A gateway where calls come and go, and a record that sees them only in lists: each call is passed at some moment of the list.
type private World(seed: int, wraps: int64 voption, first: int64) =
    let dice = Random seed
    let live, seen = HashSet<int>(), HashSet<int>()
    let untold = HashSet<int>()
    let mutable begun = 0
    let mutable balance = Balance.none
    let mutable at = 0.0
    // How many had begun before the first list, and after it.
    let mutable baseline = ValueNone

    let told () =
        match wraps with
        | ValueSome period -> (first + int64 begun) % period
        | ValueNone -> first + int64 begun

    let happen () =
        if dice.Next 5 < 3 || live.Count = 0 then
            live.Add begun |> ignore
            begun <- begun + 1
        else
            let ended = Seq.item (dice.Next live.Count) live
            live.Remove ended |> ignore

            if not (seen.Contains ended) then
                untold.Add ended |> ignore

    member _.Balance = balance

    member _.Pass() =
        for _ in 1 .. dice.Next 6 do
            happen ()

    /// An audit during which calls come and go. Its history may tell of calls that have ended.
    member _.Audit(isComplete: bool) =
        at <- at + 10.0
        let asked = after at
        let before = told ()
        let counted = begun
        let listed = HashSet<int>()

        for _ in 0 .. dice.Next 4 do
            // What the list passes at this moment.
            for call in Seq.toArray live do
                if dice.Next 3 = 0 then
                    listed.Add call |> ignore

            if dice.Next 2 = 0 then
                // The passes before missed those that are there all the time: the last one takes them.
                happen ()

        if isComplete then
            for call in live do
                if call < counted then
                    listed.Add call |> ignore

        let fresh = listed |> Seq.filter (fun call -> seen.Add call) |> Seq.length |> int64

        // What the history tells after the end: some of it so roughly that nobody knows whether it began before the first list.
        let late =
            match baseline with
            | ValueSome(struct (since, listed)) ->
                [ for call in Seq.toArray untold do
                      if dice.Next 4 = 0 then
                          untold.Remove call |> ignore

                          if seen.Add call then
                              if dice.Next 4 > 0 && call >= listed then
                                  { Counted = 1L; Late = 1L; Perhaps = 0L }
                              elif dice.Next 4 > 0 && call < since then
                                  Sighted.nothing
                              else
                                  { Counted = 0L; Late = 0L; Perhaps = 1L } ]
            | ValueNone -> []

        let sum (part: Sighted -> int64) = late |> List.sumBy part

        balance <-
            Balance.see
                { Counted = fresh + sum _.Counted; Late = sum _.Late; Perhaps = sum _.Perhaps }
                balance

        if isComplete then
            let total: RunningTotal =
                { Of = TotalOf.Connections; Before = before; After = told (); Wraps = wraps }

            balance <- Balance.take asked (asked + TimeSpan.FromSeconds 1.0) total balance

            if baseline.IsNone then
                baseline <- ValueSome(struct (counted, begun))

        match baseline with
        | ValueSome(struct (since, _)) when isComplete ->
            ValueSome(int64 (Seq.length (Seq.filter (seen.Contains >> not) (seq { since .. counted - 1 }))))
        | ValueSome _
        | ValueNone -> ValueNone

let private check (world: World) (audits: bool list) =
    for isComplete in audits do
        world.Pass()

        match world.Audit isComplete with
        | ValueSome truth ->
            let unseen = Balance.unseen world.Balance
            truth |> Check.because $"{unseen}" (Check.between unseen.Least unseen.Most)
        | ValueNone -> ()

        world.Balance.Surplus |> Check.equal 0L

let ``what nobody saw lies within what is said of it, whatever comes and goes while lists are read`` =
    law (fun (seed: int) (audits: bool list) -> check (World(seed, ValueNone, 0L)) (true :: audits))

let ``a total that wraps goes on`` =
    law (fun (seed: int) (audits: bool list) (first: byte) ->
        check (World(seed, ValueSome 4294967296L, 4294967295L - int64 first % 40L)) (true :: audits))

let private total before after' : RunningTotal =
    { Of = TotalOf.Connections
      Before = before
      After = after'
      Wraps = ValueSome 4294967296L }

let private see counted late = Balance.see { Counted = counted; Late = late; Perhaps = 0L }

let private take (at: float) before after' balance =
    Balance.take (after at) (after (at + 1.0)) (total before after') balance

let ``where nothing happens during audits, the balance is exact`` =
    example (fun () ->
        let balance = Balance.none |> take 0.0 100L 100L |> see 3L 0L |> take 10.0 108L 108L
        Balance.unseen balance |> Check.equal { Least = 5L; Most = 5L }

        // The gateway's history tells of two of them, and one more began and was seen.
        let balance = balance |> see 3L 2L |> take 20.0 109L 109L
        Balance.unseen balance |> Check.equal { Least = 3L; Most = 3L })

let ``bounds do not grow with the number of audits`` =
    example (fun () ->
        let balance =
            (take 0.0 100L 101L Balance.none, [ 1..50 ])
            ||> List.fold (fun balance place ->
                let total = 100L + 2L * int64 place
                balance |> see 1L 0L |> take (10.0 * float place) total (total + 1L))

        Balance.unseen balance |> Check.equal { Least = 49L; Most = 51L })

let ``a record that has seen more than the total is a surplus, and the count begins anew`` =
    example (fun () ->
        let balance = Balance.none |> take 0.0 100L 100L |> see 3L 0L |> take 10.0 108L 108L
        let balance = balance |> see 4L 0L |> take 20.0 110L 110L
        balance.Surplus |> Check.equal 2L
        Balance.unseen balance |> Check.equal { Least = 5L; Most = 5L }
        let balance = balance |> see 1L 0L |> take 30.0 112L 112L
        balance.Surplus |> Check.equal 2L
        Balance.unseen balance |> Check.equal { Least = 6L; Most = 6L })

let ``a restart, a reset and a wrap are told apart`` =
    example (fun () ->
        let before =
            Balance.none |> take 0.0 4_000_000_000L 4_000_000_000L |> take 10.0 4_000_000_002L 4_000_000_002L

        // Set to zero: what began since the last audit is not known.
        let reset = before |> see 3L 0L |> take 20.0 3L 3L
        Balance.unseen reset |> Check.equal { Least = 2L; Most = 2L }
        reset.Surplus |> Check.equal 0L
        let later = reset |> take 30.0 4L 4L
        Balance.unseen later |> Check.equal { Least = 3L; Most = 3L }

        // It was set to zero while it was read.
        let mixed = before |> take 20.0 4_000_000_003L 1L
        mixed.Tally |> Check.equal ValueNone
        Balance.unseen mixed |> Check.equal { Least = 2L; Most = 2L }

        let wrapped = Balance.none |> take 0.0 4_294_967_290L 4_294_967_290L |> see 7L 0L |> take 10.0 4L 4L

        Balance.unseen wrapped |> Check.equal { Least = 3L; Most = 3L }

        // A restart closes the tally, and what was told stays.
        let restarted = Balance.close before |> take 20.0 1L 1L |> take 30.0 1L 1L
        Balance.unseen restarted |> Check.equal { Least = 2L; Most = 2L })
