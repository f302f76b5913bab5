namespace CallServer.Tests.Ledger

open System
open System.Collections.Generic
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger

/// What a gateway reports of its connections apart from their existence.
type Kind =
    /// Ids are never reused, and starts are reported: FreeSWITCH, rtpengine.
    | Unique
    /// Ids are made from the up-time, and there is a history: Cisco.
    | BootTied
    /// Ids are reused, and starts are reported.
    | Reused
    /// Nothing but presence is reported: MGCP.
    | Unreported
    /// A table whose rows shift, so that a complete audit may miss one: Asterisk.
    | Shifting

type Truth =
    {
        Key: int
        mutable Id: string
        mutable Stamp: string
        /// Two connections may belong to one call, and begin at the same moment.
        Call: string
        Media: MediaAddress
        Setup: Instant
        /// When it is answered, if ever.
        Start: Instant
        mutable End: Instant voption
        /// When its row appears in the history.
        mutable Told: Instant
    }

/// The randomness of one world.
type Chances(seed: uint64) =
    let mutable rng = Rng.create seed

    member _.Below(limit: int) : int =
        let struct (value, next) = Rng.below limit rng
        rng <- next
        value

    member this.Percent(percent: int) : bool = this.Below 100 < percent
    member this.Micros(limit: int) : TimeSpan = TimeSpan.FromMicroseconds(float (this.Below limit))

