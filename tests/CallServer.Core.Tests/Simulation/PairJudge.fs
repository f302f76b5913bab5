namespace CallServer.Tests.Simulation

open System
open System.Collections.Generic
open CallServer.Model
open CallServer.Ledger

/// Compares what two servers say with the truth.
type PairJudge(gateways: PairGateway[], fail: string -> unit) =
    let byName = gateways |> Array.map (fun g -> KeyValuePair(g.Id, g)) |> Dictionary
    let heard = HashSet<TrueConnection>(HashIdentity.Reference)
    // What was known only to a server whose disk was lost.
    let lost = HashSet<TrueConnection>(HashIdentity.Reference)
    let meanings = Dictionary<Guid, TrueConnection>()
    let names = Dictionary<TrueConnection, Guid>(HashIdentity.Reference)

    let truth (gateway: GatewayId) (c: Connection) : TrueConnection =
        byName[gateway].All[int c.Facts.Mode.Value - 1]

    let holds (disk: PairDisk) (wanted: TrueConnection) =
        let means (c: Connection) = c.Facts.Mode = wanted.Facts.Mode

        let isKept (kept: KeyValuePair<Guid, KeptCdr>) = obj.ReferenceEquals(meanings[kept.Key], wanted)

        disk.Ledgers
        |> Array.exists (fun ledger ->
            string ledger.Gateway = wanted.Gateway && Array.exists means ledger.Connections)
        || Seq.exists isKept disk.Written
        || Seq.exists isKept disk.Held

    /// The number of CDRs that both servers have written.
    member _.Duplicates(a: PairDisk, b: PairDisk) =
        a.Written.Keys |> Seq.filter b.Written.ContainsKey |> Seq.length

    member _.Truth(gateway: GatewayId, c: Connection) = truth gateway c

    member _.Opened(gateway: GatewayId, c: Connection) =
        let t = truth gateway c
        heard.Add t |> ignore
        lost.Remove t |> ignore

    member _.Took(server: string, anchor: TimeSpan, ledger: GatewayLedger) =
        for c in ledger.Connections do
            if c.Status = Status.Confirmed then
                let t = truth ledger.Gateway c

                if not (Interval.contains (t.Start + anchor) c.Start.Within) then
                    fail $"{server}: {c.Id} started at {t.Start + anchor}, said {c.Start.Within}"

    member _.Ended(server: string, kept: KeptCdr) =
        let c, ending = kept.Cdr.Connection, kept.Cdr.Ending
        let t = truth kept.Cdr.Gateway c

        match t.End with
        | ValueNone -> fail $"{server}: {c.Id} was closed ({ending.Evidence}) and lives"
        | ValueSome ended ->
            if not (Interval.contains (ended + kept.Anchor) ending.Within) then
                fail
                    $"{server}: {c.Id} ended at {ended + kept.Anchor}, said {ending.Within} {ending.Evidence}"

        if not (Interval.contains (t.Start + kept.Anchor) c.Start.Within) then
            fail $"{server}: {c.Id} began at {t.Start + kept.Anchor}, its CDR says {c.Start.Within}"

        match meanings.TryGetValue kept.Cdr.Id with
        | true, other when not (obj.ReferenceEquals(other, t)) ->
            fail $"{server}: the CDR of {c.Id} has the id of {other.Id} of {other.Gateway}"
        | _ -> meanings[kept.Cdr.Id] <- t

        match names.TryGetValue t with
        | true, other when other <> kept.Cdr.Id -> fail $"{server}: {c.Id} has two CDR ids"
        | _ -> names[t] <- kept.Cdr.Id

    /// A disk is lost, and with it everything that nobody else knows.
    member _.DiskLost(gone: PairDisk, other: PairDisk) =
        for t in heard do
            if holds gone t && not (holds other t) then
                lost.Add t |> ignore

    /// One of the servers must bill everything that any of them ever heard and that had ended by then.
    member _.Billed(by: Instant, disks: PairDisk list) =
        let written = HashSet<Guid>(disks |> Seq.collect _.Written.Keys)

        for t in heard do
            match t.End with
            | ValueSome ended when ended < by && not (lost.Contains t) ->
                let billed =
                    match names.TryGetValue t with
                    | true, id -> written.Contains id
                    | _ -> false

                if not billed then
                    fail $"{t.Id} of {t.Gateway} was heard, ended at {ended}, and nobody wrote a CDR"
            | _ -> ()

    /// The acting server's record must have everything that is alive and not too young.
    member _.Known(since: Instant, ledgers: GatewayLedger[]) =
        for ledger in ledgers do
            let known = ledger.Connections |> Seq.map (fun c -> c.Facts.Mode) |> HashSet

            for t in byName[ledger.Gateway].All do
                if t.End.IsNone && t.Start < since && not (known.Contains t.Facts.Mode) then
                    fail $"{t.Id} of {t.Gateway} lives and is not in the record"

    member _.Heard = heard.Count
    member _.Lost = lost.Count
