/// A record on the timeline of the host that takes it over.
module CallServer.Tests.Ledger.HandOverTests

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Tests
open CallServer.Tests.Ledger.Build

let private micros (count: int64) = TimeSpan.FromMicroseconds(float count)

/// The other timeline is ahead by this, of which the record is told so little.
let private shift (ahead: TimeSpan) (early: TimeSpan) (late: TimeSpan) : TimelineShift =
    { Least = ahead - early; Most = ahead + late }

/// A record that has heard these, one a second, the last one in part.
let private heard (count: byte) : GatewayLedger =
    let ids = [ for id in 0 .. int count % 6 -> $"c{id}" ]

    (GatewayLedger.empty gateway, List.indexed ids)
    ||> List.fold (fun ledger (place, _) ->
        let now = 10.0 * float (place + 1)
        let listed = [ for id in List.take (place + 1) ids -> observation id (now + 0.1) ]
        let struct (next, _) = Reconcile.apply (complete now (now + 1.0) listed) ledger
        next)

let ``every true time of a record stays within its bounds`` =
    law (fun (count: byte, ahead: TimeSpan, early: TimeSpan, late: TimeSpan) ->
        let ledger = heard count
        let shift = shift (ahead * 3600.0) early late
        let read = HandOver.read shift ledger

        let holds (was: Interval) (is: Interval) =
            TimelineShift.interval shift was = is
            && (not (Interval.isBounded was)
                || (Interval.contains (was.Earliest + ahead * 3600.0) is
                    && Interval.contains (was.Latest + ahead * 3600.0) is))

        read.Connections.Length = ledger.Connections.Length
        && (ledger.Connections, read.Connections)
           ||> Array.forall2 (fun was is ->
               holds was.Start.Within is.Start.Within
               && is.LastHeard <= was.LastHeard + ahead * 3600.0
               && is.FirstHeard >= was.FirstHeard + ahead * 3600.0
               && is.Facts = was.Facts
               && is.Id = was.Id)
        && read.LastAnswered <= ledger.LastAnswered + ahead * 3600.0
        && List.forall2 (fun was is -> is <= was + ahead * 3600.0) ledger.Completes read.Completes)

let ``an audit that the next host asks for is taken in, contradicts nothing, and ends no call`` =
    law (fun (count: byte, ahead: TimeSpan, early: TimeSpan, late: TimeSpan) ->
        let ledger = heard count
        let last = 10.0 * float (int count % 6 + 1) + 1.0
        let by = ahead * 3600.0
        let read = GatewayLedger.restore (HandOver.read (shift by early late) ledger)
        let moved (seconds: float) = (at seconds + by - at 0.0).TotalSeconds
        let now = last + 0.000002

        let listed = [ for c in ledger.Connections -> observation (string c.Id) (moved (now + 0.1)) ]

        let struct (next, changes) = Reconcile.apply (complete (moved now) (moved (now + 1.0)) listed) read

        next.Connections.Length = ledger.Connections.Length
        && changes
           |> Array.forall (fun change ->
               match change with
               | Confirmed _
               | Updated _ -> true
               | Opened _
               | Unconfirmed _
               | Closed _
               | Conflicted _
               | Renamed _
               | GatewayRestarted _ -> false))

let ``a record of this host's own is read as it is`` =
    law (fun (count: byte) ->
        let ledger = heard count
        obj.ReferenceEquals(HandOver.read TimelineShift.none ledger, ledger))

let ``an end lies after the last moment that the other host surely heard it`` =
    law (fun (count: byte, ahead: TimeSpan, early: TimeSpan, late: TimeSpan) ->
        let ledger = heard count
        let last = 10.0 * float (int count % 6 + 1) + 1.0
        let by = ahead * 3600.0
        let read = GatewayLedger.restore (HandOver.read (shift by early late) ledger)
        let moved (seconds: float) = (at seconds + by - at 0.0).TotalSeconds

        let struct (_, changes) =
            Reconcile.apply (complete (moved (last + 9.0)) (moved (last + 10.0)) []) read

        changes
        |> Array.forall (fun change ->
            match change with
            | Closed(c, ending) ->
                let was = ledger.Connections |> Array.find (fun was -> was.Id = c.Id)

                Interval.contains (was.LastHeard + by) ending.Within
                && Interval.contains (at (moved (last + 9.0))) ending.Within
            | Opened _
            | Updated _
            | Confirmed _
            | Unconfirmed _
            | Conflicted _
            | Renamed _
            | GatewayRestarted _ -> true))