/// A gateway as it truly is, and what an audit hears of it. It is deliberately difficult: the next run reuses the ids
/// of this one, two legs of one call begin at the same moment, ringing calls are listed, and history rows are
/// reported again and again, some of them late.
type TrueGateway(kind: Kind, chances: Chances, start: Instant) =
    let truths = Dictionary<int, Truth>()
    let usedIds = HashSet<string>()
    let mutable bootedAt = start - TimeSpan.FromHours 3.0
    let mutable boots = 1

    let isReported = kind <> Unreported && kind <> Shifting

    let isThere (moment: Instant) (truth: Truth) =
        truth.Setup <= moment && (truth.End.IsNone || truth.End.Value > moment)

    let alive () = truths.Values |> Seq.filter (fun t -> t.End.IsNone) |> Array.ofSeq

    /// The stamp of its setup in tens of seconds, and a number; the next run reuses both.
    let stampedId (setup: Instant) =
        let stamp = string (max 0 (int ((setup - bootedAt).TotalSeconds / 10.0)))
        let id = Seq.initInfinite (fun n -> $"{stamp}.{n}") |> Seq.find usedIds.Add
        struct (id, stamp)

    let name (setup: Instant) key =
        match kind with
        | BootTied -> stampedId setup
        | Reused ->
            let used = alive () |> Seq.map (fun t -> t.Id) |> HashSet
            let id = Seq.initInfinite (fun i -> $"ch{i}") |> Seq.find (fun id -> not (used.Contains id))
            struct (id, "")
        | Unique
        | Unreported
        | Shifting -> struct ($"id-{key}", "")

    let add (setup: Instant) (ringing: TimeSpan) (call: string) =
        let key = truths.Count + 1
        let struct (id, stamp) = name setup key

        truths[key] <-
            { Key = key
              Id = id
              Stamp = stamp
              Call = call
              Media = { Host = "192.0.2.1"; Port = 4000 + 2 * key }
              Setup = setup
              Start = setup + ringing
              End = ValueNone
              Told = Instant.distantFuture }

    member _.Truths = truths
    member _.Kind = kind
    member _.BootedAt = bootedAt
    member _.Token = BootToken.create $"boot-{boots}"
    member _.IsReported = isReported

    member _.Open(now: Instant) =
        let ringing =
            if isReported && chances.Percent 40 then
                chances.Micros 8_000_000
            else
                TimeSpan.Zero

        let call = $"call-{truths.Count / 2}"
        add now ringing call

        if chances.Percent 30 then
            add now ringing (if chances.Percent 70 then call else call + "-b")

    member _.Close(now: Instant) =
        match alive () with
        | [||] -> ()
        | candidates ->
            let truth = candidates[chances.Below candidates.Length]
            truth.End <- ValueSome now
            truth.Told <- now + chances.Micros(if chances.Percent 30 then 8_000_000 else 1)

    /// Goes down with all its calls, and comes back at another moment.
    member _.Reboot(now: Instant, back: Instant) =
        for truth in alive () do
            truth.End <- ValueSome now

        for truth in truths.Values do
            truth.Told <- Instant.distantFuture

        bootedAt <- back
        boots <- boots + 1
        usedIds.Clear()

    /// Restarts only the management agent: setup stamps now count from the new boot, and every row gets another id.
    member _.RestartAgent(now: Instant) =
        bootedAt <- now
        boots <- boots + 1

        if kind = BootTied then
            usedIds.Clear()

            for truth in truths.Values do
                truth.Told <- Instant.distantFuture

            for truth in alive () |> Array.sortByDescending _.Key do
                let struct (id, stamp) = stampedId (bootedAt - TimeSpan.FromSeconds 1.0)
                truth.Id <- id
                truth.Stamp <- stamp

    member _.Boot(answered: Instant) : Boot =
        { Token = ValueSome(BootToken.create $"boot-{boots}")
          Scope = OfAgent
          Began =
            ValueSome(Interval.create (bootedAt - chances.Micros 20_000) (bootedAt + chances.Micros 20_000))
          Period = ValueSome Boot.timeTicksPeriod
          ReadAt = answered }

    /// What the gateway reports at that moment: that the connection rings, or when it was answered.
    member private _.Answer (truth: Truth) (moment: Instant) (heard: Interval) : Timing =
        if truth.Start > moment then
            Timing.reported (Interval.from (Instant.min heard.Earliest truth.Start))
        else
            let latest = Instant.min heard.Latest (truth.Start + chances.Micros 30_000)
            let latest = Instant.max latest truth.Start
            Timing.reported (Interval.create (truth.Start - chances.Micros 30_000) latest)

    member private _.Told (truth: Truth) (heard: Interval) : Observation =
        { Id = ConnectionId.create truth.Id
          Stamp = (if truth.Stamp <> "" then ValueSome truth.Stamp else ValueNone)
          Heard = heard
          Setup = ValueNone
          Start = ValueNone
          MinimumAge = TimeSpan.Zero
          Facts =
            { Facts.none with
                Call = ValueSome(CallId.create truth.Call)
                RemoteMedia = ValueSome truth.Media
                Mode = ValueSome(string truth.Key) } }

    member private _.SetupOf(truth: Truth) : Timing =
        Timing.reported (Interval.create (truth.Setup - chances.Micros 30_000) truth.Setup)

    /// Everything that one audit hears, each row at a moment in its window. If two connections use the same id during
    /// the audit, the later row is read.
    member this.Listed(asked: Instant, answered: Instant) : Observation[] =
        let observe (truth: Truth) =
            let moment = asked + chances.Micros(int (answered.Micros - asked.Micros) + 1)

            if not (isThere moment truth) then
                None
            else
                let heard =
                    Interval.create
                        (Instant.max asked (moment - chances.Micros 20_000))
                        (Instant.min answered (moment + chances.Micros 20_000))

                let told = this.Told truth heard

                Some(
                    if isReported then
                        let start = this.Answer truth moment heard
                        let isActive = truth.Start <= moment

                        { told with
                            Start = ValueSome start
                            Setup = (if kind = Unique then ValueNone else ValueSome(this.SetupOf truth))
                            MinimumAge =
                                (if isActive && chances.Percent 50 then
                                     (heard.Earliest - truth.Start) * 0.9 |> max TimeSpan.Zero
                                 else
                                     TimeSpan.Zero) }
                    else
                        told
                )

        truths.Values
        |> Seq.choose observe
        |> Seq.sortBy _.Id
        |> Seq.groupBy _.Id
        |> Seq.map (fun (_, same) -> Seq.last same)
        |> Array.ofSeq

    /// The history rows that an audit reads at that moment.
    member this.Ended(moment: Instant) : Ended[] =
        truths.Values
        |> Seq.filter (fun truth -> truth.Told <= moment && truth.End.IsSome)
        |> Seq.map (fun truth ->
            let ended = truth.End.Value
            let wasAnswered = truth.Start <= ended
            let told = this.Told truth (Interval.point moment)

            let start =
                if wasAnswered then
                    Interval.create (truth.Start - chances.Micros 30_000) truth.Start
                else
                    Interval.from truth.Setup

            { Observation =
                { told with
                    Setup = ValueSome(this.SetupOf truth)
                    Start = ValueSome(Timing.reported start) }
              End =
                Timing.reported (
                    Interval.create (ended - chances.Micros 10_000) (ended + chances.Micros 10_000)
                )
              Cause = ValueNone
              Counters = ValueNone
              IsRenamed = false
              Row = ValueNone })
        |> Seq.sortBy _.Observation.Id
        |> Array.ofSeq
