namespace CallServer.Ledger

open System.Collections.Generic
open CallServer.Model

/// What one call is judged by, and what the judgement can be.
module internal CallsCase =
    [<NoComparison; NoEquality>]
    type Case =
        {
            Rules: CallRules
            Live: Leg[]
            Gone: Leg[]
            /// Since when the call is known to lack the other kind of source: its gateway's calls usually
            /// have it, and every gateway that could report it was asked.
            Lacks: Instant voption
        }

    [<NoComparison>]
    type Verdict =
        | Nothing
        /// A disagreement that becomes a finding if the next report repeats it.
        | Waiting
        | Proven of Finding

    let found kind since text = Proven { Kind = kind; Since = since; Text = text }

    /// The legs by name, at most three of them.
    let names (legs: Leg[]) =
        let shown = legs |> Seq.truncate 3 |> Seq.map (fun leg -> string leg.Key) |> String.concat ", "
        if legs.Length > 3 then $"{shown} and {legs.Length - 3} more" else shown

    let isAre (legs: Leg[]) = if legs.Length = 1 then "is" else "are"

    let latest (instants: Instant seq) = Seq.reduce Instant.max instants
    let earliest (instants: Instant seq) = Seq.reduce Instant.min instants

    /// Whether a live leg was heard alive at least the grace after another ended, so that its end is not just
    /// a moment early.
    let outlived (case: Case) (over: Instant) =
        case.Live
        |> Array.exists (fun leg -> leg.IsConfirmed && leg.Connection.LastHeard >= over + case.Rules.Grace)

    /// Whether all of them were confirmed and heard alive at least the grace after this moment.
    let stillSay (case: Case) (since: Instant) (legs: Leg[]) =
        legs
        |> Array.forall (fun leg -> leg.IsConfirmed && leg.Connection.LastHeard >= since + case.Rules.Grace)

    /// The first verdict that is proven, otherwise Waiting if there is one.
    let firstOf (verdicts: Verdict seq) =
        let mutable best = Nothing
        use each = verdicts.GetEnumerator()

        while (match best with
               | Proven _ -> false
               | Nothing
               | Waiting -> each.MoveNext()) do
            match best, each.Current with
            | Waiting, Nothing -> ()
            | _, verdict -> best <- verdict

        best

    let socket (leg: Leg) =
        leg.Connection.Facts.LocalMedia |> ValueOption.bind (CallsKeys.ofAddress leg.Key.Gateway)

    let target (leg: Leg) =
        leg.Connection.Facts.RemoteMedia |> ValueOption.bind (CallsKeys.ofAddress leg.Key.Gateway)

    /// Legs by their own socket, without sockets that several legs have.
    let bySocket (legs: Leg[]) : Dictionary<AddressKey, Leg> =
        let sockets = Dictionary<AddressKey, Leg>()
        let shared = HashSet<AddressKey>()

        for leg in legs do
            match socket leg with
            | ValueSome own when not (sockets.TryAdd(own, leg)) -> shared.Add own |> ignore
            | ValueSome _
            | ValueNone -> ()

        for own in shared do
            sockets.Remove own |> ignore

        sockets

    /// Pairs of legs of which the first sends its media to the second's socket.
    let streams (legs: Leg[]) : struct (Leg * Leg)[] =
        let sockets = bySocket legs

        [| for leg in legs do
               match target leg with
               | ValueSome aim ->
                   match sockets.TryGetValue aim with
                   | true, peer when peer.Key <> leg.Key -> struct (leg, peer)
                   | _ -> ()
               | ValueNone -> () |]

    /// Legs grouped by gateway, in the order of gateways.
    let bySource (legs: Leg[]) : struct (GatewayId * Leg[])[] =
        legs
        |> Array.groupBy (fun leg -> leg.Key.Gateway)
        |> Array.sortBy fst
        |> Array.map (fun (gateway, own) -> struct (gateway, own))
