/// A partner's claims judged in networks whose truth is known: no true claim is ever called disproved.
module CallServer.Tests.Disputes.DisputeWorldTests

open System.Collections.Generic
open CallServer.Disputes
open CallServer.Tests
open CallServer.Tests.Simulation
open CallServer.Tests.Disputes.DisputeWorld

let private word (verdict: Verdict) =
    match verdict with
    | Verdict.Proved _ -> "proved"
    | Verdict.Possible _ -> "possible"
    | Verdict.Disproved(Disproof.NotThere _) -> "not there"
    | Verdict.Disproved(Disproof.TooLong _) -> "too long"
    | Verdict.Disproved(Disproof.Repeated _) -> "repeated"
    | Verdict.Unknown _ -> "unknown"

/// A true row may only be said to repeat another row of the same call: then the call itself stands.
let private falseAccusations (world: World) (verdicts: Verdict[]) =
    [ for i in 0 .. verdicts.Length - 1 do
          match world.Truths[i], verdicts[i] with
          | OfCall call, Verdict.Disproved(Disproof.Repeated(row, _)) ->
              match world.Truths[row - 1] with
              | OfCall other
              | Double other when other = call -> ()
              | _ -> i + 1, word verdicts[i]
          | OfCall _, Verdict.Disproved _ -> i + 1, word verdicts[i]
          | _ -> () ]

let ``no true claim is disproved, and of each kind of false ones some are`` =
    example (fun () ->
        let first, last = Seeds.range "CALLSERVER_SEEDS" 150UL
        let matrix = Dictionary<struct (string * string), int>()

        for seed in int first .. int last do
            let world = DisputeWorld.create seed
            let verdicts = Judging.judge world.Measure world.Looks world.Legs world.Claims
            falseAccusations world verdicts |> Check.because $"seed {seed}" (Check.equal [])

            for i in 0 .. verdicts.Length - 1 do
                let truth =
                    match world.Truths[i] with
                    | OfCall _ -> "true"
                    | Double _ -> "double"
                    | Inflated _ -> "inflated"
                    | Invented -> "invented"

                let key = struct (truth, word verdicts[i])
                matrix[key] <- matrix.GetValueOrDefault key + 1

        for struct (truth, verdict) in Seq.sort matrix.Keys do
            say $"{truth, -9} {verdict, -9} {matrix[struct (truth, verdict)], 8}"

        for key in
            [ struct ("double", "repeated")
              struct ("inflated", "too long")
              struct ("invented", "not there")
              struct ("true", "proved") ] do
            matrix.GetValueOrDefault key |> Check.because $"{key}" (Check.above 0))

let ``each row and each call belong together once`` =
    example (fun () ->
        for seed in 1..30 do
            let world = DisputeWorld.create seed
            let struct (callOf, _) = Judging.calls world.Legs

            Judging.judge world.Measure world.Looks world.Legs world.Claims
            |> Array.choose (fun verdict ->
                match verdict with
                | Verdict.Proved leg
                | Verdict.Possible(ValueSome leg, _)
                | Verdict.Unknown(ValueSome leg, _)
                | Verdict.Disproved(Disproof.TooLong(leg, _)) -> Some callOf[leg]
                | _ -> None)
            |> Check.isUnique)

let ``a claim stays what it is in whatever order the rows come`` =
    example (fun () ->
        for seed in 1..30 do
            let world = DisputeWorld.create seed
            let judge claims = Judging.judge world.Measure world.Looks world.Legs claims

            let accused (claims: Claim[]) =
                Array.zip claims (judge claims)
                |> Array.choose (fun (claim, verdict) ->
                    match verdict with
                    | Verdict.Disproved(Disproof.NotThere _) -> Some claim.Row
                    | _ -> None)

            // Only what is matched depends on the other rows.
            let there = accused world.Claims |> Set
            let back = accused (Array.rev world.Claims) |> Set
            Check.isTrue (there.Count = 0 || Set.intersect there back |> Set.isEmpty |> not))

let ``where nobody looked, nothing is disproved`` =
    example (fun () ->
        for seed in 1..30 do
            let world = DisputeWorld.create seed
            let blind = world.Looks |> Array.map (fun _ -> [||])

            Judging.judge world.Measure blind world.Legs world.Claims
            |> Array.filter _.IsDisproved
            |> Check.isEmpty)

let ``one gateway that nobody looked at is enough to disprove nothing`` =
    example (fun () ->
        for seed in 1..30 do
            let world = DisputeWorld.create seed
            let looks = Array.append world.Looks [| [||] |]

            Judging.judge world.Measure looks world.Legs world.Claims
            |> Array.filter _.IsDisproved
            |> Check.isEmpty)

let ``who asks for more looks accuses of no more`` =
    example (fun () ->
        for seed in 1..30 do
            let world = DisputeWorld.create seed

            let disproved looks =
                Judging.judge { world.Measure with Looks = looks } world.Looks world.Legs world.Claims
                |> Array.indexed
                |> Array.filter (fun (_, verdict) ->
                    match verdict with
                    | Verdict.Disproved(Disproof.NotThere _ | Disproof.TooLong _) -> true
                    | _ -> false)
                |> Array.map fst
                |> Set

            Check.isTrue (Set.isSubset (disproved 4) (disproved 2)))
