module CallServer.Tests.Gateway.FormulaTests

open System
open FsCheck
open FsCheck.FSharp
open CallServer.Model
open CallServer.Ledger
open CallServer.Formula
open CallServer.Surface
open CallServer.Tests
open CallServer.Tests.Gateway.Asking

/// A formula, and moments at which it is looked at.
type Case = { Gateway: FormulaGateway; Looks: Instant list }

type Cases =
    static member Case() : Arbitrary<Case> =
        gen {
            let! seed = Gen.choose (1, 1_000_000)
            let! lines = Gen.choose (1, 40)
            let! life = Gen.choose64 (1L, 100_000_000_000L)
            let! looks = Gen.listOf (Gen.choose64 (0L, 4L * life))

            return
                { Gateway = { Seed = seed; Lines = lines; MeanLife = life }
                  Looks =
                    looks |> List.sort |> List.map (fun micros -> Instant.ofMicros (epoch.Micros + micros)) }
        }
        |> Arb.fromGen

let private law (property: Case -> bool) =
    lawBy (Laws.plain |> Laws.drawing [ typeof<Arbitraries>; typeof<Cases> ] |> Laws.times 1000) property

let ``carries one connection on each line at every moment, under names of their own`` =
    law (fun case ->
        case.Looks
        |> List.forall (fun look ->
            let carried = FormulaGateway.at look case.Gateway

            carried.Length = case.Gateway.Lines
            && (carried |> Array.distinctBy (fun connection -> connection.Id)).Length = carried.Length
            && carried |> Array.forall (fun connection -> connection.Start <= look && look < connection.End)))

let ``the truth of a time is what is carried at any moment of it, each connection once`` =
    law (fun case ->
        match case.Looks with
        | [] -> true
        | first :: _ ->
            let among = FormulaGateway.between first (List.last case.Looks) case.Gateway

            let isAmong connection = Array.contains connection among

            case.Looks
            |> List.forall (fun look -> FormulaGateway.at look case.Gateway |> Array.forall isAmong)
            && (among |> Array.distinctBy (fun connection -> connection.Id)).Length = among.Length
            && among
               |> Array.forall (fun connection ->
                   connection.Start <= List.last case.Looks && connection.End > first))

/// How far the record's clock is ahead of the gateway's.
let private ahead = TimeSpan.FromHours 1.0

let private moment (wall: Instant) : Moment = { Steady = wall + ahead; Wall = wall }

let ``an audit tells what is carried when it is answered, each start within its bounds`` =
    law (fun case ->
        let asked = ResizeArray<string>()
        let protocols = Formulas.protocols (Action<string> asked.Add)
        let answering = TimeSpan.FromMilliseconds 20.0

        let isTold (interrupted: TimeSpan) (look: Instant) =
            match protocols.TryParse(Formulas.uri "192.0.2.9" case.Gateway) with
            | false, _, mistakes -> failtest (String.concat "; " mistakes)
            | true, uri, _ ->
                let target = protocols.Target("f1", uri, GatewaySecrets.None, seconds 1.0, 1)
                let sent = Sent()
                let began = moment (look - answering)
                // Between its two readings the thread stood still.
                let exchange =
                    target.Start(null, { began with Wall = began.Wall + interrupted }, 7UL, "", null)

                exchange.Dispatch sent
                exchange.Tick(moment look).Dispatch sent
                let truth = FormulaGateway.at look case.Gateway |> Array.sortBy (fun carried -> carried.Id)

                let told =
                    sent.Result.Snapshot.Observations
                    |> Array.sortBy (fun told -> ConnectionId.value told.Id)

                sent.Result.Complete
                && told.Length = truth.Length
                && (truth, told)
                   ||> Array.forall2 (fun (connection: FormulaConnection) (told: Observation) ->
                       ConnectionId.value told.Id = connection.Id
                       && Interval.contains (connection.Start + ahead) told.Start.Value.Within)

        let isAllTold =
            case.Looks
            |> List.forall (fun look ->
                isTold TimeSpan.Zero look && isTold (TimeSpan.FromMilliseconds 15.0) look)

        isAllTold && asked.Count = 2 * case.Looks.Length && Seq.forall ((=) "f1") asked)
